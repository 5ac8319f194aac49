"""An update rule as the paper writes it: n iterations of (op1, op2, u1, u2, b)."""

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl import printing
from neural_optimizer_search.dsl.averages import with_needs
from neural_optimizer_search.dsl.constants import PAPER, Constants
from neural_optimizer_search.dsl.emitting import emit
from neural_optimizer_search.dsl.exports import write_source
from neural_optimizer_search.dsl.exports.equation import mark_place
from neural_optimizer_search.dsl.rule_checks import check_extent, check_iterations
from neural_optimizer_search.dsl.rule_tokens import (
    TABLES,
    TOKENS_PER_ITERATION,
    Iteration,
    find_token,
    find_word,
    read_tokens,
    spell,
    words_of,
)
from neural_optimizer_search.dsl.vocabulary import FULL, OPERANDS, UNARIES, Vocabulary


@dataclass(frozen=True)
class Rule:
    """An update rule: the output of the last iteration is the update direction, w <- w - λ·output.

    Two rules are equal when their strings are; `canonical()` is equal for more spellings of the same function.

    Args:
      iterations: A tuple of `Iteration` or of 5-tuples, one per level of the paper's binary tree.
      constants: Decay rates of its averages, and δ; the paper's by default.

    Raises:
      ValueError: If a word is unknown, an operand refers to an iteration that does not come before, or the rule is
        larger than can be printed.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> rule = parse_formula("exp(sign(g) * sign(m)) * g")
      >>> rule.depth, rule.averages, rule.formula()
      (2, ('m',), 'exp(sign(g) * sign(m)) * g')
    """

    iterations: tuple[Iteration, ...]
    constants: Constants = PAPER

    def __post_init__(self) -> None:
        check_iterations(self.iterations)
        iterations = tuple(map(spell, self.iterations))
        object.__setattr__(self, "iterations", iterations)
        check_extent(iterations)

    # -- Tokens ----------------------------------------------------------------------------------------

    @classmethod
    def from_tokens(
        cls, tokens: Iterable[int], vocabulary: Vocabulary = FULL, numbers: Optional[Sequence[float]] = None
    ) -> "Rule":
        """The rule that `5n` token ids spell; an operand id beyond the table refers to an earlier output.

        Args:
          tokens: The ids.
          vocabulary: The vocabulary that they index.
          numbers: A number for each id, which is read if its word is a family; required if any word is.

        Raises:
          ValueError: If the number of tokens or a token is not allowed; the message says at which position.
        """
        return cls(read_tokens(tokens, vocabulary, numbers))

    def to_tokens(self, vocabulary: Vocabulary = FULL) -> tuple[int, ...]:
        """The rule's `5n` token ids, as a tuple of ints; the numbers of its words are in `numbers`.

        Raises:
          ValueError: If the rule has a word that `vocabulary` lacks.
        """
        tokens = []
        for field, word in self._placed():
            if (token := find_token(field, word, vocabulary)) is None:
                raise ValueError(
                    f"The rule `{self.formula()}` has the word {word!r}, which is not in this vocabulary. "
                    f"Allowed for {field}: {', '.join(words_of(field, vocabulary))}."
                )
            tokens.append(token)
        return tuple(tokens)

    @property
    def numbers(self) -> tuple[float, ...]:
        """For each of the `5n` words, the number in its name, such as 0.02 in clip_0.02; 0 if it has none."""
        return tuple(constant or 0.0 for constant in self._constants_of_words())

    @property
    def has_numbers(self) -> bool:
        """Whether any word is a member of a family, so that the tokens need `numbers`."""
        return any(constant is not None for constant in self._constants_of_words())

    def _constants_of_words(self):
        for field, word in self._placed():
            yield None if isinstance(word, int) else find_word(field, word).constant

    def _placed(self):
        """Each word with the name of its place."""
        for iteration in self.iterations:
            yield from zip(Iteration._fields, iteration)

    # -- Other forms -----------------------------------------------------------------------------------

    def to_json(self) -> str:
        """One line of JSON: the iterations, and the formula and LaTeX for human readers; `from_json` reads it back.

        Example:
          >>> from neural_optimizer_search import Rule, parse_formula
          >>> rule = parse_formula("sign(m) * sqrt(|g|)")
          >>> Rule.from_json(rule.to_json()) == rule
          True
        """
        content = {"formula": self.formula(), "latex": self.latex(), "iterations": self.iterations}
        if changes := self.constants.changes():
            content["constants"] = changes
        return json.dumps(content)

    @classmethod
    def from_json(cls, text: str) -> "Rule":
        """The rule whose `iterations` and `constants` are in a JSON text; nothing else in the text is read.

        Raises:
          ValueError: If the text is not JSON or does not hold a rule.
        """
        try:
            content = json.loads(text)
            iterations = tuple(_iteration_from_json(words) for words in content["iterations"])
            constants = Constants.from_changes(content.get("constants", {}))
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise ValueError(
                "Argument `text` must be JSON as `Rule.to_json()` writes it, with `iterations`, a list of lists "
                f"[op1, op2, u1, u2, b]. Received: {text!r:.200}."
            ) from error
        return cls(iterations, constants)

    def to_source(
        self,
        name: str,
        framework: str = "tensorflow",
        learning_rate: float = 0.01,
        schedule: str = "",
        weight_decay: float = 0.0,
    ) -> str:
        """The text of a Python file with this rule as an optimizer, which needs one framework but not this package.

        The optimizer trains as `RuleOptimizer(rule, ...)` does. It takes `decay_steps` only if the rule reads t/T,
        `seed` only if it draws random numbers, and only those of `beta_1`, `beta_2`, `beta_3` and `epsilon` that the
        rule reads.

        Args:
          name: The name of the class; for optax, of the function that makes the optimizer.
          framework: "keras": a `keras.optimizers.Optimizer` of Keras 3 on any backend. "tensorflow": a
            `tf.keras.optimizers.Optimizer` of Keras 2.15, tf_keras, or Keras 3 on TensorFlow. "optax": an
            `optax.GradientTransformation`. "torch": a `torch.optim.Optimizer`.
          learning_rate: The default learning rate of the optimizer; that of `RuleOptimizer` by default.
          schedule, weight_decay: A learning-rate schedule, such as "linear, warm-up 0.1", and a decoupled weight
            decay that the rule was found with. The file has the schedule too, and its docstring says how to use
            both; the optimizer does not use them by itself.

        Raises:
          ValueError: If the framework or the schedule is unknown, the name is not a Python identifier, the files use
            the name themselves, or a number is not finite or below 0.

        Example:
          >>> from neural_optimizer_search import parse_formula
          >>> rule = parse_formula("exp(sign(g) * sign(m)) * g")
          >>> for framework in ("keras", "tensorflow", "optax", "torch"):
          ...     text = rule.to_source("MyOptimizer", framework)
          ...     print(*(line.strip() for line in text.splitlines() if "return" in line and "exp(" in line))
          return ops.exp(ops.sign(g) * ops.sign(m)) * g
          return tf.exp(tf.sign(g) * tf.sign(m)) * g
          return jnp.exp(jnp.sign(g) * jnp.sign(m)) * g
          return torch.exp(_sign(g) * _sign(m)) * g
        """
        return write_source(
            name,
            self.expression(mark_place),
            self.formula(),
            self.latex(),
            framework,
            self.constants,
            learning_rate,
            schedule,
            weight_decay,
        )

    # -- Meaning ---------------------------------------------------------------------------------------

    @classmethod
    def from_expression(cls, expression: ex.Expression, constants: Constants = PAPER) -> "Rule":
        """The shortest rule that computes an expression; equal parts share an iteration, unless they draw anew."""
        return cls(emit(expression), constants)

    def expression(self, spell: Callable[[str, int], str] = lambda word, place: word) -> ex.Expression:
        """The expression tree as spelled; iterations that nothing reads are left out.

        Operands and unary functions are named by `spell(word, place)`; a place is a position in the rule's string.
        """
        outputs = []

        def draw(word, place):  # an output that is read twice repeats its words, but draws once for each place
            return place + 1 if word.random else 0

        def operand(op, place):
            return outputs[op] if isinstance(op, int) else ex.Operand(spell(op, place), draw(OPERANDS[op], place))

        def unary(u, op, place):
            return ex.Unary(spell(u, place + 2), operand(op, place), draw(UNARIES[u], place + 2))

        for k, (op1, op2, u1, u2, b) in enumerate(self.iterations):
            place = TOKENS_PER_ITERATION * k
            x, y = unary(u1, op1, place), unary(u2, op2, place + 1)
            outputs.append(x if b == "left" else ex.Binary(b, x, y))
        return ex.number_draws(outputs[-1]) if self.random else outputs[-1]

    def canonical(self) -> str:
        """A simplified text that is equal for spellings that are easily recognized as the same function."""
        return printing.text(ex.canonical(self.expression())) + self.constants.text()

    @property
    def depth(self) -> int:
        """The number of iterations n."""
        return len(self.iterations)

    @functools.cached_property
    def live(self) -> frozenset[int]:
        """The numbers of the iterations that the output depends on."""
        live = {self.depth - 1}
        for k in reversed(range(self.depth)):
            op1, op2, _, _, b = self.iterations[k]
            if k in live:
                live |= {op for op in ((op1,) if b == "left" else (op1, op2)) if isinstance(op, int)}
        return frozenset(live)

    @functools.cached_property
    def noisy(self) -> frozenset[int]:
        """The numbers of the iterations whose outputs depend on random numbers."""
        noisy: set[int] = set()
        for k, (op1, op2, u1, u2, b) in enumerate(self.iterations):
            for op, u in ((op1, u1),) if b == "left" else ((op1, u1), (op2, u2)):
                if UNARIES[u].random or (op in noisy if isinstance(op, int) else OPERANDS[op].random):
                    noisy.add(k)
        return frozenset(noisy)

    @property
    def averages(self) -> tuple[str, ...]:
        """The arrays kept from step to step: rows and members of `dsl.averages.AVERAGES`, in the order of updates."""
        return with_needs({name for word in ex.operands(self.expression()) for name in OPERANDS[word].averages})

    @property
    def decays(self) -> bool:
        """Whether the rule reads t/T, and so needs the number of steps T."""
        return any(OPERANDS[name].decays for name in ex.operands(self.expression()))

    @property
    def per_tensor(self) -> tuple[str, ...]:
        """Its words that are functions of whole weight tensors, such as norms; they are slower."""
        return tuple(sorted({word.name for word in self._live_words() if word.per_tensor}))

    @property
    def random(self) -> bool:
        """Whether it draws random numbers."""
        return self.depth - 1 in self.noisy

    def _live_words(self):
        for iteration in map(self.iterations.__getitem__, self.live):
            placed = list(zip(TABLES, iteration))
            # "left" ignores the places of y.
            for table, word in placed[::2] if iteration.b == "left" else placed:
                if isinstance(word, str):
                    yield table[word]

    def formula(self) -> str:
        """Simplified infix text; `parse_formula` reads it back, with the same draws."""
        return printing.text(ex.simplify(self.expression())) + self.constants.text()

    def latex(self) -> str:
        """Simplified LaTeX."""
        return printing.latex(ex.simplify(self.expression())) + self.constants.latex()

    def __str__(self) -> str:
        return self.formula()

    def __getstate__(self) -> dict[str, Any]:
        # Cached values are not pickled or copied.
        return {"iterations": self.iterations, "constants": self.constants}


def _iteration_from_json(words):
    if isinstance(words, list) and all(type(word) in (str, int) for word in words):
        return Iteration(*words)  # a TypeError unless there are five
    raise TypeError
