"""The networks of the papers' experiments, and translation by beam search."""
