"""Rules to measure, drawn at random."""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from neural_optimizer_search import Rule
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.measuring.screen import Screen


def draw_distinct_rules(seed: int, depths: Sequence[int]) -> Iterator[Rule]:
    """Yields distinct random rules that pass the screen, of each depth in turn."""
    rng, screen, seen = np.random.default_rng(seed), Screen(), set()
    for depth in itertools.cycle(depths):
        space = search_space("arxiv2017_no_decay", depth)
        draws = (screen(space.decode(space.sample(rng, 1)[0])) for _ in itertools.count())
        screening = next(drawn for drawn in draws if drawn.rule and drawn.key not in seen)
        seen.add(screening.key)
        yield screening.rule
