"""Infix text to `Rule`, by a recursive-descent parser.

    rule    := sum ("," constant "=" number)*
    sum     := product (("+" | "-") product)*
    product := factor (("*" | "/") factor)*
    factor  := "-" factor | power
    power   := atom [("^" | "**") factor]
    atom    := number | word ["#" number] | "(" sum ")" | "|" sum "|"
    word    := operand | function "(" arguments ")"

`log(x)` and `sqrt(x)` mean log|x| and sqrt|x| and may be written with the bars; `e^x` is `exp(x)`;
a division adds δ to the divisor, as in the paper. Constants that are not given are the paper's.
Only random words have a number after "#": words with the same number are one draw, others draw anew.
"""

import dataclasses
import inspect
import textwrap
from collections import deque
from typing import NamedTuple, NoReturn, Union

from neural_optimizer_search.dsl import lexing, spelling
from neural_optimizer_search.dsl.constants import RANGES, Constants
from neural_optimizer_search.dsl.expression import Binary, Operand, Unary, is_random, simplify
from neural_optimizer_search.dsl.lexing import FormulaError as FormulaError
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import OPERANDS, UNARIES

# Far beyond any useful update rule, and below the limit of Python's stack.
MAX_LENGTH = 100_000
MAX_NESTING = 100
MAX_OPERATORS = 100
MAX_DRAW = 2**16


class _Loose(NamedTuple):
    """A number or `e` that may form a word with its neighbour, as in g^3 or e^g."""

    value: Union[float, str]
    position: int


def parse_formula(formula: str) -> Rule:
    """Reads an update rule from infix text.

    Args:
      formula: Text such as `"exp(sign(g) * sign(m)) * g"` or `"Adam * sqrt(|w|), beta_1=0.8"`, in the words of the
        language:
        {words}
        Random words draw anew wherever they are written; those with the same number are one draw, as in
        `"eps#1 - eps#1"`.

    Returns:
      A `Rule`; its depth is as small as the expression allows.

    Raises:
      FormulaError: If the text is malformed, has a word outside the language or a number out of range.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> parse_formula("(1 + sign(g)*sign(m)) * g").to_tokens()[:5]
      (6, 7, 0, 0, 2)
      >>> parse_formula("clip(g + 9 * ema_0.9, 0.50), epsilon=1e-6").formula()
      'clip(g + 9 * ema_0.9, 0.5), epsilon=1e-6'
    """
    if not isinstance(formula, str):
        raise TypeError(f"Argument `formula` must be a str. Received: {formula!r}.")
    expression, constants = _Parser(formula).parse()
    return Rule.from_expression(simplify(expression), constants)


if parse_formula.__doc__:  # `python -OO` removes it
    _words = textwrap.fill(spelling.LEGEND, 100, subsequent_indent=" " * 4, break_on_hyphens=False)
    parse_formula.__doc__ = inspect.cleandoc(parse_formula.__doc__).format(words=_words)


