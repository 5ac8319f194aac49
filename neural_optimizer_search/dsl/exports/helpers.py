"""Helper functions in exported files that are the same in all frameworks."""

from collections.abc import Sequence

from neural_optimizer_search.dsl.exports.code import spell_number
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.text import Export, indent, only
from neural_optimizer_search.operations.newton_schulz import COEFFICIENTS, SMALL, STEPS


def log_beta(export: Export, *first: str) -> Sequence[str]:
    """A function for the logarithm of a β; `first` are lines for values that are no Python numbers."""
    return only(
        "_log" in export.equation.needs,
        "def _log(beta):",
        '    """log(beta), with 1e-30 in place of 0; 1 - beta ** (t + 1) still rounds to 1."""',
        *indent(first),
        "    return math.log(beta or 1e-30)",
    )


def orthogonalize(export: Export, functions: Functions) -> Sequence[str]:
    """Muon's function of matrices, as in `operations/newton_schulz.py`."""
    sqrt, mean, square, reshape, transpose = map(functions.name, ("sqrt", "mean", "square", "reshape", "transpose"))
    a, b, c = COEFFICIENTS
    sides, ratio = (
        ("shape[0], math.prod(shape[1:])", "rows / columns")
        if functions.outputs_first
        else ("math.prod(shape[:-1]), shape[-1]", "columns / rows")
    )
    return only(
        "_orthogonalize" in export.equation.needs,
        "def _orthogonalize(x):",
        '    """Brings a matrix near one with orthogonal rows or columns, by Newton-Schulz steps as in Muon."""',
        "    shape = tuple(x.shape)",
        "    if len(shape) < 2 or 0 in shape:",
        "        return x",
        f"    rows, columns = {sides}",
        f"    matrix = {reshape}(x, (rows, columns))",
        f"    matrix = matrix if rows <= columns else {transpose}(matrix)",
        f"    matrix = matrix / ({sqrt}({mean}({square}(matrix)) * (rows * columns)) + {spell_number(SMALL)})",
        f"    for _ in range({STEPS}):",
        f"        product = matrix @ {transpose}(matrix)",
        f"        matrix = {a} * matrix + ({b} * product + {c} * (product @ product)) @ matrix",
        f"    matrix = matrix if rows <= columns else {transpose}(matrix)",
        f"    return {reshape}(matrix, shape) * max(1.0, {ratio}) ** 0.5",
    )


def mean_inputs(export: Export, functions: Functions) -> Sequence[str]:
    """The mean over the inputs of each output, as in the namespaces in `operations/`."""
    kept, axes = ("first", "1, len(x.shape)") if functions.outputs_first else ("last", "len(x.shape) - 1")
    return only(
        "_mean_inputs" in export.equation.needs,
        "def _mean_inputs(x):",
        f'    """The mean over all axes but the {kept}, which are kept with size 1."""',
        f"    axes = tuple(range({axes}))",
        f"    return {functions.name('mean')}(x, axis=axes, keepdims=True) if axes else x",
    )
