"""A rule as numbers: what a graph that runs every rule is given."""

from typing import Any, NamedTuple

import numpy as np

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES
from neural_optimizer_search.dsl.constants import NAMES, Beta, Constants
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import OPERANDS

# The rows of `AVERAGES` that a rule keeps in its extra arrays; a kind is a place in it.
EXTRAS = tuple(name for name in AVERAGES if name not in ALWAYS)
BETAS = tuple(name for name in NAMES if name.startswith("beta"))


class EncodedRule(NamedTuple):
    """A rule of n iterations that keeps k extra arrays, as arrays or tensors.

    All logarithms and differences are computed in float64, whoever uses them.

    Attributes:
      tokens: Int32 `[5n]`, the ids of `vocabulary.FULL`.
      numbers: Float32 `[5n]`, `Rule.numbers`.
      reads: Int32 `[5n]`, which extra array the word at each place reads; 0 if none.
      constants: Float32 `[7]`: 1 - β and log β of β_1, β_2 and β_3, and δ.
      kinds: Int32 `[k]`, the row of `EXTRAS` of each extra array.
      extra_numbers: Float32 `[k, 3]`: the number c of each extra array, 1 - β and log β.
    """

    tokens: Any
    numbers: Any
    reads: Any
    constants: Any
    kinds: Any
    extra_numbers: Any


def encode(rule: Rule) -> EncodedRule:
    """The numbers of a rule."""
    extras = [name for name in rule.averages if name not in ALWAYS]
    betas = [Beta.of(getattr(rule.constants, name), _log) for name in BETAS]
    return EncodedRule(
        np.array(rule.to_tokens(), np.int32),
        np.array(rule.numbers, np.float32),
        np.array([_find_read(word, extras) for iteration in rule.iterations for word in iteration], np.int32),
        np.array([*(x for beta in betas for x in beta), rule.constants.epsilon], np.float32),
        np.array([EXTRAS.index(AVERAGES[name].family or name) for name in extras], np.int32),
        np.array([_find_numbers(AVERAGES[name], rule.constants) for name in extras], np.float32).reshape(-1, 3),
    )


def decode(encoded: EncodedRule) -> Rule:
    """The rule of these numbers, whose constants are rounded to float32."""
    betas = [1.0 - float(complement) for complement in encoded.constants[:-1:2]]
    constants = Constants(*betas, epsilon=float(encoded.constants[-1]))
    rule = Rule.from_tokens(encoded.tokens, numbers=[float(number) for number in encoded.numbers])
    return Rule(rule.iterations, constants)


def _find_read(word, extras):
    """The extra array that a word reads."""
    reads = OPERANDS[word].averages if isinstance(word, str) and word in OPERANDS else ()
    return next((extras.index(name) for name in reads if name in extras), 0)


def _find_numbers(row, constants):
    if row.join is not None:
        return 0.0, 1.0, -np.inf
    beta = getattr(constants, row.beta) if row.beta else row.constant
    return row.constant or 0.0, *Beta.of(beta, _log)


def _log(x):
    return float(np.log(np.float64(x)))
