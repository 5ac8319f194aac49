"""Infix text to `Rule`, by a recursive-descent parser.

    sum     := product (("+" | "-") product)*
    product := factor (("*" | "/") factor)*
    factor  := "-" factor | power
    power   := atom [("^" | "**") factor]
    atom    := number | operand | function "(" arguments ")" | "(" sum ")"

`log(x)` and `sqrt(x)` mean log|x| and sqrt|x| and may be written with the bars; `e^x` is `exp(x)`;
a division adds δ to the divisor, as in the paper.
"""

import inspect
import itertools
import re
import textwrap
from collections import deque
from typing import NamedTuple, NoReturn, Union

from neural_optimizer_search.dsl import spelling
from neural_optimizer_search.dsl.expression import Binary, Operand, Unary, simplify
from neural_optimizer_search.dsl.rule import Rule

# Far beyond any update rule, and below what Python's stack holds.
MAX_LENGTH = 100_000
MAX_NESTING = 100
MAX_OPERATORS = 100
# An error shows so many characters before and after its place.
SHOWN = 100

_SAME_LENGTH = str.maketrans("·×−", "**-")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[^\W\d][\w\u0302]*)|(?P<symbol>\*\*|[-+*/^(),|]))"
)


class FormulaError(ValueError):
    """A formula that is not in the language; the message points at the place and lists what is allowed."""


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


class _Loose(NamedTuple):
    """A number or `w` that is a word only together with its neighbour, as in 1e-3*w or g^3."""

    value: Union[float, str]
    position: int


def parse_formula(formula: str) -> Rule:
    """Reads an update rule from infix text.

    Args:
      formula: Text such as `"exp(sign(g) * sign(m)) * g"`, in the words of the language:
        {words}

    Returns:
      A `Rule`; its depth is as small as the expression allows.

    Raises:
      FormulaError: If the text is malformed or has a word outside the language.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> parse_formula("(1 + sign(g)*sign(m)) * g").to_tokens()[:5]
      (6, 7, 0, 0, 2)
    """
    if not isinstance(formula, str):
        raise TypeError(f"Argument `formula` must be a str. Received: {formula!r}.")
    return Rule.from_expression(simplify(_Parser(formula).parse()))


if parse_formula.__doc__:  # `python -OO` takes it away
    _words = textwrap.fill(spelling.LEGEND, 100, subsequent_indent=" " * 4, break_on_hyphens=False)
    parse_formula.__doc__ = inspect.cleandoc(parse_formula.__doc__).format(words=_words)


