"""Muon's orthogonalization (Jordan et al., 2024): brings a matrix near one with orthogonal rows or columns."""

import math
from typing import Any

STEPS = 5
# Coefficients of an odd polynomial that brings singular values near 1 in so few steps: to between 0.7 and 1.2.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SMALL = 1e-7  # added to a norm that may be 0


def on_matrices(x: Any, y: Any) -> Any:
    """x if it has two axes or more, else y."""
    return x if len(x.shape) > 1 else y


def orthogonalize(ops: Any, x: Any) -> Any:
    """Orthogonalizes a kernel `[..., inputs, outputs]` as a matrix; x with fewer than two axes is unchanged.

    The singular values become about 1, times sqrt(outputs / inputs) if there are more outputs than inputs.
    """
    shape = tuple(x.shape)
    if len(shape) < 2 or 0 in shape:
        return x
    rows, columns = math.prod(shape[:-1]), shape[-1]
    matrix = ops.reshape(x, (rows, columns))
    matrix = matrix if rows <= columns else ops.transpose(matrix)
    matrix = matrix / (ops.sqrt(ops.mean(ops.square(matrix)) * (rows * columns)) + SMALL)
    a, b, c = COEFFICIENTS
    for _ in range(STEPS):
        product = matrix @ ops.transpose(matrix)
        matrix = a * matrix + (b * product + c * (product @ product)) @ matrix
    matrix = matrix if rows <= columns else ops.transpose(matrix)
    return ops.reshape(matrix, shape) * max(1.0, columns / rows) ** 0.5
