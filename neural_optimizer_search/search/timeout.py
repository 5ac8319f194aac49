"""How long a rule may take."""

from collections.abc import Iterable

from neural_optimizer_search.measuring.evaluation import Evaluation

LEAST_SECONDS = 60
TIMES_SLOWEST = 10


def find_timeout(known: Iterable[Evaluation]) -> float:
    """Seconds for a rule: what the known optimizers take tells of the task and the machine.

    Args:
      known: Evaluations of the known optimizers.
    """
    return max(LEAST_SECONDS, TIMES_SLOWEST * max((evaluation.seconds for evaluation in known), default=0.0))
