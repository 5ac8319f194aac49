"""The search loop: an algorithm proposes rules, each new one is trained once, everything is recorded.

An algorithm is an object with `step(score) -> evaluations`, `save()` and `restore() -> completed steps`; `score` is
a callable: rules -> evaluations in their order. The loop knows no more of either.
"""

import dataclasses
from typing import NamedTuple

# Steps without one new rule after which a search is over: its algorithm proposes only what it has seen.
PATIENCE = 200


class Score:
    """Measures rules with an executor, each distinct rule once, and records each evaluation at once.

    Args:
      executor: rules -> iterator of evaluations, in any order.
      ledger: A `Ledger`; what it holds already is not measured again.
      on_evaluation: Called with each new evaluation.

    Attributes:
      trained: Number of rules measured for the search, not counting baselines.
      best: Their highest reward; 0 while there is none.
    """

    def __init__(self, executor, ledger, on_evaluation=lambda evaluation: None):
        self._executor = executor
        self._ledger = ledger
        self._on_evaluation = on_evaluation
        self._known = {e.rule.canonical(): e for e in ledger.evaluations()}
        found = ledger.evaluations("search")
        self.trained = len(found)
        self.best = max((e.reward for e in found), default=0.0)

    def __call__(self, rules, role="search"):
        """The evaluations of the rules, in their order; each carries the rule as it was spelled here."""
        rules = list(rules)
        new = {}
        for rule in rules:
            if rule.canonical() not in self._known:
                new.setdefault(rule.canonical(), rule)
        for evaluation in self._executor(list(new.values())):
            self._ledger.add_evaluation(evaluation, role)
            self._known[evaluation.rule.canonical()] = evaluation
            if role == "search":
                self.trained += 1
                self.best = max(self.best, evaluation.reward)
            self._on_evaluation(evaluation)
        return [dataclasses.replace(self._known[rule.canonical()], rule=rule) for rule in rules]


class Step(NamedTuple):
    """One step of a search: its number, what was proposed; by then, how many were trained, and the best reward."""

    number: int
    evaluations: list
    trained: int
    best: float


def search(algorithm, score, ledger, budget):
    """Runs an algorithm until `budget` rules were trained; the step in progress is finished.

    A search whose ledger holds earlier steps continues after the last one that the algorithm has saved.

    Args:
      algorithm: See above.
      score: A `Score`.
      ledger: The `Ledger` of the run.
      budget: Number of trained rules; repeats do not count.

    Yields:
      A `Step` after each step. It ends early after `PATIENCE` steps without a new rule.
    """
    number = algorithm.restore()
    ledger.drop_samples(number)
    idle = 0
    while score.trained < budget and idle < PATIENCE:
        before = score.trained
        evaluations = algorithm.step(score)
        # In this order: a step whose samples are recorded and whose state is not is done again.
        ledger.add_samples(number, evaluations)
        algorithm.save()
        idle = 0 if score.trained > before else idle + 1
        yield Step(number, evaluations, score.trained, score.best)
        number += 1
