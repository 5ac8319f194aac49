"""Trainings within a budget of gradient steps, and the choice of a winner among the tried settings."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.studies import StudyFailed
from benchmarks.studies.own_models.pieces import Piece, Winner
from benchmarks.studies.own_tasks.splits import name_split
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.trials.objective import Objective, Progress
from neural_optimizer_search.trials.setting import Setting

FIRST_SEED = 100_000  # the finalists' seeds are this plus the task's first seed, and the next
FINALISTS, SHARE = 5, 0.1  # the best settings, and the share of the budget that measures them with more seeds


class Trials:
    """Trainings of a piece's task, whose gradient steps are counted.

    Args:
      piece: The `Piece`.

    Attributes:
      evaluator: The `Evaluator` whose child is trained.
      objective: The `Objective` of its trainings.
      total: Gradient steps in the budget.
      steps: Gradient steps spent so far.
    """

    def __init__(self, piece: Piece):
        self._piece = piece
        task = find_task(name_split(piece.task, piece.seed))
        protocol = task.protocols["default"]
        self.evaluator = Evaluator(task, protocol)
        self.objective = Objective(self.evaluator.train, protocol, protocol.reward, self.evaluator.uniform_loss)
        self.total, self.steps = piece.trainings * protocol.final_steps, 0
        self._seed, self._per_finalist = protocol.seeds[0], int(piece.trainings * SHARE) // FINALISTS
        self._tried: list[tuple[float, Setting]] = []

    @property
    def has_more(self) -> bool:
        """Whether the steps suffice for another whole training, besides those of the finalists."""
        kept = FINALISTS * self._per_finalist * self.objective.steps
        return self.steps + self.objective.steps <= self.total - kept

    def train(self, setting: Setting, begun: int = 0) -> Iterator[Progress]:
        """Trains with the first seed, validation by validation; whole trainings are recorded.

        Args:
          setting: The `Setting`.
          begun: Steps that were already counted, for a training that is continued.
        """
        before = begun
        for progress in self.objective.train(setting, self._seed):
            self.steps += max(0, progress.steps - before)
            before = max(before, progress.steps)
            if progress.steps == self.objective.steps and progress.finite:
                self._tried.append((progress.value, setting))
            yield progress

    def choose_winner(self, tried: int) -> Winner:
        """The best setting, by more seeds, of those that are best with one seed; `tried` is for the `Winner`.

        Raises:
          StudyFailed: If no setting was trained to its end.
        """
        if not self._tried:
            raise StudyFailed(f"{self._piece.describe()} trained no setting to its end; more --trainings may help")
        best = sorted(self._tried, key=lambda pair: -pair[0])[:FINALISTS]
        seeds = [FIRST_SEED + self._seed + number for number in range(self._per_finalist)]
        self.objective.prepare(seeds)
        means = [np.mean([score, *self._measure(setting, seeds)]) for score, setting in best]
        mean, (_, setting) = max(zip(means, best), key=lambda pair: pair[0])
        return make_winner(setting, float(mean), self.steps, tried)

    def _measure(self, setting: Setting, seeds: Sequence[int]):
        self.steps += len(seeds) * self.objective.steps
        return [self.objective.train_whole(setting, seed) for seed in seeds]


def make_winner(setting: Setting, score: float, steps: int, tried: int) -> Winner:
    """The `Winner` of a `Setting`."""
    formula, schedule = setting.rule.formula(), str(setting.schedule)
    return Winner(formula, setting.learning_rate, schedule, setting.weight_decay, score, steps, tried)
