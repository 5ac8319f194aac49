"""The papers' experiments and our own studies, all run by `benchmarks.run`."""

# Before a script imports TensorFlow: it sets the log level that keeps TensorFlow quiet.
import neural_optimizer_search  # noqa: F401
