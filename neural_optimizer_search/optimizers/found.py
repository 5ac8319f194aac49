"""Rows of the catalogue that this package's own searches found, each with the setting that it was found with.

Section 25 of `benchmarks/results` reports how each performs on models that it was not found on, and where it loses.
"""

# (name, formula, source, learning rate, schedule, weight decay)
FOUND = (
    # The best of `benchmarks.run transfer`: 3,000 trials on four small models, seed 0.
    (
        "muon-drop0.1",
        "drop(on_matrices(orthogonalize(g + 1.57 * ema_0.857), 0.0754 * Adam), 0.1) + 0.0197 * w, beta_1=0.516, "
        "beta_2=0.99485, epsilon=1.97e-9",
        "found by nos-search",
        0.172,
        "linear",
        0.0227,
    ),
)  # fmt: skip
