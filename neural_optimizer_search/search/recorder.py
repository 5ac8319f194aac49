"""Measures rules that behave alike only once, and records every evaluation as soon as it is finished."""

import concurrent.futures
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import MEASURED, Evaluation, without_reward
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import BASELINE, FOUND, TUNED
from neural_optimizer_search.search.algorithm import Trial
from neural_optimizer_search.search.standing import Standing
from neural_optimizer_search.search.waiting import Finished
from neural_optimizer_search.workers.executor import MEASURE, Ask, Executor

OF_SETTING = (
    "learning_rate",
    "schedule",
    "weight_decay",
    "least",
    "centred",
)  # the fields of a `Trial` that a worker needs


class Screened(NamedTuple):
    """A rule as it was proposed.

    Attributes:
      rule: The rule.
      screening: The screen's result.
      key: Key of the evaluation that it has, or will have; "" if the screen stopped it.
    """

    rule: Rule
    screening: Screening
    key: str


class _Measurement(NamedTuple):
    future: "concurrent.futures.Future[Evaluation]"
    screening: Screening
    role: str
    trial: Optional[Trial] = None


def pass_every_rule(rule: Rule) -> Screening:
    """Replaces a screen: every rule is trained, and another spelling counts as another rule."""
    return Screening(rule, False, rule.canonical())


