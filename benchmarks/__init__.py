"""Scripts that print a readable table and, as their last line, one JSON object with their figures."""

# Before a script imports TensorFlow: it sets the log level that keeps TensorFlow quiet.
import neural_optimizer_search  # noqa: F401
