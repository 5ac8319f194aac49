"""Random numbers of PyTorch that depend on a seed, a step and a place; `keras.random`'s do not depend on the step."""

from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]


@torch.compiler.disable  # it cannot trace NumPy's mixing of the numbers, nor a generator
def draw(kind: str, like: Any, dtype: Any, seed: int, t: Any, place: Any) -> Any:
    """Numbers of `like`'s shape; `kind` is "normal" or "uniform"."""
    numbers = np.random.SeedSequence([seed % 2**64, int(t), int(place)])
    generator = torch.Generator(like.device).manual_seed(int(numbers.generate_state(1, np.uint64)[0] >> 1))
    # Not `empty_like`: the numbers of a transposed gradient would lie otherwise.
    return getattr(torch.empty(like.shape, dtype=dtype, device=like.device), f"{kind}_")(generator=generator)
