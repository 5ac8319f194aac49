"""The executors that measure rules, and the workers that they run."""
