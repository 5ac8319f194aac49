"""Where rules are measured: executors, and the workers that they run."""
