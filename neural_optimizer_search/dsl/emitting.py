"""The iterations that compute an expression."""

from collections import Counter
from typing import Any

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.rule_tokens import Iteration


def emit(expression: ex.Expression) -> tuple[Iteration, ...]:
    """As few iterations as possible; equal parts share one, unless they draw anew."""
    expression = ex.number_draws(expression)
    iterations, reads = _emit(expression, _reads_draw)
    if reads:
        own = {node for node, n in reads.items() if n > 1 and (node.draw or reads[node.x] == 1)}
        iterations, _ = _emit(expression, own.__contains__)
    return tuple(iterations)


def _reads_draw(node):
    """Whether it is a word with a numbered draw, or a function of such an operand, computed in one iteration."""
    return bool(node.draw) or (isinstance(node, ex.Unary) and isinstance(node.x, ex.Operand) and bool(node.x.draw))


def _emit(expression, has_own):
    """The iterations that compute an expression.

    Args:
      expression: The expression.
      has_own: Which words, and functions of words, have an iteration of their own, as all must that read a draw and
        are read by several iterations: each iteration would draw anew.

    Returns:
      The iterations, and how often they read each part with an iteration of its own.
    """
    iterations: list[Iteration] = []
    index: dict[ex.Expression, int] = {}
    reads: Counter[Any] = Counter()

    def emit(node):
        if node in index:
            return index[node]
        if isinstance(node, ex.Binary):
            (op1, u1), (op2, u2) = argument(node.x), argument(node.y)
            iteration = Iteration(op1, op2, u1, u2, node.name)
        else:
            op1, u1 = (read(node.x), node.name) if isinstance(node, ex.Unary) else (node.name, "identity")
            iteration = Iteration(op1, "g" if op1 == "1" else "1", u1, "identity", "left")
        iterations.append(iteration)
        if not ex.draws_anew(node):
            index[node] = len(iterations) - 1
        return len(iterations) - 1

    def argument(node):
        is_function = isinstance(node, ex.Unary) and not has_own(node)
        return (read(node.x), node.name) if is_function else (read(node), "identity")

    def read(node):
        if has_own(node):
            reads[node] += 1
            return emit(node)
        return node.name if isinstance(node, ex.Operand) else emit(node)

    emit(expression)
    return iterations, reads
