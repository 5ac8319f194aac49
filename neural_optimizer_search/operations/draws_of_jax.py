"""Random numbers of JAX that depend on a seed, a step and a place; `keras.random`'s do not depend on the step."""

from typing import Any

import jax  # pyright: ignore[reportMissingImports]


def draw(kind: str, like: Any, dtype: Any, seed: int, t: Any, place: Any) -> Any:
    """Numbers of `like`'s shape; `kind` is "normal" or "uniform"."""
    key = jax.random.key(seed % 2**32)
    for number in (seed // 2**32 % 2**32, t, place):
        key = jax.random.fold_in(key, number)
    return getattr(jax.random, kind)(key, like.shape, dtype)
