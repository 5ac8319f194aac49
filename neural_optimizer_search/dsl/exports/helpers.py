"""Helper functions in exported files that are the same in all frameworks."""

from collections.abc import Sequence

from neural_optimizer_search.dsl.exports.code import spell_number
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.text import Export, only
from neural_optimizer_search.operations.newton_schulz import COEFFICIENTS, SMALL, STEPS


def log_beta(export: Export) -> Sequence[str]:
    """A function for the logarithm of a β."""
    return only(
        "_log" in export.equation.needs,
        "def _log(beta):",
        '    """log(beta), with 1e-30 in place of 0; 1 - beta ** (t + 1) still rounds to 1."""',
        "    return math.log(beta or 1e-30)",
    )


def orthogonalize(export: Export, functions: Functions) -> Sequence[str]:
    """Muon's function of matrices, as in `operations/newton_schulz.py`."""
    sqrt, mean, square, reshape, transpose = map(functions.name, ("sqrt", "mean", "square", "reshape", "transpose"))
    a, b, c = COEFFICIENTS
    return only(
        "_orthogonalize" in export.equation.needs,
        "def _orthogonalize(x):",
        '    """The nearest matrix with orthogonal rows or columns, by Newton-Schulz steps as in Muon."""',
        "    shape = tuple(x.shape)",
        "    if len(shape) < 2 or 0 in shape:",
        "        return x",
        "    rows, columns = math.prod(shape[:-1]), shape[-1]",
        f"    matrix = {reshape}(x, (rows, columns))",
        f"    matrix = matrix if rows <= columns else {transpose}(matrix)",
        f"    matrix = matrix / ({sqrt}({mean}({square}(matrix)) * (rows * columns)) + {spell_number(SMALL)})",
        f"    for _ in range({STEPS}):",
        f"        product = matrix @ {transpose}(matrix)",
        f"        matrix = {a} * matrix + ({b} * product + {c} * (product @ product)) @ matrix",
        f"    matrix = matrix if rows <= columns else {transpose}(matrix)",
        f"    return {reshape}(matrix, shape) * max(1.0, columns / rows) ** 0.5",
    )
