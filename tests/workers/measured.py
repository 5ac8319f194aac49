"""Some rules, and what an executor measures of them."""

from neural_optimizer_search import parse_formula

RULES = [parse_formula(text) for text in ("g", "Adam", "drop(g, 0.3) * (1 + eps)", "log(g - g)", "m")]


def evaluations(executor, rules):
    futures = {rule: executor.submit(rule) for rule in rules}
    return {rule: future.result() for rule, future in futures.items()}


def rewards(executor, rules):
    return {rule: evaluation.rewards for rule, evaluation in evaluations(executor, rules).items()}
