"""Computes the update direction of a rule, in any array library.

Only the rule's own words are evaluated; `token_interpreter.py` takes the tokens as a tensor, so that one graph of
TensorFlow runs every rule.
"""

from typing import Any

from neural_optimizer_search.dsl.rule import TOKENS_PER_ITERATION, Rule
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.dsl.vocabulary import BINARIES, UNARIES


def update(rule: Rule, state: State) -> Any:
    """The update direction of a `Rule`, in the shape and dtype of the gradient."""
    ops, outputs = state.ops, []

    def side(op, unary, place):
        x = outputs[op] if isinstance(op, int) else state.at(place).operand(op)
        return UNARIES[unary].value(ops, state.at(place + 2), x)

    for k in range(rule.depth):
        if k not in rule.live:
            outputs.append(None)
            continue
        op1, op2, u1, u2, b = rule.iterations[k]
        place = TOKENS_PER_ITERATION * k
        x = side(op1, u1, place)
        outputs.append(x if b == "left" else BINARIES[b].value(ops, state, x, side(op2, u2, place + 1)))
    return outputs[-1]
