"""Computes the update direction of a rule, in any array library.

Only the rule's own words are evaluated; `token_interpreter.py` takes the tokens as a tensor, so that one graph of
TensorFlow runs every rule.
"""

from typing import Any, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.rule_tokens import TOKENS_PER_ITERATION
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.dsl.vocabulary import BINARIES, UNARIES


def update(rule: Rule, state: State, known: Optional[dict[int, Any]] = None) -> Any:
    """The update direction of a `Rule`, in the shape and dtype of the gradient.

    Args:
      rule: The rule.
      state: The `State`.
      known: Outputs of iterations without noise, by their numbers. They are not computed again, and others are added:
        for several calls with states that differ only in their noise.
    """
    ops, outputs, known = state.ops, [], {} if known is None else known

    def side(op, unary, place):
        x = outputs[op] if isinstance(op, int) else state.at(place).operand(op)
        return UNARIES[unary].value(ops, state.at(place + 2), x)

    for k in range(rule.depth):
        if k not in rule.live or k in known:
            outputs.append(known.get(k))
            continue
        op1, op2, u1, u2, b = rule.iterations[k]
        place = TOKENS_PER_ITERATION * k
        x = side(op1, u1, place)
        outputs.append(x if b == "left" else BINARIES[b].value(ops, state, x, side(op2, u2, place + 1)))
        if k not in rule.noisy:
            known[k] = outputs[k]
    return outputs[-1]
