"""Infix text to `Rule`, by a recursive-descent parser.

    sum     := product (("+" | "-") product)*
    product := factor (("*" | "/") factor)*
    factor  := "-" factor | power
    power   := atom [("^" | "**") factor]
    atom    := number | operand | function "(" arguments ")" | "(" sum ")"

`log(x)` and `sqrt(x)` mean log|x| and sqrt|x| and may be written with the bars; `e^x` is `exp(x)`;
a division adds δ to the divisor, as in the paper.
"""

import itertools
import re
from collections import deque
from typing import NamedTuple, NoReturn, Optional, Union

from neural_optimizer_search.dsl.expression import Binary, Operand, Unary, simplify
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import OPERANDS, UNARIES

# Far beyond any update rule, and below what Python's stack holds.
MAX_LENGTH = 100_000
MAX_NESTING = 100
MAX_OPERATORS = 100
# An error shows so many characters before and after its place.
SHOWN = 100

_NAMES = {
    **{name: name for name in OPERANDS if name.isidentifier()},
    **{name.lower(): name for name in OPERANDS if name.isidentifier()},
    "m\u0302": "m", "v\u0302": "v", "γ": "gamma", "γ\u0302": "gamma", "ε": "eps", "ε_t": "eps_t",
}  # fmt: skip
# Function -> its constants -> the word. A function without constants has the row None.
_FUNCTIONS: dict[str, dict[Optional[float], str]] = {}
for _word in UNARIES:
    _function, _, _constant = _word.partition("_")
    if _word not in ("identity", "neg"):
        _FUNCTIONS.setdefault(_function, {})[float(_constant) if _constant else None] = _word
_SYMBOLS = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
_WEIGHT_SCALES: dict[Union[float, str], str] = {float(name[:-2]): name for name in OPERANDS if name.endswith("*w")}
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
      formula: Text such as `"exp(sign(g) * sign(m)) * g"`. Operands: g, g^2, g^3, m, v, gamma, 1, 2, eps,
        1e-4*w .. 1e-1*w, Adam, RMSProp, ld, cd, cd_1, rd_10, rd_20, eps_t. Functions: exp, log, sqrt, sign,
        sigmoid, clip(x, 1e-5 | 1e-4 | 1e-3), drop(x, 0.1 | 0.3 | 0.5). Operators: + - * / ^.

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
                self._fail(f"an unexpected character {text[position]!r}", position, _LEGEND)
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
            left = Binary(_SYMBOLS[operator.text], left, self._product())
        return left

    def _product(self):
        left = self._whole(self._factor())
        while operator := self._take("*", "/"):
            right = self._factor(scales=operator.text == "*")
            left = Binary(_SYMBOLS[operator.text], left, self._whole(right))
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
        number = exponent.value if isinstance(exponent, _Loose) else None
        if base == Operand("g") and number in (2.0, 3.0):
            return Operand(f"g^{number:.0f}")
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
            name = _NAMES.get(token.text) or _NAMES.get(token.text.lower())
            if name:
                return Operand(name)
            self._fail(f"an unknown word {token.text!r:.50}", token.position, _LEGEND)
        if token.text == "(":
            result = self._sum()
            self._expect(")")
            return result
        what = f"{token.text!r:.50}" if token.text else "its end"
        self._fail(f"{what} where an operand must stand", token.position, _LEGEND)

    def _function(self, token):
        words = _FUNCTIONS.get(token.text)
        if not words:
            self._fail(f"an unknown function {token.text!r:.50}", token.position, _LEGEND)
        bars = token.text in ("log", "sqrt") and self._take("|")
        x = self._sum()
        if bars:
            self._expect("|")
        constant, position = None, token.position
        if None not in words:
            self._expect(",")
            position = self.tokens[0].position
            if self.tokens[0].kind == "number":
                constant = float(self.tokens.popleft().text)
            if constant not in words:
                allowed = ", ".join(f"{c:g}" for c in words)
                self._fail(f"a constant of {token.text} that is not allowed", position, f"{allowed}.")
        self._expect(")")
        return Unary(words[constant], x)

    # -- Words of two pieces ---------------------------------------------------------------------------

    def _scaled_weight(self, node):
        end = self.tokens[-1]
        times, other, after = itertools.islice(itertools.chain(self.tokens, (end, end)), 3)
        if isinstance(node, _Loose) and times.text == "*" and after.text not in ("^", "**"):
            value = float(other.text) if other.kind == "number" else other.text
            if "w" in (node.value, value):
                name = _WEIGHT_SCALES.get(value if node.value == "w" else node.value)
                if name:
                    self.tokens.popleft()
                    self.tokens.popleft()
                    return Operand(name)
        return node

    def _whole(self, node):
        if not isinstance(node, _Loose):
            return node
        if node.value in (1.0, 2.0):
            return Operand(f"{node.value:.0f}")
        if node.value == "e":
            self._fail("'e' without an exponent", node.position, "e^x, or exp(x).")
        scales = ", ".join(_WEIGHT_SCALES.values())
        if node.value == "w":
            self._fail("'w' without its factor", node.position, f"{scales}.")
        self._fail(f"the number {node.value:g}", node.position, f"1, 2, {scales}, g^2, g^3.")


_LEGEND = (
    f"operands {', '.join(OPERANDS)}; functions "
    f"{', '.join(name if None in words else f'{name}(x, constant)' for name, words in _FUNCTIONS.items())}; "
    "operators + - * / ^ and brackets."
)