class _Parser:
    def __init__(self, formula):
        self.formula = formula
        if len(formula) > MAX_LENGTH:
            self._fail("too many characters", MAX_LENGTH, f"{MAX_LENGTH} characters.")
        self.tokens = deque(self._tokenize(formula.translate(_SAME_LENGTH)))
        self.nesting = 0
        self.operators = [t for t in self.tokens if t.kind == "symbol" and t.text not in "(),|"]

    def _tokenize(self, text):
        position, end = 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if not match:
                position += len(text[position:]) - len(text[position:].lstrip())
                self._fail(f"an unexpected character {text[position]!r}", position, spelling.LEGEND)
            kind = match.lastgroup
            assert kind is not None  # each alternative has a name
            yield _Token(kind, match[kind], match.start(kind))
            position = match.end()
        yield _Token("end", "", end)

    def _fail(self, what, position, allowed) -> NoReturn:
        start = max(0, position - SHOWN)
        # What does not print could move the mark, or do worse to a terminal.
        near = self.formula[start : position + SHOWN]
        shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in near)
        raise FormulaError(
            f"Argument `formula` has {what} at position {position}:\n"
            f"  {shown}\n  {' ' * (position - start)}^\nAllowed: {allowed}"
        )

    def _take(self, *texts):
        if self.tokens[0].kind == "symbol" and self.tokens[0].text in texts:
            return self.tokens.popleft()
        return None

    def _expect(self, text):
        if not self._take(text):
            token = self.tokens[0]
            self._fail(f"{token.text!r:.50}" if token.text else "its end", token.position, f"{text!r} here.")

    # -- The grammar -----------------------------------------------------------------------------------

    def parse(self):
        result = self._sum()
        token = self.tokens[0]
        if token.kind != "end":
            self._fail(f"{token.text!r:.50} after a whole expression", token.position, "+ - * / ^ or the end.")
        if len(self.operators) > MAX_OPERATORS:
            position = self.operators[MAX_OPERATORS].position
            self._fail("too many operators", position, f"{MAX_OPERATORS} operators.")
        return result

    def _sum(self):
        left = self._product()
        while operator := self._take("+", "-"):
            left = Binary(spelling.OPERATORS[operator.text], left, self._product())
        return left

    def _product(self):
        left = self._whole(self._factor())
        while operator := self._take("*", "/"):
            right = self._factor(scales=operator.text == "*")
            left = Binary(spelling.OPERATORS[operator.text], left, self._whole(right))
        return left

    def _factor(self, scales=True):
        """`scales`: whether a number may take the next factor, w, to itself without changing a precedence."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self._fail("too many levels", self.tokens[0].position, f"{MAX_NESTING} levels of nesting.")
        if self._take("-"):
            result = Unary("neg", self._whole(self._factor(scales)))
        else:
            self._take("+")
            result = self._scaled_weight(self._power()) if scales else self._power()
        self.nesting -= 1
        return result

    def _power(self):
        base = self._atom()
        if not self._take("^", "**"):
            return base
        exponent = self._factor(scales=False)
        if isinstance(base, _Loose) and base.value == "e":
            return Unary("exp", self._whole(exponent))
        base = self._whole(base)
        if isinstance(base, Operand) and isinstance(exponent, _Loose):
            power = spelling.POWERS.get((base.name, exponent.value))
            if power:
                return Operand(power)
        return Binary("pow", base, self._whole(exponent))

    def _atom(self):
        token = self.tokens.popleft()
        if token.kind == "number":
            return _Loose(float(token.text), token.position)
        if token.kind == "name":
            if self._take("("):
                return self._function(token)
            if token.text in ("w", "e"):
                return _Loose(token.text, token.position)
            name = spelling.NAMES.get(token.text) or spelling.NAMES.get(token.text.lower())
            if name:
                return Operand(name)
            self._fail(f"an unknown word {token.text!r:.50}", token.position, spelling.LEGEND)
        if token.text == "(":
            result = self._sum()
            self._expect(")")
            return result
        what = f"{token.text!r:.50}" if token.text else "its end"
        self._fail(f"{what} where an operand must stand", token.position, spelling.LEGEND)

    def _function(self, token):
        if token.text in spelling.BINARY_FUNCTIONS:
            x = self._sum()
            self._expect(",")
            y = self._sum()
            self._expect(")")
            return Binary(token.text, x, y)
        words = spelling.FUNCTIONS.get(token.text)
        if not words:
            self._fail(f"an unknown function {token.text!r:.50}", token.position, spelling.LEGEND)
        bars = token.text in spelling.OF_SIZES and self._take("|")
        x = self._sum()
        if bars:
            self._expect("|")
        constant = None if None in words and self.tokens[0].text == ")" else self._constant(token.text, words)
        self._expect(")")
        return Unary(words[constant], x)

    def _constant(self, function, words):
        constants = [constant for constant in words if constant is not None]
        if not constants:
            return None
        self._expect(",")
        token = self.tokens[0]
        constant = float(self.tokens.popleft().text) if token.kind == "number" else None
        if constant not in constants:
            allowed = ", ".join(f"{c:g}" for c in constants)
            self._fail(f"a constant of {function} that is not allowed", token.position, f"{allowed}.")
        return constant

    # -- Words of two pieces ---------------------------------------------------------------------------

    def _scaled_weight(self, node):
        end = self.tokens[-1]
        times, other, after = itertools.islice(itertools.chain(self.tokens, (end, end)), 3)
        if isinstance(node, _Loose) and times.text == "*" and after.text not in ("^", "**"):
            value = float(other.text) if other.kind == "number" else other.text
            if "w" in (node.value, value):
                name = spelling.WEIGHT_SCALES.get(value if node.value == "w" else node.value)
                if name:
                    self.tokens.popleft()
                    self.tokens.popleft()
                    return Operand(name)
        return node

    def _whole(self, node):
        if not isinstance(node, _Loose):
            return node
        if node.value in spelling.NUMBERS:
            return Operand(spelling.NUMBERS[node.value])
        if node.value == "e":
            self._fail("'e' without an exponent", node.position, "e^x, or exp(x).")
        scales = ", ".join(spelling.WEIGHT_SCALES.values())
        if node.value == "w":
            self._fail("'w' without its factor", node.position, f"{scales}.")
        allowed = ", ".join([*spelling.NUMBERS.values(), scales, *spelling.POWERS.values()])
        self._fail(f"the number {node.value:g}", node.position, f"{allowed}.")
