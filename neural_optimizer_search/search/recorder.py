"""Measures each distinct function once, and records every evaluation the moment it is there."""

import concurrent.futures
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation, without_reward
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.workers.executor import Executor

# While a rule is waited for, it is said every so often what takes long; what takes less is not long.
TELL_SECONDS, LONG_SECONDS = 5.0, 15.0


class Screened(NamedTuple):
    """A rule as it was proposed, and what the screen says of it."""

    rule: Rule
    screening: Screening


class _Measurement(NamedTuple):
    future: "concurrent.futures.Future[Evaluation]"
    screening: Screening
    role: str


def pass_every_rule(rule: Rule) -> Screening:
    """In place of a screen: every rule is trained, and one with another spelling is another rule."""
    return Screening(rule, False, rule.canonical())


class EvaluationRecorder:
    """Measures rules with an executor, and records their evaluations.

    Called with rules, it waits for their evaluations; `start`, `wait`, `is_finished` and `evaluations` are its parts.

    Args:
      executor: An `Executor`.
      ledger: A `Ledger`; what it holds already is not measured again.
      screen: Rule -> `Screening`.
      cache: An `EvaluationCache`, or None to measure what other searches have measured too.
      on_evaluation: Called with each new evaluation.
      on_wait: Called every few seconds of waiting, with what takes long, in words; with "" if nothing does.

    Attributes:
      executor, on_evaluation, on_wait: As given; what is called may be set later.
      trained: Number of rules measured by and for the search: no known optimizers, and none from the cache.
      best: The highest reward found; 0 while there is none.
    """

    def __init__(
        self,
        executor: Executor,
        ledger: Ledger,
        screen: Callable[[Rule], Screening] = pass_every_rule,
        cache: Optional[EvaluationCache] = None,
        on_evaluation: Callable[[Evaluation], None] = lambda evaluation: None,
        on_wait: Callable[[str], None] = lambda work: None,
    ):
        self.executor = executor
        self._ledger = ledger
        self._screen = screen
        self._cache = cache
        self.on_evaluation = on_evaluation
        self.on_wait = on_wait
        self._measured: dict[str, _Measurement] = {}
        # Each is read once: a long search has very many.
        found = ledger.evaluations("search")
        self._known = {e.key: e for e in (*found, *ledger.evaluations("baseline"))}
        self.trained = sum(not e.cached for e in found)
        self.best = max((e.reward for e in found), default=0.0)

    def __call__(self, rules: Iterable[Rule], role: str = "search") -> list[Evaluation]:
        """The evaluations of the rules, in their order; each carries the rule as it was spelled here."""
        batch = self.start(rules, role)
        while not self.is_finished(batch):
            self.wait()
        return self.evaluations(batch)

    @property
    def pending_count(self) -> int:
        """The number of rules started and not recorded yet."""
        return len(self._measured)

    def start(self, rules: Iterable[Rule], role: str = "search", most: Optional[int] = None) -> list[Screened]:
        """Has measured what is new among the rules.

        Args:
          rules: `Rule`s.
          role: What they are recorded as.
          most: How many may be trained. The rule that would be one more, and all behind it, are left: they are never
            measured because of this call, and what it returns is then not finished.
        """
        batch = [Screened(rule, self._screen(rule)) for rule in rules]
        started = 0
        for _, screening in batch:
            if screening.rule and screening.key not in self._known and screening.key not in self._measured:
                cached = self._cache.get(screening.key) if self._cache else None
                if cached:
                    self._record(dataclasses.replace(cached, cached=True), role)
                elif most is None or started < most:
                    started += 1
                    future = self.executor.submit(screening.rule)
                    self._measured[screening.key] = _Measurement(future, screening, role)
                    self._record_measured([screening.key])
                else:
                    break
        return batch

    def wait(self) -> None:
        """Waits until one more rule is measured, and records all that are."""
        futures = [measurement.future for measurement in self._measured.values()]
        while futures and not concurrent.futures.wait(futures, TELL_SECONDS, concurrent.futures.FIRST_COMPLETED).done:
            work = self.executor.longest_work
            self.on_wait(str(work) if work and work.seconds >= LONG_SECONDS else "")
        self._record_measured(list(self._measured))

    def is_finished(self, batch: Sequence[Screened]) -> bool:
        """Whether all these rules are measured."""
        return all(screening.key in self._known for _, screening in batch if screening.rule)

    def evaluations(self, batch: Sequence[Screened]) -> list[Evaluation]:
        """The evaluations of finished rules, in their order."""
        return [
            dataclasses.replace(self._known[screening.key], rule=rule)
            if screening.rule
            else without_reward(rule, "screened", screening.reason)
            for rule, screening in batch
        ]

    def _record_measured(self, keys):
        for key in keys:
            future, screening, role = self._measured[key]
            if future.done():
                evaluation = dataclasses.replace(future.result(), key=key, flipped=screening.flipped)
                # The ledger first: a search killed in between would count what it measured itself as cached.
                self._record(evaluation, role)
                if self._cache and evaluation.status not in FAILURES:
                    self._cache.put(evaluation)
                del self._measured[key]

    def _record(self, evaluation, role):
        self._ledger.add_evaluation(evaluation, role)
        self._known[evaluation.key] = evaluation
        if role == "search":
            self.trained += not evaluation.cached
            self.best = max(self.best, evaluation.reward)
        self.on_evaluation(evaluation)
