"""The search for update rules as TF-Agents sees it: environment, networks, controllers, training binary."""

# Before anything here imports TensorFlow: it sets the log level that keeps TensorFlow quiet.
import neural_optimizer_search  # noqa: F401
