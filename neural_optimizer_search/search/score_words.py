"""Words in tables for the reward and for the number next to it: an accuracy, or the score of the user's own task."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.command_line import is_own, shorten
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.search.anchors import Anchors, describe_scales
from neural_optimizer_search.tasks.protocol import OF_LOSS


class Metric(NamedTuple):
    """The metric of a user's own task. A score above 0 is a linear function of it; 0 also stands for what is worse.

    Attributes:
      name: Its name.
      worst, best: Its values where the score is 0 and 1.
    """

    name: str
    worst: float
    best: float

    def write_value(self, scores: Sequence[float]) -> str:
        """The value that the mean of scores stands for, as text; "-" if one of them is 0, so that none is known.

        Example:
          >>> from neural_optimizer_search.search.score_words import Metric
          >>> mae = Metric("mae", worst=2.0, best=0.0)
          >>> mae.write_value([0.75, 0.65]), mae.write_value([0.75, 0.0])
          ('0.6', '-')
        """
        if not min(scores) > 0.0:
            return "-"
        return f"{self.worst + (self.best - self.worst) * float(np.mean(scores)):.4g}"


class ScoreWords(NamedTuple):
    """The words for a table of evaluations.

    Attributes:
      title: The title of the column.
      note: Sentences that explain it.
      reward: The name of the reward.
      metric: The `Metric` behind the scores; None if they are the metric itself, or it is unknown.
    """

    title: str
    note: str
    reward: str = "reward"
    metric: Optional[Metric] = None


def joint_words(anchors: Anchors, changes: Sequence[str] = ()) -> ScoreWords:
    """The `ScoreWords` of several tasks, whose scores are the numbers next to the reward.

    Args:
      anchors: The `Anchors`, which define the scores.
      changes: See `score_words`.
    """
    lines = [
        "mean score: over the tasks. On each, tuned SGD has the score 0 and tuned Adam 1, with the seeds of the "
        "search;\nwith fresh seeds, Adam may have another score. Scores below 0 count as 0.",
        *describe_scales(anchors),
    ]
    return ScoreWords("score", "\n".join(lines) + _warn(changes), "mean score")


def choose_words(
    task: str,
    anchors: Sequence[Evaluation] = (),
    fingerprint: Optional[Fingerprint] = None,
    changes: Sequence[str] = (),
) -> ScoreWords:
    """The `ScoreWords` of a search: `joint_words` if it has anchors, else `score_words` of its one task."""
    return joint_words(Anchors(*anchors), changes) if anchors else score_words(task, fingerprint, changes)


def score_words(task: str, fingerprint: Optional[Fingerprint] = None, changes: Sequence[str] = ()) -> ScoreWords:
    """The `ScoreWords` of a task.

    Args:
      task: The task's name; "module:attribute" for the user's own.
      fingerprint: Fingerprint of a user's own task, which says how the score is computed; None if unknown.
      changes: What changed in the task during the run, in words.

    Example:
      >>> from neural_optimizer_search.search.score_words import score_words
      >>> score_words("digits").note
      'accuracy: validation accuracy at the end of the final run.'
      >>> score_words("mine:task").note
      'score: at the end of the final run, from 0 to 1 (the best).'
    """
    if not is_own(task):
        return ScoreWords("accuracy", "accuracy: validation accuracy at the end of the final run.")
    of, unit = ", from 0 to 1 (the best).", None
    if fingerprint is not None:
        metric, worst, best = shorten(fingerprint.metric), fingerprint.worst, fingerprint.best
        is_itself = (worst, best) == (0.0, 1.0)
        if is_itself:
            return ScoreWords("score", f"score: validation {metric} at the end of the final run.{_warn(changes)}")
        of = f": 0 where {metric} is {worst:.4g}, 1 where it is {best:.4g}."
        unit = None if changes else Metric(metric, worst, best)  # scores before the change have other units
    return ScoreWords("score", f"score: at the end of the final run{of}{_warn(changes)}", metric=unit)


# Row of `REWARDS` -> how a training is scored.
_PAID = {
    "final_accuracy": "its last validation",
    "end_accuracy": "the mean score of the last third of its validations",
    "mean_accuracy": "the mean score of all its validations, so that a fast start counts too",
    OF_LOSS: "its mean validation loss, scaled so that a uniform guess has 0 and certainty 1",
}


def describe_reward(reward: str) -> str:
    """Explains the reward of a training in a sentence, given its row in `REWARDS`."""
    return f"reward of a training: {_PAID[reward]}."


def _warn(changes):
    """A note that some rewards were measured before the task changed; "" if it did not change."""
    told = "; ".join(shorten(change, 300) for change in changes)
    return f" Some rewards are of an earlier task: the run continued after changes ({told})." if changes else ""
