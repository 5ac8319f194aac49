"""Networks of the papers' experiments, and how one of them translates."""
