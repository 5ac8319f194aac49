"""Measures the best rules and the known optimizers once more, with seeds that the search never saw.

The best of many rules is also a lucky one, so the reward by which it was chosen is optimistically biased. Nor can the
search's rewards rank the ten best. Rates and schedules stay the same.
"""

import dataclasses
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence

from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation
from neural_optimizer_search.measuring.joint import join_rewards, join_seeds
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.ranking import SHOWN, Ranking
from neural_optimizer_search.search.waiting import wait_for_any
from neural_optimizer_search.workers.executor import Ask, Executor

FIRST_SEED = 1000


def choose_seeds(count: int, used: Collection[int], first: int = FIRST_SEED) -> tuple[int, ...]:
    """The first unused seeds, from `first` on.

    Example:
      >>> from neural_optimizer_search.search.fresh import choose_seeds
      >>> choose_seeds(3, used=(0, 1, 1001))
      (1000, 1002, 1003)
    """
    return tuple(itertools.islice((seed for seed in itertools.count(first) if seed not in used), count))


def choose_contenders(ranking: Ranking) -> list[Evaluation]:
    """The evaluations to repeat with fresh seeds: known optimizers, and the best rules that trained to the end.

    Rules that diverged at every rate are left out, because they have no rate to train with.
    """
    best = [one for one in ranking.found if one.place <= SHOWN and one.evaluation.status == "ok"]
    best = sorted(best, key=lambda one: one.place)
    return [one.evaluation for one in (*ranking.known, *best) if one.evaluation.learning_rate is not None]


class FreshSeeds:
    """Trainings with fresh seeds, recorded in the ledger rule by rule.

    Args:
      executor: An `Executor`.
      ledger: The `Ledger` of the search; trainings with these seeds that it has are not repeated.
      evaluations: The search's evaluations of the rules.
      seeds: The seeds.

    Attributes:
      done: Number of rules that already had all seeds.
      best: The highest reward of these rules; 0 if there are none.
    """

    def __init__(self, executor: Executor, ledger: Ledger, evaluations: Iterable[Evaluation], seeds: Sequence[int]):
        self._executor, self._ledger = executor, ledger
        self._before = ledger.fresh_evaluations()
        missing = {e.key: (e, self._find_missing(e, seeds)) for e in evaluations}
        self._work = [(e, those) for e, those in missing.values() if those]
        self.done = len(missing) - len(self._work)
        working = {e.key for e, _ in self._work}
        self.best = max((self._before[key].reward for key in missing if key not in working), default=0.0)

    def _find_missing(self, evaluation, seeds):
        before = self._before.get(evaluation.key)
        return tuple(seed for seed in seeds if before is None or seed not in before.seeds)

    def measure(
        self,
        on_evaluation: Callable[[Evaluation], None] = lambda evaluation: None,
        on_wait: Callable[[str], None] = lambda work: None,
    ) -> None:
        """Runs the missing trainings.

        Args:
          on_evaluation: Called with each evaluation as it is recorded.
          on_wait: Called every few seconds while waiting, with the work that takes long, in words; "" if none does.

        Raises:
          TaskFailed: If no rule can be measured.
        """
        pending = {}
        for evaluation, seeds in self._work:
            pending[self._executor.submit(evaluation.rule, _ask(evaluation, seeds))] = evaluation, seeds
            self._record(pending, on_evaluation)
        while pending:
            wait_for_any(self._executor, pending, on_wait)
            self._record(pending, on_evaluation)

    def _record(self, pending, on_evaluation):
        for future in [future for future in pending if future.done()]:
            evaluation, seeds = pending.pop(future)
            fresh = _complete(future.result(), evaluation, seeds)
            before = self._before.get(evaluation.key)
            fresh = _join(before, fresh) if before else fresh
            self._ledger.add_fresh(fresh)
            on_evaluation(fresh)


def _ask(evaluation, seeds):
    names = ("parts",) if evaluation.parts else ("learning_rate", "schedule", "weight_decay")
    arguments = {**{name: getattr(evaluation, name) for name in names}, "seeds": seeds}
    # Many seeds may take longer than a rule did in the search.
    return Ask("measure_again", arguments, patience=max(1.0, len(seeds) / max(1, len(evaluation.rewards))))


def _complete(fresh, evaluation, seeds):
    """Adds the rule's key and setting; a rule that could not be measured gets the reward 0 with each seed."""
    rewards = (0.0,) * len(seeds) if fresh.status in FAILURES else fresh.rewards
    names = ("key", "form", "learning_rate", "schedule", "weight_decay")
    kept = {name: getattr(evaluation, name) for name in names}
    return dataclasses.replace(fresh, rewards=rewards, seeds=tuple(seeds), **kept)


def _join(before, later):
    """Merges the seeds of two evaluations into one."""
    seeds = before.seeds + later.seeds
    parts = join_seeds(before.parts, later.parts) if before.parts and later.parts else ()
    rewards = join_rewards(parts) if parts else before.rewards + later.rewards
    accuracies = before.accuracy * len(before.rewards) + later.accuracy * len(later.rewards)
    worst = next((e for e in (before, later) if e.status != "ok"), None)
    return dataclasses.replace(
        later,
        reward=sum(rewards) / len(rewards),
        rewards=rewards,
        seeds=seeds,
        parts=parts,
        curves=before.curves + later.curves if before.curves and later.curves else (),
        accuracy=accuracies / len(rewards),
        seconds=before.seconds + later.seconds,
        steps=before.steps + later.steps,
        status=worst.status if worst else "ok",
        message=worst.message if worst else f"Trained with {len(seeds)} seeds.",
    )
