"""Spaces of strings of 5n tokens, of the words of a vocabulary (arXiv v2, section 4.1)."""

import dataclasses
import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

import numpy as np

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.rule_tokens import TOKENS_PER_ITERATION, Iteration
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES, Vocabulary

MAX_DEPTH = 4
# The places of an iteration whose words are constrained.
OP2, B = Iteration._fields.index("op2"), Iteration._fields.index("b")
_CONSTRAINTS = ("distinct_operands", "no_final_addition", "reuse_outputs")


@dataclass(frozen=True)
class SearchSpace(Space):
    """A vocabulary, a depth and the paper's three constraints.

    Args:
      name: The name under which a run records it.
      operands, unaries, binaries: Names from the tables of `dsl.vocabulary`; token k is the k-th of them.
        In iteration i the operand ids from `len(operands)` on are the i earlier outputs.
      depth: Iterations n; strings have 5n tokens. 1 to 4.
      distinct_operands: Whether op1 and op2 of an iteration must differ.
      no_final_addition: Whether the last binary function must not be +.
      reuse_outputs: Whether, from the second iteration on, at least one operand must be an earlier output.

    Raises:
      ValueError: If a word is unknown or repeated, the depth is out of range, or no string is legal.

    Example:
      >>> from neural_optimizer_search import search_space
      >>> space = search_space("arxiv2017_no_decay", depth=1)
      >>> space.size, space.unconstrained().size
      (195840, 249696)
    """

    name: str
    operands: tuple[str, ...]
    unaries: tuple[str, ...]
    binaries: tuple[str, ...]
    depth: int = 2
    distinct_operands: bool = True
    no_final_addition: bool = True
    reuse_outputs: bool = True

    def __post_init__(self) -> None:
        for field, table in (("operands", OPERANDS), ("unaries", UNARIES), ("binaries", BINARIES)):
            words = tuple(table[word].name if word in table else word for word in getattr(self, field))
            object.__setattr__(self, field, words)
            unknown = [word for word in words if word not in table]
            if not words or unknown or len(set(words)) < len(words):
                raise ValueError(
                    f"Argument `{field}` must name different words of: {', '.join(table)}. "
                    f"Received: {', '.join(map(str, words)) or 'none'}."
                )
        if not (isinstance(self.depth, int) and 1 <= self.depth <= MAX_DEPTH):
            raise ValueError(f"Argument `depth` must be 1 to {MAX_DEPTH}. Received: {self.depth}.")
        if self.size == 0:
            raise ValueError(
                f"No string of the space {self.name!r} is legal: distinct operands need two operands, and "
                "no final addition needs another binary function."
            )

    # -- Shape and size --------------------------------------------------------------------------------

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that this space's tokens index."""
        return Vocabulary(self.operands, self.unaries, self.binaries)

    @property
    def title(self) -> str:
        """Its name and depth, in words."""
        return f"{self.name} at depth {self.depth}"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of ids at each of the 5n positions."""
        operands, unaries, binaries = map(len, (self.operands, self.unaries, self.binaries))
        return tuple(
            size for k in range(self.depth) for size in (operands + k, operands + k, unaries, unaries, binaries)
        )

    @property
    def size(self) -> int:
        """The exact number of legal strings, as an int."""
        base = len(self.operands)
        functions = len(self.unaries) ** 2
        binaries = [len(self.binaries)] * self.depth
        binaries[-1] -= self.no_final_addition and "add" in self.binaries
        return math.prod(
            self._pairs(base + k, base if k and self.reuse_outputs else 0) * functions * binaries[k]
            for k in range(self.depth)
        )

    def _pairs(self, operands, excluded):
        """The number of ordered operand pairs, except for those within the first `excluded`."""
        if self.distinct_operands:
            return operands * (operands - 1) - excluded * (excluded - 1)
        return operands**2 - excluded**2

    def unconstrained(self) -> "SearchSpace":
        """The same words and depth without the three constraints."""
        return dataclasses.replace(self, **dict.fromkeys(_CONSTRAINTS, False))

    # -- Legal tokens ----------------------------------------------------------------------------------

    def legal_tokens(self, prefixes: np.ndarray) -> np.ndarray:
        """Which ids may follow each prefix: the constraints as masks; see `Space`."""
        prefixes = np.asarray(prefixes)
        batch, position = prefixes.shape
        return self._followers[position][prefixes[:, -1] if position else np.zeros(batch, int)]

    def is_legal(self, tokens: Iterable[int]) -> bool:
        """Whether tokens obey sizes and constraints."""
        tokens = np.asarray(tokens)
        length, widest, _ = self._followers.shape
        if tokens.shape != (length,) or not ((tokens >= 0) & (tokens < widest)).all():
            return False
        return bool(self._followers[np.arange(length), np.roll(tokens, 1), tokens].all())

    @functools.cached_property
    def _followers(self) -> np.ndarray:
        """For each position, which ids may follow each id at the position before; the first may follow any."""
        widest, base = max(self.sizes), len(self.operands)
        legal = np.zeros((self.length, widest, widest), bool)
        for position, size in enumerate(self.sizes):
            k, place = divmod(position, TOKENS_PER_ITERATION)
            legal[position, :, :size] = True
            if place == OP2 and k and self.reuse_outputs:
                legal[position, :base, :base] = False
            if place == OP2 and self.distinct_operands:
                np.fill_diagonal(legal[position], False)
            if place == B and k == self.depth - 1 and self.no_final_addition and "add" in self.binaries:
                legal[position, :, self.binaries.index("add")] = False
        return legal

    # -- Rules -----------------------------------------------------------------------------------------

    def decode(self, tokens: Iterable[int]) -> Rule:
        """Tokens of this space -> `Rule`; raises a ValueError if there is no such string."""
        tokens = tuple(tokens)
        rule = Rule.from_tokens(tokens, self.vocabulary)  # whose errors name the position of an unknown id
        if not self.is_legal(tokens):
            constraints = [name for name in _CONSTRAINTS if getattr(self, name)]
            raise ValueError(
                f"Argument `tokens` must hold the {self.length} ids of a string of the space {self.title}, whose "
                f"constraints are: {', '.join(constraints) or 'none'}. Received: {tokens!r:.200}."
            )
        return rule

    def encode(self, rule: Rule) -> tuple[int, ...]:
        """`Rule` -> tokens of this space.

        Raises:
          ValueError: If it has a word that is not in the space, or constants of its own, which tokens cannot express.
        """
        if rule.constants != PAPER:
            raise ValueError(
                f"The rule `{rule}` has constants of its own, and the rules of a space have the papers'."
            )
        return rule.to_tokens(self.vocabulary)

    def embed(self, rule: Rule) -> Optional[tuple[int, ...]]:
        """A legal string that is equivalent to any given rule; None if none is found.

        A shorter rule is padded with iterations that pass its output on unchanged.

        Example:
          >>> from neural_optimizer_search import parse_formula, search_space
          >>> space = search_space("arxiv2017", depth=2)
          >>> space.decode(space.embed(parse_formula("Adam"))).formula()
          'Adam'
          >>> space.embed(parse_formula("tanh(g)")) is None
          True
        """
        if rule.constants != PAPER:
            return None
        for spelled in self._spell(rule):
            try:
                tokens = spelled.to_tokens(self.vocabulary)
            except ValueError:  # a word that is not in the space
                continue
            if self.is_legal(tokens):
                return tokens
        return None

    def _spell(self, rule):
        """Spellings of a rule: first as it is, which is cheap, then in as many iterations as the space has."""
        yield rule
        shortest = Rule.from_expression(ex.simplify(rule.expression()))
        if shortest.depth <= self.depth:
            yield self._lengthen(shortest)

    def _lengthen(self, rule):
        """The same function in as many iterations as the space has, with the space's operands where none is read."""
        iterations = [
            Iteration(op1, self._find_other(op1), u1, self.unaries[0], b)
            if b == "left"
            else Iteration(op1, op2, u1, u2, b)
            for op1, op2, u1, u2, b in rule.iterations
        ]
        for earlier in range(rule.depth - 1, self.depth - 1):
            iterations.append(Iteration(earlier, self.operands[0], "identity", self.unaries[0], "left"))
        return Rule(tuple(iterations))

    def _find_other(self, operand):
        return next((other for other in self.operands if other != operand), operand)
