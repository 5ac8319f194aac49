"""The data of the experiments, one file for each kind, and made-up data of the same form."""
