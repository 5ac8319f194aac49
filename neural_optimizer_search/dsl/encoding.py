"""A rule as numbers: the input of the graph that runs every rule."""

from typing import Any, NamedTuple

import numpy as np

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES
from neural_optimizer_search.dsl.constants import NAMES, Beta, Constants
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.rule_tokens import Iteration
from neural_optimizer_search.dsl.vocabulary import OPERANDS

# The rows of `AVERAGES` that a rule keeps in its extra arrays; a kind is an index into it.
EXTRAS = tuple(name for name in AVERAGES if name not in ALWAYS)
BETAS = tuple(name for name in NAMES if name.startswith("beta"))
# Places in `EncodedRule.numbers`.
EPSILON = 2 * len(BETAS)
FIRST_NUMBER = EPSILON + 1
_IDLE = Iteration("g", "g", "identity", "identity", "left")


class EncodedRule(NamedTuple):
    """A rule of n iterations that keeps k extra arrays, as arrays or tensors.

    All logarithms and differences are computed in float64, whatever dtype they are used in.

    Attributes:
      tokens: Int32 `[5n]`, the ids of `vocabulary.FULL`.
      numbers: Float32 `[7 + 5n]`: 1 - β and log β of β_1, β_2 and β_3; δ; then `Rule.numbers`.
      reads: Int32 `[5n]`, the index of the extra array that the word at each place reads; 0 if none.
      kinds: Int32 `[k]`, the row of `EXTRAS` of each extra array.
      extra_numbers: Float32 `[k, 3]`: the number c of each extra array, 1 - c and log c.
    """

    tokens: Any
    numbers: Any
    reads: Any
    kinds: Any
    extra_numbers: Any


def encode(rule: Rule) -> EncodedRule:
    """Encodes a rule as numbers."""
    # Iterations that nothing reads are evaluated as well, and must need no extra array.
    live = Rule(tuple(five if k in rule.live else _IDLE for k, five in enumerate(rule.iterations)), rule.constants)
    extras = [name for name in rule.averages if name not in ALWAYS]
    betas = [Beta.of(getattr(rule.constants, name), _log) for name in BETAS]
    return EncodedRule(
        np.array(live.to_tokens(), np.int32),
        np.array([*(x for beta in betas for x in beta), rule.constants.epsilon, *live.numbers], np.float32),
        np.array([_find_read(word, extras) for iteration in live.iterations for word in iteration], np.int32),
        np.array([EXTRAS.index(AVERAGES[name].family or name) for name in extras], np.int32),
        np.array([_find_numbers(AVERAGES[name].constant or 0.0) for name in extras], np.float32).reshape(-1, 3),
    )


def decode(encoded: EncodedRule) -> Rule:
    """Decodes numbers to a rule, whose constants are rounded to float32."""
    *betas, epsilon = map(float, encoded.numbers[:FIRST_NUMBER])
    constants = Constants(*(1.0 - complement for complement in betas[::2]), epsilon=epsilon)
    rule = Rule.from_tokens(encoded.tokens, numbers=[float(number) for number in encoded.numbers[FIRST_NUMBER:]])
    return Rule(rule.iterations, constants)


def is_plain(rule: Rule) -> bool:
    """Whether a rule needs no extra arrays and no words that are functions of whole weight tensors."""
    return not rule.per_tensor and set(rule.averages) <= set(ALWAYS)


def _find_read(word, extras):
    """The index of the extra array that a word reads."""
    reads = OPERANDS[word].averages if isinstance(word, str) and word in OPERANDS else ()
    return next((extras.index(name) for name in reads if name in extras), 0)


def _find_numbers(c):
    return c, *Beta.of(c, _log)


def _log(x):
    return float(np.log(np.float64(x)))
