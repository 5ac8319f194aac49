"""The commands of `benchmarks.run` other than the studies: the experiments and their report."""
