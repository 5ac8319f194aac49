"""What `benchmarks.run` runs beside the studies: the experiments, and the report about them."""
