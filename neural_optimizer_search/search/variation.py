"""New strings made of others: the operators of evolution and of local search, on any space."""

from collections.abc import Sequence

import numpy as np

from neural_optimizer_search.dsl.space import Space

MUTATION_TRIES = 100


def mutate(tokens: Sequence[int], space: Space, rng: np.random.Generator) -> tuple[int, ...]:
    """A legal string that differs in one token; after many vain tries, a random one."""
    for _ in range(MUTATION_TRIES):
        child = list(tokens)
        position = rng.integers(space.length)
        child[position] = int(rng.integers(space.sizes[position]))
        if child[position] != tokens[position] and space.is_legal(child):
            return tuple(child)
    return draw_string(space, rng)


def cross(tokens: Sequence[int], other: Sequence[int], space: Space, rng: np.random.Generator) -> tuple[int, ...]:
    """A legal string with a span of tokens of another one; after many vain tries, a random one."""
    for _ in range(MUTATION_TRIES):
        first, last = np.sort(rng.choice(space.length + 1, 2, replace=False))
        child = (*tokens[:first], *other[first:last], *tokens[last:])
        if child not in (tuple(tokens), tuple(other)) and space.is_legal(child):
            return child
    return draw_string(space, rng)


def draw_string(space: Space, rng: np.random.Generator) -> tuple[int, ...]:
    """A random legal string."""
    return tuple(space.sample(rng, 1)[0].tolist())