class _Parser:
    def __init__(self, formula):
        self.formula = formula
        if len(formula) > MAX_LENGTH:
            self._fail("too many characters", MAX_LENGTH, f"{MAX_LENGTH} characters.")
        self.tokens = deque(lexing.tokenize(formula))
        self.nesting = 0
        self.draws = {}
        self.operators = [t for t in self.tokens if t.kind == "symbol" and t.text not in "(),|=#"]

    def _fail(self, what, position, allowed) -> NoReturn:
        lexing.fail(self.formula, what, position, allowed)

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
        """(the expression, the `Constants`)."""
        result, constants = self._sum(), {}
        while self._take(","):
            name, value = self._constant_of_rule(constants)
            constants[name] = value
        token = self.tokens[0]
        if token.kind != "end":
            allowed = (
                "a comma and constants, or the end."
                if constants
                else "+ - * / ^, or a comma and constants, or the end."
            )
            self._fail(f"{token.text!r:.50} after a whole expression", token.position, allowed)
        if len(self.operators) > MAX_OPERATORS:
            position = self.operators[MAX_OPERATORS].position
            self._fail("too many operators", position, f"{MAX_OPERATORS} operators.")
        return result, Constants(**constants)

    def _sum(self, first=None):
        """Parses a sum; `first` is the atom that it begins with, if that has been read already."""
        left = self._product(first)
        while operator := self._take("+", "-"):
            left = Binary(spelling.OPERATORS[operator.text], left, self._product())
        return left

    def _product(self, first=None):
        left = self._whole(self._factor() if first is None else self._power(first))
        while operator := self._take("*", "/"):
            left = Binary(spelling.OPERATORS[operator.text], left, self._whole(self._factor()))
        return left

    def _factor(self):
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self._fail("too many levels", self.tokens[0].position, f"{MAX_NESTING} levels of nesting.")
        if self._take("-"):
            result = Unary("neg", self._whole(self._factor()))
        else:
            self._take("+")
            result = self._power(self._atom())
        self.nesting -= 1
        return result

    def _power(self, base):
        if not self._take("^", "**"):
            return base
        exponent = self._factor()
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
        if token.kind in ("name", "member"):
            if self._take("("):
                return self._with_draw(self._function(token))
            return _Loose("e", token.position) if token.text == "e" else self._with_draw(self._operand(token))
        if token.text in ("(", "|"):
            result = self._sum()
            self._expect({"(": ")", "|": "|"}[token.text])
            return result if token.text == "(" else Unary("abs", result)
        what = f"{token.text!r:.50}" if token.text else "its end"
        self._fail(f"{what} where an operand is expected", token.position, spelling.LEGEND)

    # -- Words -----------------------------------------------------------------------------------------

    def _operand(self, token):
        name = spelling.NAMES.get(token.text) or spelling.NAMES.get(token.text.lower())
        if name:
            return Operand(name)
        prefix, number = lexing.split_token(token.text) if token.kind == "member" else ("", 0.0)
        family = spelling.FAMILIES.get(prefix.lower())
        if not family:
            self._fail(f"an unknown word {token.text!r:.50}", token.position, spelling.LEGEND)
        return Operand(self._member(OPERANDS, family, number, f"a constant of {prefix[:-1]}", token))

    def _with_draw(self, word):
        """The word with the number that follows it, if it is random and one does."""
        if not (is_random(word) and self._take("#")):
            return word
        position, number = self.tokens[0].position, self._number()
        if number is None or not (number.is_integer() and 1 <= number <= MAX_DRAW):
            self._fail("a draw that is not allowed", position, f"a whole number from 1 to {MAX_DRAW}.")
        word = dataclasses.replace(word, draw=int(number))
        if self.draws.setdefault(word.draw, word) != word:
            self._fail(f"the draw {word.draw} of different expressions", position, "one expression for each number.")
        return word

    def _member(self, table, family, number, what, token):
        """The name of a member of a family of the table; the token is where its number is."""
        allowed = table[family].range
        if number is None or not allowed.has(number):
            self._fail(f"{what} that is not allowed", token.position, f"{allowed.text}.")
        return table.name(family, number)

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
            # It was only the first part of x, as in log(|g| + 1).
            x = x if self.tokens[0].text in (")", ",") else self._sum(Unary("abs", x))
        word = words[None] if None in words else self._function_with_constant(token.text, words)
        self._expect(")")
        return Unary(word, x)

    def _function_with_constant(self, function, words):
        self._expect(",")
        token, constant = self.tokens[0], self._number()
        if constant in words:
            return words[constant]
        if "c" in words:
            return self._member(UNARIES, words["c"], constant, f"a constant of {function}", token)
        allowed = ", ".join(f"{c:g}" for c in words)
        self._fail(f"a constant of {function} that is not allowed", token.position, f"{allowed}.")

    def _constant_of_rule(self, known):
        token = self.tokens.popleft()
        name, allowed = spelling.CONSTANTS.get(token.text), ", ".join(f"{name}=c" for name in RANGES)
        if not name:
            what = f"{token.text!r:.50}" if token.text else "its end"
            self._fail(f"{what} where a constant is expected", token.position, f"{allowed}.")
        if name in known:
            self._fail(f"the constant {name} twice", token.position, f"each of {allowed} once.")
        self._expect("=")
        token, value = self.tokens[0], self._number()
        if value is None or not RANGES[name].has(value):
            self._fail(f"a constant {name} that is not allowed", token.position, f"{RANGES[name].text}.")
        return name, value

    def _number(self):
        """The number at this position, or None."""
        return float(self.tokens.popleft().text) if self.tokens[0].kind == "number" else None

    def _whole(self, node):
        if not isinstance(node, _Loose):
            return node
        if isinstance(node.value, str):
            self._fail("'e' without an exponent", node.position, "e^x, or exp(x).")
        allowed = OPERANDS["c"].range
        if not allowed.has(node.value):
            self._fail(f"the number {node.value:g}", node.position, f"{allowed.text}.")
        return Operand(OPERANDS.name("c", node.value))
