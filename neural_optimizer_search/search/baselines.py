"""The optimizers that every found rule is shown beside, as rules of the same language."""

from neural_optimizer_search.dsl.formula import parse_formula

BASELINES = {
    name: parse_formula(formula)
    for name, formula in {
        "SGD": "g",
        "Momentum": "m",
        "RMSProp": "RMSProp",
        "Adam": "Adam",
        "PowerSign": "exp(sign(g) * sign(m)) * g",
        "AddSign": "(1 + sign(g) * sign(m)) * g",
    }.items()
}
