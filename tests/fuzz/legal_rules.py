"""Random rules of all search spaces."""

import numpy as np

from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.presets import PRESETS, search_space
from neural_optimizer_search.dsl.rule import Rule

SPACES = [search_space(name, depth) for name in PRESETS for depth in (1, 2, 3)]
SPACES += [search_space("arxiv2017", 4), search_space("arxiv2017", 2).unconstrained()]


def legal_rules(count):
    """Rules of all the spaces in turn, every third with constants of its own."""
    rng = np.random.default_rng(0)
    share = -(-count // len(SPACES))
    rules = [space.decode(tokens) for space in SPACES for tokens in space.sample(rng, share)][:count]
    return [Rule(rule.iterations, random_constants(rng)) if i % 3 == 0 else rule for i, rule in enumerate(rules)]


def random_constants(rng):
    """Some of them the paper's; with few digits and with all, and at the ends."""
    betas = [rng.choice([0.0, 0.9, 0.95, rng.random(), np.nextafter(1.0, 0.0)]) for _ in range(3)]
    return Constants(*map(float, betas), epsilon=float(rng.choice([1e-8, 1e-300, 10.0 ** rng.uniform(-20, 3)])))
