"""What the number beside the reward is called: an accuracy, or the score of a task of the user's own."""

from typing import NamedTuple, Optional


class ScoreWords(NamedTuple):
    """The words for a table of evaluations.

    Attributes:
      title: What stands over the column.
      note: One sentence that says what is in it.
    """

    title: str
    note: str


def score_words(
    task: str, metric: Optional[str] = None, worst: Optional[float] = None, best: Optional[float] = None
) -> ScoreWords:
    """The `ScoreWords` of a task.

    Args:
      task: The task's name; one of the user's own is "module:attribute".
      metric: The name of its metric, if it is known.
      worst, best: The values of the metric with the scores 0 and 1, if they are known.

    Example:
      >>> from neural_optimizer_search.search.score_words import score_words
      >>> score_words("digits").note
      'accuracy: validation accuracy at the end of the final run.'
      >>> score_words("mine:task", "mae").note
      'score: at the end of the final run; 1 is the best, 0 is worth nothing; of mae.'
    """
    if ":" not in task:
        return ScoreWords("accuracy", "accuracy: validation accuracy at the end of the final run.")
    scale = "" if worst is None or best is None else f", from {worst:.4g} (score 0) to {best:.4g} (score 1)"
    of = f"; of {metric}{scale}" if metric else ""
    return ScoreWords("score", f"score: at the end of the final run; 1 is the best, 0 is worth nothing{of}.")
