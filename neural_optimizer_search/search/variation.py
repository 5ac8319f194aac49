"""Creates new strings from others: the operators of evolution and of local search, on any space."""

from collections.abc import Sequence

import numpy as np

from neural_optimizer_search.dsl.space import Space

MUTATION_TRIES = 100


def mutate(tokens: Sequence[int], space: Space, rng: np.random.Generator) -> tuple[int, ...]:
    """A legal string that differs in one token; after many failed attempts, a random one."""
    for _ in range(MUTATION_TRIES):
        child = list(tokens)
        position = rng.integers(space.length)
        child[position] = int(rng.integers(space.sizes[position]))
        if child[position] != tokens[position] and space.is_legal(child):
            return tuple(child)
    return draw_string(space, rng)


def cross(tokens: Sequence[int], other: Sequence[int], space: Space, rng: np.random.Generator) -> tuple[int, ...]:
    """A legal string with a span of tokens from another one, and equal to neither.

    If the strings differ in fewer than two places, or after many failed attempts, it is a mutation.
    """
    places = [place for place, (one, another) in enumerate(zip(tokens, other)) if one != another]
    for _ in range(MUTATION_TRIES if len(places) > 1 else 0):
        first, last = sorted(rng.integers(len(places), size=2))
        span = slice(places[first], places[last] + 1)
        child = (*tokens[: span.start], *other[span], *tokens[span.stop :])
        if last - first + 1 < len(places) and space.is_legal(child):
            return child
    return mutate(tokens, space, rng)


def draw_string(space: Space, rng: np.random.Generator) -> tuple[int, ...]:
    """A random legal string."""
    return tuple(space.sample(rng, 1)[0].tolist())
