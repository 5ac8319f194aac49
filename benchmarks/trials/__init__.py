"""How optimizers are compared: trials, training, selection, records, tables and pictures."""
