"""The optimizers that every found rule is shown beside, as rules of the same language."""

from collections.abc import Sequence

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.workers.executor import TaskFailed

KNOWN_OPTIMIZERS = {
    name: CATALOGUE[name.lower()].rule for name in ("SGD", "Momentum", "RMSProp", "Adam", "PowerSign", "AddSign")
}

# What to look at if no known optimizer has a reward, by their statuses.
_ADVICE = {
    "diverged": "Look for NaN and infinity in the data, and at what the loss computes",
    "ok": "Look at the metric: 1 must be the best value and 0 worth nothing, or lower values must be better and fall "
    "below that of the untrained model",
    **dict.fromkeys(FAILURES, "Mend what failed"),
    "timeout": "Give a longer --timeout",
}


def require_reward(known: Sequence[Evaluation]) -> None:
    """Checks that at least one known optimizer has a reward: else it is the task, and no rule would have one.

    Args:
      known: Evaluations of `KNOWN_OPTIMIZERS`, in their order.

    Raises:
      TaskFailed: If none has; the message says what was seen, and what to look at.
    """
    if any(evaluation.reward > 0.0 for evaluation in known):
        return
    firsts = {}
    for name, evaluation in zip(KNOWN_OPTIMIZERS, known):
        message = shorten(" ".join(evaluation.message.split()).rstrip("."), 300)
        firsts.setdefault(evaluation.status, f"{name}: {message}")
    advice = [_ADVICE[status] for status in firsts if status in _ADVICE]
    raise TaskFailed(f"every known optimizer has the reward 0 ({'; '.join(firsts.values())}). {'. '.join(advice)}.")
