"""What `benchmarks.run` runs beside the studies: an experiment of the papers, and the report about all of them."""
