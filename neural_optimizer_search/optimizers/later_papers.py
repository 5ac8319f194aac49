"""Rows of the catalogue from papers later than the search's own two, and optimizers that cannot be rows.

Each row is one update as its paper or its authors' code defines it. Decoupled weight decay is a term of the formula
where it is part of the optimizer; Keras's argument `weight_decay` adds it to the others. All use one learning rate.
"""

# (name, formula, source, the usual learning rate; None if there is no usual one)
LATER_PAPERS = (
    # As Keras's SGD(momentum=0.9, nesterov=True): 9 * ema_0.9 is 0.9 times the sum of gradients that it keeps.
    ("sgd-nesterov", "g + 9 * ema_0.9", "Sutskever et al. 2013", 0.01),
    # Dozat's algorithm 2 with one momentum for all steps, as in Optax; Keras's changes it from step to step.
    ("nadam", "nesterov / sqrt(|v|)", "Dozat 2016", 2e-3),
    ("adamw", "Adam + 1e-2*w", "arXiv:1711.05101", 1e-3),
    # The maximum is of the corrected v, as in Optax.
    ("amsgrad", "m / sqrt(|v_max|)", "arXiv:1904.09237", 1e-3),
    ("sign-sgd", "sign(g)", "arXiv:1802.04434", 1e-4),
    ("signum", "sign(m)", "arXiv:1802.04434", 1e-4),
    # Without momentum, which would average scaled gradients. The factor 1e3 matters for a tensor of zeros, which
    # `trust` leaves as it is: it moves by its gradient.
    ("lars", "1e-3 * trust(1e3 * (g + 1e-4*w))", "arXiv:1708.03888", None),
    ("lamb", "trust(Adam + 1e-2*w), epsilon=1e-6", "arXiv:1904.00962", 1e-3),
    # The authors add 1e-16 to s at each step, which after the correction is 1e-16 / (1 - beta_2).
    ("adabelief", "m / sqrt(|belief + 1e-13|), epsilon=1e-16", "arXiv:2010.07468", 1e-3),
    ("adan", "(m + 0.92 * change_0.92) / sqrt(|n_0.92|), beta_1=0.98, beta_3=0.99", "arXiv:2208.06677", 1e-3),
    ("lion", "sign(lion_0.99)", "arXiv:2302.06675", 1e-4),
    # Without the schedules of alpha = 5 and of the slow average's decay rate.
    ("ademamix", "(m + 5 * ema_0.9999) / sqrt(|v|)", "arXiv:2409.03137", 1e-3),
    ("cautious-adam", "cautious(Adam)", "arXiv:2411.16085", 1e-3),
    ("cautious-lion", "cautious(sign(lion_0.99))", "arXiv:2411.16085", 1e-4),
    ("grams", "sign(g) * |Adam|", "arXiv:2412.17107", 1e-3),
    # kellerjordan.github.io/posts/muon. The authors' momentum, which is not corrected; their constants for parameters
    # that are not matrices.
    (
        "muon",
        "on_matrices(orthogonalize(g + 19 * ema_0.95), Adam), beta_2=0.95, epsilon=1e-10",
        "Jordan et al. 2024",
        0.02,  # for matrices; the authors use another rate for the rest, here one rate serves all
    ),
    # The paper's factor 0.2 gives matrices the scale of Adam's updates, so that one rate serves all.
    (
        "normuon",
        "on_matrices(0.2 * normalize(orthogonalize(m) / sqrt(|v_muon|)), m_0.9 / sqrt(|v|)), beta_1=0.95, "
        "beta_2=0.95",
        "arXiv:2510.05491",
        None,
    ),
)  # fmt: skip

# Name -> what the language lacks for it.
NO_FORMULA = {
    "adadelta": "averages its own updates",
    "adafactor": "keeps averages of rows and columns",
    "adagrad": "sums all squared gradients, which no average does",
    "adamax": "keeps a maximum that decays",
    "adopt": "averages gradients that it has scaled",
    "d-adaptation": "estimates the learning rate from all weights at once",
    "lars with momentum": "averages gradients that it has scaled",
    "lookahead": "has a second set of weights",
    "mars": "averages gradients that it has clipped",
    "novograd": "keeps an average of norms",
    "prodigy": "estimates the learning rate from all weights at once",
    "radam": "has another formula in its first steps",
    "sam": "needs two gradients a step",
    "schedule-free": "has a second set of weights, at which gradients are taken",
    "shampoo": "keeps matrices of its own",
    "soap": "keeps matrices of its own",
    "sophia": "needs second derivatives",
    "yogi": "changes v by the sign of its error",
}
