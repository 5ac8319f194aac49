"""Records a child's own descent as a `Descent`; for a large child, only a block of each weight tensor."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from neural_optimizer_search.measuring.probe import Descent

STEPS = 20  # number of recorded steps
# Approximate numbers of recorded weights, and of candidates for them; a small child's weights are all recorded.
WEIGHTS, CANDIDATES = 512, 2**14


class Recording:
    """Gathers the gradients and weights of updates, as a `TokenOptimizer` reports them."""

    def __init__(self):
        self._steps: list[np.ndarray] = []  # [gradients and weights, candidates]
        self._blocks: list[np.ndarray] = []
        self._sizes: list[int] = []

    def add(self, g: Any, w: Any, variables: Sequence[Any]) -> None:
        """Records an update.

        Args:
          g, w: Gradients, and weights before the update, `[all weights]`.
          variables: The weight tensors, in the order of the vectors.
        """
        if not self._blocks:
            shapes = [tuple(variable.shape) for variable in variables]
            self._blocks, self._sizes = choose_candidates(shapes), list(map(math.prod, shapes))
        places = np.concatenate([block.reshape(-1) for block in self._blocks])
        self._steps.append(np.stack([np.asarray(g, np.float32)[places], np.asarray(w, np.float32)[places]]))

    def as_dict(self) -> dict[str, Any]:
        """JSON-able values for `make_descent`, up to the first step that is not finite."""
        finite = list(itertools.takewhile(lambda step: np.isfinite(step).all(), self._steps))
        if not finite:
            return dict(gradients=[], weights=[], shapes=[], sizes=[])
        g, w = np.stack(finite, axis=1)
        kept = choose_weights(np.abs(g).min(axis=0), [block.shape for block in self._blocks])
        places = np.concatenate([block.reshape(-1) for block in kept])
        return dict(
            gradients=g[:, places].tolist(),
            weights=w[:, places].tolist(),
            shapes=[block.shape for block in kept],
            sizes=self._sizes,
        )


def choose_candidates(shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Chooses random rows and columns of each tensor, about `CANDIDATES` weights in total.

    A tensor `[..., outputs]` becomes a matrix with outputs as columns, as in words that apply to a whole tensor.

    Args:
      shapes: The shapes of the tensors, in order.

    Returns:
      For each tensor, a matrix or a vector of indices into the vector of all weights.
    """
    rng = np.random.default_rng(0)
    matrices = [shape if len(shape) < 2 else (math.prod(shape[:-1]), shape[-1]) for shape in shapes]
    return _choose_blocks(
        matrices, CANDIDATES, lambda tensor, axis, size, count: np.sort(rng.choice(size, count, replace=False))
    )


def choose_weights(least: np.ndarray, shapes: Sequence[tuple[int, ...]]) -> list[np.ndarray]:
    """Chooses rows and columns of blocks, evenly spaced in the order of their smallest gradient.

    Rules often differ at gradients that are 0, such as those of dead units, so these must be included. There are
    about `WEIGHTS` weights in total.

    Args:
      least: The smallest absolute gradient of each weight, `[weights]`.
      shapes: Shapes of the blocks.

    Returns:
      Indices, as from `choose_candidates`.
    """
    ends = np.cumsum(list(map(math.prod, shapes)))
    blocks = [part.reshape(shape) for part, shape in zip(np.split(least, ends[:-1]), shapes)]

    def choose(tensor, axis, size, count):
        block = blocks[tensor]
        others = tuple(other for other in range(block.ndim) if other != axis)
        order = np.argsort(block.min(axis=others) if others else block, kind="stable")
        return np.sort(order[np.linspace(0, size - 1, count).round().astype(int)])

    return _choose_blocks(shapes, WEIGHTS, choose)


def _choose_blocks(shapes, most, choose: Callable[[int, int, int, int], np.ndarray]) -> list[np.ndarray]:
    """Chooses about its share from each tensor: `choose(tensor, axis, size, count)` returns indices on an axis."""
    sizes = [math.prod(shape) for shape in shapes]
    cap, start, chosen = _find_cap(sizes, most), 0, []
    for tensor, (shape, size) in enumerate(zip(shapes, sizes)):
        places = np.arange(start, start + size).reshape(shape)
        start += size
        if size:
            counts = _find_counts(shape, cap)
            axes = [choose(tensor, axis, length, count) for axis, (length, count) in enumerate(zip(shape, counts))]
            places = places[np.ix_(*axes)] if shape else places
        chosen.append(places)
    return chosen


def _find_counts(shape, cap):
    """The numbers of rows and columns of a block, as square as possible."""
    if len(shape) < 2:
        return tuple(min(length, cap) for length in shape)
    rows, columns = shape
    wide = min(columns, max(round(math.sqrt(cap)), math.ceil(cap / rows)))
    return min(rows, max(1, cap // wide)), wide


def _find_cap(sizes, most):
    """The maximum number of weights per tensor, so that small tensors are whole and large ones share the rest."""
    left = most
    for i, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - i)
        if size > share:
            return max(share, 1)
        left -= size
    return max(sizes, default=1)


def make_descent(recorded: Any) -> Descent:
    """The `Descent` of a recording.

    Args:
      recorded: From `Recording.as_dict`: "gradients" and "weights", `[steps, weights]`; "shapes" of the blocks and
        "sizes" of the tensors.

    Raises:
      ValueError: If `recorded` is not a recording.
    """
    try:
        g, w = (np.asarray(recorded[name], np.float64) for name in ("gradients", "weights"))
        shapes, sizes = recorded["shapes"], recorded["sizes"]
        counts = [math.prod(shape) for shape in shapes]
        # Checked before arrays of these sizes are allocated.
        whole = (
            (g.ndim == 2 and g.shape == w.shape and g.size and np.isfinite([g, w]).all())
            and (len(sizes) == len(counts) and sum(counts) == g.shape[1])
            and all(type(size) is int and 0 <= count <= size < 2**63 for count, size in zip(counts, sizes))
        )
        if not whole:
            raise ValueError("they are not finite numbers, one for each weight")
        ends = np.cumsum(counts)
        tensors = [np.arange(end - count, end).reshape(shape) for end, count, shape in zip(ends, counts, shapes)]
        shares = [np.full(count, math.sqrt(size / max(count, 1))) for count, size in zip(counts, sizes)]
    except (KeyError, TypeError, ValueError, OverflowError, MemoryError) as error:
        raise ValueError(f"the recorded gradients are damaged: {error!s:.100}") from error
    return Descent(g, w, len(g), tuple(tensors), np.concatenate(shares))
