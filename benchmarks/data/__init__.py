"""The data of the experiments, one file per kind, and synthetic data of the same form."""
