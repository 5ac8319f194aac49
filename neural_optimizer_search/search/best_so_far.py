"""The best rule that a search has found so far, and the number of rules trained since then."""

from typing import Optional

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.search.intervals import CONFIDENCE, find_probability


class BestSoFar:
    """The best rule so far: the last one that beat the previous best beyond the noise of its seeds.

    Rules are compared seed by seed; with a single seed, which does not show the noise, a higher reward is enough.
    Many small gains count once they add up to a large one, because a rule within the noise does not become the best.

    Attributes:
      waited: Number of rules trained since it was found.
    """

    def __init__(self):
        self.waited = 0
        self._best: Optional[Evaluation] = None

    def learn(self, evaluation: Evaluation) -> None:
        """Records an evaluation that the search has learned from; call it once for each."""
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
