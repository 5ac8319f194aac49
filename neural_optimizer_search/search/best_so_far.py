"""The best rule that a search has found, and how long it waits for a better one."""

from typing import Optional

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.intervals import CONFIDENCE, find_probability


class BestSoFar:
    """The last rule that was better than the best before it beyond the noise of its seeds.

    Rules are compared seed by seed; with a single seed, from which the noise is unknown, a higher reward is enough.
    Many small gains count once they add up to a large one, because a rule within the noise does not become the best.

    Attributes:
      waited: Rules trained since it was found.
    """

    def __init__(self):
        self.waited = 0
        self._best: Optional[Evaluation] = None

    def learn(self, evaluation: Evaluation) -> None:
        """Notes an evaluation that the search has learned from; each only once."""
        self.waited += not (evaluation.cached or evaluation.form)
        if evaluation.status == "ok" and (self._best is None or _is_better(evaluation, self._best)):
            self._best, self.waited = evaluation, 0


def _is_better(one, other):
    if one.reward <= other.reward:  # settles most cases without looking at the seeds
        return False
    rewards = dict(zip(other.seeds, other.rewards))
    pairs = [(own, rewards[seed]) for seed, own in zip(one.seeds, one.rewards) if seed in rewards]
    probability = find_probability([own - before for own, before in pairs])
    return probability is None or probability >= CONFIDENCE
