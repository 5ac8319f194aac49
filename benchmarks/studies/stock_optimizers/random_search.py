"""Random search with refinement: half at random, then near the best; at the end more seeds for the best."""

import math
from typing import NamedTuple

import numpy as np

from benchmarks.studies.common.trainings import Train, Training
from benchmarks.studies.stock_optimizers.kinds import KINDS, Configuration, change, draw, schedule

PARENTS = 5  # configurations near which others are drawn, and which get more seeds
GENERATION = 10  # trainings between two choices of the best


class Found(NamedTuple):
    """The result of a search.

    Attributes:
      configuration: The best, by the mean over the trainings at the end.
      score: That mean, on the validation data.
      trainings: Number of trainings.
      steps: Gradient steps of the search; a training that diverges stops early.
      seconds: Processor time of the search.
    """

    configuration: Configuration
    score: float
    trainings: int
    steps: int
    seconds: float


def search(
    task: str, budget: int, steps: int, seed: int, train: Train, kinds: tuple[str, ...] = tuple(KINDS)
) -> Found:
    """Searches for the best configuration by validation data.

    Args:
      task: See `Training`.
      budget: Number of whole trainings whose gradient steps may be spent; there are more if some diverge.
      steps: Gradient steps of a whole training.
      seed: Seed of the draws. All trainings use seed 0 of the task, and those at the end the seeds after it: by its
        score with the seed that selected it, a configuration looks better than it is.
      train: The function that trains.
      kinds: The kinds to draw from.
    """
    rng = np.random.default_rng(seed)
    more = budget // 10 // PARENTS  # trainings of each of the best at the end
    tried, done = [], []

    def measure(configurations, seeds):
        wanted = [make_training(task, c, s) for c in configurations for s in seeds]
        done.extend(trained := train(wanted))
        return np.array([t.score for t in trained]).reshape(len(configurations), -1)

    def spent():
        return sum(t.steps for t in done)

    def best():
        return sorted(tried, key=lambda pair: -pair[1])[:PARENTS]

    def try_out(configurations):
        tried.extend(zip(configurations, measure(configurations, [0])[:, 0]))

    try_out([draw(rng, kinds) for _ in range(max(1, budget // 2))])
    while (count := min(GENERATION, budget - more * len(best()) - math.ceil(spent() / steps))) > 0:
        parents = best()
        try_out([change(parents[rng.integers(len(parents))][0], rng) for _ in range(count)])
    chosen, firsts = zip(*best())
    means = measure(chosen, range(1, 1 + more)).mean(axis=1) if more else np.array(firsts)
    winner = int(np.argmax(means))
    return Found(chosen[winner], float(means[winner]), len(done), spent(), sum(t.seconds for t in done))


def make_training(task: str, configuration: Configuration, seed: int, on_test: bool = False) -> Training:
    """The training of a child with a configuration."""
    c = configuration
    formula = KINDS[c["kind"]].formula(c)
    return Training(task, formula, c["rate"], seed, schedule(c), c.get("weight_decay", 0.0), on_test=on_test)
