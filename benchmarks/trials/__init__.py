"""Comparison of optimizers: trials, training, selection, records, tables and plots."""
