"""Rows of the catalogue that searches of this package found, each with the one setting that it was found with."""

# (name, formula, source, learning rate, schedule, weight decay)
FOUND = (
    (
        "powersign-muon",
        "normalize(exp(ld * sign(g) * sign(m)) * on_matrices(orthogonalize(g + 2.14 * ema_0.647), 1.54 * Adam)) "
        "+ 0.0721 * w, beta_1=0.097, beta_2=0.9989, epsilon=1.42e-9",
        "search of four small models",
        0.0279,
        "linear, warm-up 0.0158",
        0.111,
    ),
)  # fmt: skip
