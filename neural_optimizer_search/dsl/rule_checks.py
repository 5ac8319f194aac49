"""Which iterations are a rule, and how large a rule may be."""

from collections.abc import Sequence
from typing import Any

from neural_optimizer_search.dsl.rule_tokens import TABLES, TOKENS_PER_ITERATION, Iteration

# Limits of a rule as a tree, far beyond any useful one: the height that Python's stack can hold, and the size that
# prints in a second. A tree repeats an output each time it is read, so forty iterations could spell 2^40 words.
MAX_HEIGHT = 400
MAX_WORDS = 2**14
MAX_TOKENS = 2**16  # noise depends on the position of a token, which has 16 bits of a seed


def check_iterations(iterations: Any) -> None:
    """Raises a ValueError if these are no iterations, or if one has a word that is not allowed at its place."""
    if not isinstance(iterations, (tuple, list)) or not iterations:
        raise ValueError(f"Argument `iterations` must hold at least one iteration. Received: {iterations!r:.200}.")
    if TOKENS_PER_ITERATION * len(iterations) > MAX_TOKENS:
        raise ValueError(
            f"Argument `iterations` must hold at most {MAX_TOKENS // TOKENS_PER_ITERATION} iterations. "
            f"Received: {len(iterations)}."
        )
    for k, iteration in enumerate(iterations):
        if not isinstance(iteration, (tuple, list)) or len(iteration) != TOKENS_PER_ITERATION:
            raise ValueError(
                f"Iteration {k} must be a tuple of {TOKENS_PER_ITERATION} words (op1, op2, u1, u2, b). "
                f"Received: {iteration!r:.200}."
            )
    for k, iteration in enumerate(iterations):
        _check_iteration(k, iteration)


def _check_iteration(k, iteration):
    for field, table, word in zip(Iteration._fields, TABLES, iteration):
        # JSON can also hold true and lists.
        if isinstance(word, str) and word in table:
            continue
        if not (field in ("op1", "op2") and type(word) is int and 0 <= word < k):
            earlier = f", or an earlier iteration's number below {k}" if k and field[0] == "o" else ""
            raise ValueError(
                f"{field} of iteration {k} must be one of: {', '.join(table)}{earlier}. Received: {word!r:.200}."
            )


def check_extent(iterations: Sequence[Iteration]) -> None:
    """Raises a ValueError if the rule, as a tree, is larger than can be printed."""
    heights, words = [], []
    for op1, op2, _, _, b in iterations:
        sides = [op1] if b == "left" else [op1, op2]
        # `canonical` writes x - y as x + -y.
        above = len(sides) + (b == "sub")
        heights.append(above + max(heights[op] if isinstance(op, int) else 1 for op in sides))
        words.append(1 + sum(1 + (words[op] if isinstance(op, int) else 1) for op in sides))
        if heights[-1] > MAX_HEIGHT or words[-1] > MAX_WORDS:
            raise ValueError(
                f"Argument `iterations` must spell a tree of height at most {MAX_HEIGHT} with at most {MAX_WORDS} "
                f"words. Received: {len(iterations)} iterations, of which number {len(words) - 1} spells more."
            )
