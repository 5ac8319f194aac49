"""Everything that needs TF-Agents: PPO, REINFORCE and TRPO for the search, and two environments."""

# Before anything here imports TensorFlow: it sets the log level that keeps TensorFlow quiet.
import neural_optimizer_search  # noqa: F401
