"""How long a rule may take."""

from collections.abc import Iterable

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.workers.executor import LONGEST_TIMEOUT

LEAST_SECONDS = 60
TIMES_SLOWEST = 10


def find_timeout(known: Iterable[Evaluation]) -> float:
    """Seconds for a rule, from the time of the known optimizers, which depends on the task and the machine.

    Args:
      known: Evaluations of the known optimizers.
    """
    # A foreign ledger may say anything.
    likely = (e.seconds for e in known if 0 <= e.seconds <= LONGEST_TIMEOUT)
    return min(LONGEST_TIMEOUT, max(LEAST_SECONDS, TIMES_SLOWEST * max(likely, default=0.0)))
