"""The papers' experiments and our own studies, all of which `benchmarks.run` runs."""

# Before a script imports TensorFlow: it sets the log level that keeps TensorFlow quiet.
import neural_optimizer_search  # noqa: F401
