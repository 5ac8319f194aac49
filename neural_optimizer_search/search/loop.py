"""The search loop: an algorithm proposes rules, each new one is trained once, everything is recorded.

An algorithm is an object with `step(score) -> evaluations`, `save()` and `restore() -> completed steps`; `score` is
a callable: rules -> evaluations in their order. The loop knows no more of either. A step without evaluations is the
last: the algorithm has nothing to propose.
"""

import dataclasses
from typing import NamedTuple

from neural_optimizer_search.evaluation.evaluation import screened
from neural_optimizer_search.evaluation.screen import Screening

# Steps without one new rule after which a search is over: its algorithm proposes only what it has seen.
PATIENCE = 200
# Saving a controller costs a quarter of its step; to redo ten steps, whose rules the ledger knows, costs a second.
STEPS_PER_SAVE = 10


def spelled(rule):
    """In place of a screen: every rule is trained, and one with another spelling is another rule."""
    return Screening(rule, False, rule.canonical())


class Score:
    """Measures rules with an executor, each distinct function once, and records each evaluation at once.

    Args:
      executor: rules -> iterator of evaluations, in any order.
      ledger: A `Ledger`; what it holds already is not measured again.
      screen: rule -> `Screening`.
      cache: An `EvaluationCache`, or None to measure what other searches have measured too.
      on_evaluation: Called with each new evaluation.

    Attributes:
      trained: Number of rules measured by and for the search: no baselines, and none from the cache.
      best: The highest reward found; 0 while there is none.
    """

    def __init__(self, executor, ledger, screen=spelled, cache=None, on_evaluation=lambda evaluation: None):
        self._executor = executor
        self._ledger = ledger
        self._screen = screen
        self._cache = cache
        self._on_evaluation = on_evaluation
        self._known = {e.key: e for e in ledger.evaluations()}
        found = ledger.evaluations("search")
        self.trained = sum(not e.cached for e in found)
        self.best = max((e.reward for e in found), default=0.0)

    def __call__(self, rules, role="search"):
        """The evaluations of the rules, in their order; each carries the rule as it was spelled here."""
        screenings = [(rule, self._screen(rule)) for rule in rules]
        new = {}
        for _, screening in screenings:
            if screening.rule and screening.key not in self._known:
                new.setdefault(screening.key, screening)
        for evaluation in self._measure(list(new.values())):
            self._ledger.add_evaluation(evaluation, role)
            self._known[evaluation.key] = evaluation
            if role == "search":
                self.trained += not evaluation.cached
                self.best = max(self.best, evaluation.reward)
            self._on_evaluation(evaluation)
        return [
            dataclasses.replace(self._known[screening.key], rule=rule)
            if screening.rule
            else screened(rule, screening.reason)
            for rule, screening in screenings
        ]

    def _measure(self, screenings):
        by_rule = {screening.rule: screening for screening in screenings}
        if self._cache:
            for rule, screening in list(by_rule.items()):
                if evaluation := self._cache.get(screening.key):
                    yield dataclasses.replace(evaluation, cached=True)
                    del by_rule[rule]
        for evaluation in self._executor(list(by_rule)):
            screening = by_rule[evaluation.rule]
            evaluation = dataclasses.replace(evaluation, key=screening.key, flipped=screening.flipped)
            if self._cache:
                self._cache.put(evaluation)
            yield evaluation


class Step(NamedTuple):
    """One step of a search: its number, what was proposed; by then, how many were trained, and the best reward."""

    number: int
    evaluations: list
    trained: int
    best: float


def search(algorithm, score, ledger, budget):
    """Runs an algorithm until `budget` rules were trained; the step in progress is finished.

    A search whose ledger holds earlier steps continues after the last one that the algorithm has saved; what it
    proposes again on its way to where it was, the ledger knows.

    Args:
      algorithm: See above.
      score: A `Score`.
      ledger: The `Ledger` of the run.
      budget: Number of trained rules, or None for no limit; what was screened out, repeated or cached does
        not count.

    Yields:
      A `Step` after each step. It ends early after `PATIENCE` steps without a new rule.
    """
    number = saved = algorithm.restore()
    ledger.drop_samples(number)
    trained, idle = ledger.trained, 0
    while (budget is None or trained < budget) and idle < PATIENCE:
        evaluations = algorithm.step(score)
        if not evaluations:
            break
        # In this order: a step whose samples are recorded and whose state is not is done again.
        ledger.add_samples(number, evaluations)
        number += 1
        if number % STEPS_PER_SAVE == 0:
            algorithm.save()
            saved = number
        before, trained = trained, ledger.trained
        idle = 0 if trained > before else idle + 1
        yield Step(number - 1, evaluations, trained, score.best)
    if number > saved:
        algorithm.save()