class EvaluationRecorder:
    """Measures rules with an executor, and records their evaluations.

    A call with rules waits for their evaluations; `start`, `wait`, `is_finished` and `evaluations` are its parts.

    Args:
      executor: An `Executor`.
      ledger: A `Ledger`; rules whose evaluations it has are not measured again.
      screen: Rule -> `Screening`.
      cache: An `EvaluationCache`, or None to ignore the measurements of other searches.
      standing: A `Standing`, which says which rules are alike, and what a rule must reach.
      measure: The request for a rule, to which its trial, or the bar that it must reach, is added.
      on_evaluation: Called with each new evaluation.
      on_wait: Called every few seconds while waiting, with the work that takes long, in words; "" if none does.

    Attributes:
      executor, on_evaluation, on_wait: As given; the functions may be set later.
      trained: Number of rules that the search itself measured, without known optimizers and rules from the cache.
      claimed: Number of these rules, and of those in progress, that were proposed. A resumed search has measured
        rules that it has yet to propose again.
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
        standing: Optional[Standing] = None,
        measure: Ask = MEASURE,
    ):
        self._ask = measure
        self.executor = executor
        self._ledger = ledger
        self._screen = screen
        self._cache = cache
        self._standing = standing or Standing()
        self.on_evaluation = on_evaluation
        self.on_wait = on_wait
        self._measured: dict[str, _Measurement] = {}
        self._finished = Finished()
        # Each is read only once, because a long search has very many.
        found = ledger.evaluations(FOUND)
        self._known = {e.key: e for e in (*found, *ledger.evaluations(BASELINE))}
        self._trained = {e.key for e in found if not e.cached}
        self._claimed = set(self._trained)
        self.best = max((e.reward for e in found), default=0.0)

    def __call__(self, rules: Iterable[Rule], role: str = FOUND) -> list[Evaluation]:
        """The evaluations of the rules, in their order; each carries the rule as it was spelled here."""
        batch = self.start(list(rules), role)
        while not self.is_finished(batch):
            self.wait()
        self.settle(batch, role)
        return self.evaluations(batch)

    @property
    def trained(self) -> int:
        return len(self._trained)

    @property
    def claimed(self) -> int:
        return len(self._claimed)

    @property
    def steps(self) -> int:
        """Gradient steps of everything that was learned from, including known optimizers."""
        return self._standing.steps

    @property
    def most_steps(self) -> int:
        """The most gradient steps of any evaluation that was learned from, including known optimizers."""
        return self._standing.most_steps

    @property
    def waited(self) -> int:
        """The number of rules learned from since the best one."""
        return self._standing.waited

    @property
    def pending_count(self) -> int:
        """The number of rules started and not recorded yet."""
        return len(self._measured)

    def start(
        self,
        rules: Sequence[Rule],
        role: str = FOUND,
        most: Optional[int] = None,
        trials: Optional[Sequence[Trial]] = None,
    ) -> list[Screened]:
        """Starts to measure the new ones among the rules.

        Args:
          rules: `Rule`s.
          role: The role in which they are recorded.
          most: Maximum number of rules to claim. The first rule beyond it and all later ones are left out: this call
            never measures them, so the batch that it returns never finishes.
          trials: The setting of each training. Such a rule is alike only to itself with the same trial.
        """
        batch: list[Screened] = []
        before, is_full = self.claimed, False
        for rule, trial in zip(rules, trials or [None] * len(rules)):
            screening = self._screen(rule)
            if trial and screening.rule is not None:
                screening = screening._replace(key=trial.name(screening.key))
            key = screening.key if trial else self._find_key(screening, role)
            ask = self._find_ask(role, trial)
            batch.append(Screened(rule, screening, key))
            if is_full or screening.rule is None or key != screening.key:
                continue
            is_new = key not in self._known and key not in self._measured
            cached = self._cache.get(key) if is_new and self._cache and not trial else None
            if cached:
                # Another search may have measured another spelling, so the evaluation takes over this one.
                kept = dict(rule=screening.rule, flipped=screening.flipped, cached=True)
                self._record(dataclasses.replace(cached, **kept), role)
            elif is_new or (key in self._trained and key not in self._claimed):
                if self.claimed - before == most:
                    is_full = True
                    continue
                if role == FOUND:
                    self._claimed.add(key)
                if is_new:
                    future = self.executor.submit(screening.rule, ask)
                    self._measured[key] = _Measurement(future, screening, role, trial)
                    self._finished.add(key, future)
                    self.collect()
            if not trial:
                self._standing.add_rule(screening)
        return batch

    def _find_ask(self, role, trial):
        """The request for a rule: with its trial, or else with the bar, except that known optimizers have none."""
        method, more = self._ask.method, {}
        if trial:
            method, more = "measure_setting", {name: getattr(trial, name) for name in OF_SETTING}
        elif role != BASELINE and self._standing.bar is not None:
            more = {"bar": self._standing.bar}
        return dataclasses.replace(self._ask, method=method, arguments={**self._ask.arguments, **more})

    def _find_key(self, screening, role):
        """The key of the evaluation that a rule has; known optimizers have their own."""
        if screening.rule is None or role == BASELINE:
            return screening.key
        return self._standing.find_key(screening)

    def settle(self, batch: Iterable[Screened], role: str = FOUND) -> None:
        """Records that these rules are finished and learned from; from now on, they count as known."""
        for screened in batch:
            if screened.key:
                self._standing.settle(self._known[screened.key], role == BASELINE)

    def recall(self, is_repeatable: bool = True) -> None:
        """Settles the known optimizers and all samples that the ledger has from an earlier part of the search.

        Args:
          is_repeatable: Whether the search will propose again the rules that were measured but are not samples yet.

        Raises:
          Damaged: If rules differ in their number of seeds or in their tasks, so that they cannot be compared.
        """
        whole = [e for e in self._known.values() if e.status == "ok"]
        if len({len(e.rewards) for e in whole}) > 1:
            raise Damaged("some of its rules have rewards with more seeds than others.")
        if len({tuple((part.task, part.zero, part.one) for part in e.parts) for e in whole}) > 1:
            raise Damaged("some of its rules were measured on other tasks than others.")
        for evaluation in self._ledger.evaluation_rows(BASELINE):
            self._recall(evaluation, BASELINE)
        tuned, sampled = {e.key: e for e in self._ledger.evaluations(TUNED)}, list(self._ledger.sampled_keys())
        self._claimed = self._trained.intersection(sampled) if is_repeatable else set(self._trained)
        for key in sampled:
            if key in tuned:
                self._standing.settle_tuned(tuned[key])
            else:
                self._recall(self._known[key], FOUND)

    def _recall(self, evaluation, role):
        self._standing.add_rule(Screening(evaluation.rule, evaluation.flipped, evaluation.key))
        self._standing.settle(evaluation, role == BASELINE)

    def wait(self) -> None:
        """Waits until one more rule is measured, and records all finished ones."""
        if self._measured:
            self._finished.wait(self.executor, self.on_wait)
        self.collect()

    def collect(self) -> None:
        """Records the rules that have been measured by now."""
        for key in self._finished.take():
            self._record_measured(key)

    def is_measured(self, key: str) -> bool:
        """Whether the rule with this key is measured."""
        return key in self._known

    def is_finished(self, batch: Sequence[Screened]) -> bool:
        """Whether all these rules are measured."""
        return all(self.is_measured(screened.key) for screened in batch if screened.key)

    def evaluations(self, batch: Sequence[Screened]) -> list[Evaluation]:
        """The evaluations of finished rules, in their order."""
        return [
            dataclasses.replace(self._known[key], rule=rule, alike=key != screening.key)
            if key
            else without_reward(rule, "screened", screening.reason)
            for rule, screening, key in batch
        ]

    def _record_measured(self, key):
        future, screening, role, trial = self._measured[key]
        form = trial.form if trial else ""
        evaluation = dataclasses.replace(future.result(), key=key, flipped=screening.flipped, form=form)
        # The ledger first: a search killed in between would count its own measurements as cached.
        self._record(evaluation, role)
        # Where a rule was stopped depends on what else the search has found.
        if self._cache and not trial and evaluation.status in MEASURED:
            self._cache.put(evaluation)
        del self._measured[key]

    def _record(self, evaluation, role):
        self._ledger.add_evaluation(evaluation, role)
        self._known[evaluation.key] = evaluation
        if role == FOUND:
            if not evaluation.cached:
                self._trained.add(evaluation.key)
            self.best = max(self.best, evaluation.reward)
        self.on_evaluation(evaluation)
