"""The time limit of a rule."""

from collections.abc import Iterable

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.workers.executor import LONGEST_TIMEOUT

LEAST_SECONDS = 60
TIMES_SLOWEST = 10


def find_timeout(known: Iterable[Evaluation]) -> float:
    """The time limit of a rule in seconds, from the durations of the known optimizers on this task and machine.

    Args:
      known: Evaluations of the known optimizers. Those from a cache do not count: another machine or device may have
        measured them. If it measured all, nothing is known, and the limit is the longest.
    """
    known = list(known)
    own = [e.seconds for e in known if not e.cached]
    if known and not own:
        return LONGEST_TIMEOUT
    # A ledger from somebody else may hold anything.
    likely = (seconds for seconds in own if 0 <= seconds <= LONGEST_TIMEOUT)
    return min(LONGEST_TIMEOUT, max(LEAST_SECONDS, TIMES_SLOWEST * max(likely, default=0.0)))
