"""The number of rules that a search has sampled, by outcome: counted once, then kept up to date.

Recounting at each step would take a quarter of a second at 10^5 rules.
"""

import sqlite3
from collections.abc import Sequence

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation
from neural_optimizer_search.records.roles import BASELINE, FOUND
from neural_optimizer_search.records.sqlite_files import read_rows

_OF_SAMPLES = "SELECT COUNT(*), TOTAL(key = ''), TOTAL(alike) FROM samples WHERE NOT tuned"
_OF_EVALUATIONS = (
    "SELECT TOTAL(cached), TOTAL(NOT cached), TOTAL(status = 'diverged' AND NOT cached), TOTAL(status = 'stopped'), "
    f"TOTAL(status IN ({', '.join(map(repr, FAILURES))})) FROM evaluations WHERE role = {FOUND!r}"
)
_TRAINED_AND_CACHED = f"SELECT TOTAL(NOT cached), TOTAL(cached) FROM evaluations WHERE role = {FOUND!r}"
# Part of a search -> the sum of the steps spent on it by this search, not by an earlier one.
STEPS_OF = {
    "known optimizers": f"SELECT TOTAL(steps) FROM evaluations WHERE role = {BASELINE!r} AND NOT cached",
    "the search": f"SELECT TOTAL(steps) FROM evaluations WHERE role = {FOUND!r} AND NOT cached",
    "constants": "SELECT TOTAL(steps) FROM tunings",
    "fresh seeds": "SELECT TOTAL(steps) FROM fresh",
}
_FOR_SAMPLES = f"{_TRAINED_AND_CACHED} AND key IN (SELECT key FROM samples)"
_OF_KEY = f"{_TRAINED_AND_CACHED} AND key = ?"


class Counts:
    """The counts of an open ledger.

    Args:
      db: The ledger's connection.

    Attributes:
      sampled, screened, alike: Number of samples without tuned rules, of those that the screen stopped, and of those
        that took the evaluation of another function, which behaves alike.
      cached, trained: Evaluations of the search that came from the cache, and those that did not.
      diverged, stopped, failed: Trained rules with this outcome.
      trained_for_samples, cached_for_samples: Those of them whose rule is among the samples. The others belong to a
        step that is not recorded: the search was interrupted in it, or is still running.
    """

    def __init__(self, db: sqlite3.Connection):
        self._db = db
        self.sampled, self.screened, self.alike = self._count(_OF_SAMPLES)
        self.cached, self.trained, self.diverged, self.stopped, self.failed = self._count(_OF_EVALUATIONS)
        self.trained_for_samples, self.cached_for_samples = self._count(_FOR_SAMPLES)

    def add_evaluation(self, evaluation: Evaluation, role: str) -> None:
        """Updates the counts for an evaluation that was recorded."""
        if role != FOUND:
            return
        self.cached += evaluation.cached
        self.trained += not evaluation.cached
        self.diverged += evaluation.status == "diverged" and not evaluation.cached
        self.stopped += evaluation.status == "stopped"
        self.failed += evaluation.status in FAILURES
        if self._is_sampled(evaluation.key):
            self.trained_for_samples += not evaluation.cached
            self.cached_for_samples += evaluation.cached

    def add_samples(self, evaluations: Sequence[Evaluation]) -> None:
        """Updates the counts for proposed samples; call it before they are recorded."""
        self.sampled += len(evaluations)
        self.screened += sum(not e.key for e in evaluations)
        self.alike += sum(e.alike for e in evaluations)
        for key in {e.key for e in evaluations if e.key}:
            if not self._is_sampled(key):
                trained, cached = self._count(_OF_KEY, key)
                self.trained_for_samples += trained
                self.cached_for_samples += cached

    def as_dict(self) -> dict[str, int]:
        """The counts by name; `sampled` is the sum of screened, repeated, alike, cached and trained.

        In a step that is not recorded, such as the last one if the budget ended within it, only the rules that have
        an evaluation count as sampled: its screened and repeated rules are not recorded.
        """
        names = ("screened", "alike", "cached", "trained", "diverged", "stopped", "failed")
        counts = {name: getattr(self, name) for name in names}
        # A rule that took the evaluation of another may be the only sample with that evaluation's key.
        repeated = self.sampled - self.screened - self.alike - self.cached_for_samples - self.trained_for_samples
        sampled = self.screened + repeated + self.alike + self.cached + self.trained
        return {"sampled": sampled, **counts, "repeated": repeated}

    def _is_sampled(self, key):
        return bool(self._count("SELECT EXISTS (SELECT 1 FROM samples WHERE key = ?)", key)[0])

    def _count(self, query, *values):
        return _read_counts(self._db, query, values)


def count_steps(db: sqlite3.Connection, query: str) -> int:
    """The result of a query of `STEPS_OF`."""
    return _read_counts(db, query)[0]


def _read_counts(db, query, values=()):
    (row,) = read_rows(db, query, values)
    try:
        return [int(value) for value in row]
    except (OverflowError, ValueError) as error:  # the counted values may be anything
        raise Damaged(f"its rows cannot be counted: {error}.") from error
