"""Networks of the papers' experiments: frozen sizes that make a Keras model."""
