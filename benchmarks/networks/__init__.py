"""Networks of the papers' experiments: frozen sizes that make a Keras model, and how one translates."""
