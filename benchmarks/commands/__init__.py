"""What `benchmarks.run` runs besides the studies: the experiments, and the report about them."""
