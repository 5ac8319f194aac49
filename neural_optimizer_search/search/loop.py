"""The search loop: an algorithm proposes rules, each new one is trained once, everything is recorded.

An algorithm is an object with `propose(number) -> Proposal`, which changes nothing (None: there is nothing left),
`learn(proposal, evaluations)`, `save()` and `restore() -> how many proposals it has learned from`. The loop knows no
more of it.
"""

import concurrent.futures
import dataclasses
from typing import NamedTuple

from neural_optimizer_search.measuring.evaluation import FAILURES, without_reward
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.search.proposal import Proposal

# Steps without one new rule after which a search is over: its algorithm proposes only what it has seen.
PATIENCE = 200
# Saving a controller costs a quarter of its step; to redo ten steps, whose rules the ledger knows, costs a second.
STEPS_PER_SAVE = 10


def screen_nothing(rule):
    """In place of a screen: every rule is trained, and one with another spelling is another rule."""
    return Screening(rule, False, rule.canonical())


class EvaluationRecorder:
    """Measures rules with an executor, each distinct function once, and records each evaluation at once.

    Called with rules, it waits for their evaluations; `start`, `wait`, `finished` and `evaluations` are its parts.

    Args:
      executor: Has `submit(rule) -> concurrent.futures.Future` of its evaluation.
      ledger: A `Ledger`; what it holds already is not measured again.
      screen: rule -> `Screening`.
      cache: An `EvaluationCache`, or None to measure what other searches have measured too.
      on_evaluation: Called with each new evaluation.

    Attributes:
      trained: Number of rules measured by and for the search: no baselines, and none from the cache.
      best: The highest reward found; 0 while there is none.
    """

    def __init__(self, executor, ledger, screen=screen_nothing, cache=None, on_evaluation=lambda evaluation: None):
        self._executor = executor
        self._ledger = ledger
        self._screen = screen
        self._cache = cache
        self._on_evaluation = on_evaluation
        self._known = {e.key: e for e in ledger.evaluations()}
        self._measured = {}  # key -> (future, screening, role)
        found = ledger.evaluations("search")
        self.trained = sum(not e.cached for e in found)
        self.best = max((e.reward for e in found), default=0.0)

    def __call__(self, rules, role="search"):
        """The evaluations of the rules, in their order; each carries the rule as it was screen_nothing here."""
        screenings = self.start(rules, role)
        while not self.finished(screenings):
            self.wait()
        return self.evaluations(screenings)

    @property
    def being_measured(self):
        """The number of rules started and not recorded yet."""
        return len(self._measured)

    def start(self, rules, role="search"):
        """Has measured what is new among the rules; returns (rule, `Screening`) of each."""
        screenings = [(rule, self._screen(rule)) for rule in rules]
        for _, screening in screenings:
            if screening.rule and screening.key not in self._known and screening.key not in self._measured:
                if evaluation := self._cache and self._cache.get(screening.key):
                    self._record(dataclasses.replace(evaluation, cached=True), role)
                else:
                    self._measured[screening.key] = self._executor.submit(screening.rule), screening, role
                    self._record_measured([screening.key])
        return screenings

    def wait(self):
        """Waits until one more rule is measured, and records all that are."""
        futures = [future for future, *_ in self._measured.values()]
        concurrent.futures.wait(futures, return_when=concurrent.futures.FIRST_COMPLETED)
        self._record_measured(list(self._measured))

    def finished(self, screenings):
        """Whether all these rules are measured."""
        return all(screening.key in self._known for _, screening in screenings if screening.rule)

    def evaluations(self, screenings):
        """The evaluations of finished rules, in their order."""
        return [
            dataclasses.replace(self._known[screening.key], rule=rule)
            if screening.rule
            else without_reward(rule, "screened", screening.reason)
            for rule, screening in screenings
        ]

    def _record_measured(self, keys):
        for key in keys:
            future, screening, role = self._measured[key]
            if future.done():
                evaluation = dataclasses.replace(future.result(), key=key, flipped=screening.flipped)
                if self._cache and evaluation.status not in FAILURES:
                    self._cache.put(evaluation)
                self._record(evaluation, role)
                del self._measured[key]

    def _record(self, evaluation, role):
        self._ledger.add_evaluation(evaluation, role)
        self._known[evaluation.key] = evaluation
        if role == "search":
            self.trained += not evaluation.cached
            self.best = max(self.best, evaluation.reward)
        self._on_evaluation(evaluation)


class SearchStep(NamedTuple):
    """One step of a search: its number, what was proposed; by then, how many were trained, and the best reward.

    `staleness` is the number of steps between the proposal and this one, that learned from it.
    """

    number: int
    evaluations: list
    trained: int
    best: float
    staleness: int


class _Flight(NamedTuple):
    """A proposal whose rules are being measured; `number` steps were done when it was made."""

    number: int
    proposal: Proposal
    screenings: list


def step(algorithm, score, number):
    """Lets an algorithm propose once and learn from it; returns the evaluations, or None if there is nothing left."""
    proposal = algorithm.propose(number)
    if proposal is None:
        return None
    evaluations = score(proposal.rules)
    algorithm.learn(proposal, evaluations)
    return evaluations


def search(algorithm, score, ledger, budget, ahead=0):
    """Runs an algorithm until `budget` rules were trained; what is in progress then is finished.

    A search whose ledger holds earlier steps continues after the last one that the algorithm has saved; what it
    proposes again on its way to where it was, the ledger knows.

    Args:
      algorithm: See above.
      score: A `EvaluationRecorder`.
      ledger: The `Ledger` of the run.
      budget: Number of trained rules, or None for no limit; what was screened out, repeated or cached does
        not count.
      ahead: With 0, the algorithm learns from each proposal before it makes the next. Else it makes more while
        fewer rules than this are being measured, and learns from whichever is finished first: no worker waits, and
        what is learned from is a little stale.

    Yields:
      A `SearchStep` after each step. It ends early after `PATIENCE` steps without a new rule.
    """
    number = saved = proposed = algorithm.restore()
    ledger.drop_samples(number)
    trained, idle, flying, left = ledger.trained, 0, [], True
    while True:
        finished = [flight for flight in flying if score.finished(flight.screenings)]
        wanted = budget is None or trained + (score.being_measured if flying else 0) < budget
        if left and wanted and idle < PATIENCE and not finished and (not flying or score.being_measured < ahead):
            proposal = algorithm.propose(proposed)
            left = proposal is not None
            if left:
                proposed += 1
                flying.append(_Flight(number, proposal, score.start(proposal.rules)))
        elif finished:
            flight = finished[0]
            flying.remove(flight)
            evaluations, staleness = score.evaluations(flight.screenings), number - flight.number
            algorithm.learn(flight.proposal, evaluations)
            # In this order: a step whose samples are recorded and whose state is not is done again.
            ledger.add_samples(number, evaluations, staleness)
            number += 1
            if number % STEPS_PER_SAVE == 0:
                algorithm.save()
                saved = number
            before, trained = trained, ledger.trained
            idle = idle + 1 if evaluations and trained == before else 0
            if evaluations:
                yield SearchStep(number - 1, evaluations, trained, score.best, staleness)
        elif flying:
            score.wait()
        else:
            break
    if number > saved:
        algorithm.save()
