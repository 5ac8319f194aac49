"""The margin of victory: how far an optimizer is below the best of the others (Li & Malik, section 6.1)."""

from collections.abc import Mapping

import numpy as np

from neural_optimizer_search.l2o.trajectories import cap


def margins(values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The mean margin of each optimizer at each iteration.

    Args:
      values: Optimizer -> values `[F, T + 1]` on the same functions; diverged ones count as the cap.

    Returns:
      Optimizer -> `[T + 1]`: the mean over functions of the least value of all others minus its own.
    """
    stacked = cap(np.stack(list(values.values())))
    return {
        name: (np.delete(stacked, i, axis=0).min(axis=0) - stacked[i]).mean(axis=0) for i, name in enumerate(values)
    }


def share_ahead(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The share of the iterations after the start at which one mean margin is higher than the other."""
    return float(np.mean(ours[1:] > theirs[1:]))


def has_diverged(values: np.ndarray) -> np.ndarray:
    """Whether each run became non-finite or ended higher than it began: `[..., T + 1]` -> bool `[...]`."""
    return ~np.isfinite(values).all(axis=-1) | ~(values[..., -1] <= values[..., 0])
