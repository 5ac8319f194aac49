"""Expressions as infix text and as LaTeX: one fold, and a notation that says how each word is written."""

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Optional

from neural_optimizer_search.dsl.expression import Binary, Expression, Operand, Unary, children
from neural_optimizer_search.dsl.numbers import NUMBER
from neural_optimizer_search.dsl.precedence import INFIX, Binding, Piece, bracket
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES, Word


class Form(NamedTuple):
    """How a word is written.

    Attributes:
      template: Text with `$x` and `$y` in place of the arguments.
      own: How tightly the whole binds; None if it is written like its argument x.
      needs: How tightly each argument must bind; one that binds less tightly gets brackets.
    """

    template: str
    own: Optional[Binding] = Binding.ATOM
    needs: tuple[Binding, ...] = ()


@dataclass(frozen=True)
class Notation(Generic[Piece]):
    """A way to write expressions, in pieces of text or of another kind.

    Args:
      form: The `Form` of a word of each kind of expression: `form(Unary, UNARIES["exp"])`.
      brackets: A template that encloses `$x` in brackets.
      draw: A template of a random word `$x` with the number `$n` of its draw.
      fill: Writes a template with the arguments' pieces in place of `$x` and `$y`.
    """

    form: Callable[[type, Word], Form]
    brackets: str
    draw: str
    fill: Callable[..., Piece]

    def enclose(self, piece: Piece) -> Piece:
        """The piece in brackets."""
        return self.fill(self.brackets, piece)


def write(expression: Expression, notation: Notation[Piece]) -> Piece:
    """An expression in a notation, with the brackets that it needs and no others."""
    return _write(expression, notation)[0]


def _write(expression, notation: Notation) -> tuple[Any, Binding]:
    """(the piece, how tightly it binds)."""
    kind = type(expression)
    form = notation.form(kind, _TABLES[kind][expression.name])
    # One function, because a second one would halve the height of the trees that Python's stack can hold.
    arguments = []
    for child, needed in zip(children(expression), form.needs):
        piece, binding = _write(child, notation)
        arguments.append((bracket(piece, binding, needed, notation.enclose), binding))
    own = arguments[0][1] if form.own is None else form.own
    whole = notation.fill(form.template, *(piece for piece, _ in arguments))
    if expression.draw:
        whole, own = notation.fill(notation.draw.replace("$n", str(expression.draw)), whole), Binding.ATOM
    return whole, own


_TABLES = {Operand: OPERANDS, Unary: UNARIES, Binary: BINARIES}
_AS_ITS_ARGUMENT = Form("$x", own=None, needs=(Binding.SUM, Binding.SUM))


def _fill_text(template, x="", y=""):
    return template.replace("$x", x).replace("$y", y)


# -- Text ------------------------------------------------------------------------------------------

# The grammar also accepts x ^ -y, but this is hard to read.
_SIDES_IN_TEXT = {"pow": (Binding.ATOM, Binding.POWER)}
_CONSTANT = re.compile(rf"(\w+)_({NUMBER}|c)")
_BARS = r"\left|$x\right|"
KNOWN_FORMS = 4096  # a family has a word for each number


@functools.lru_cache(KNOWN_FORMS)
def text_form(kind: type, word: Word) -> Form:
    """How a word is written in formulas: as an operator, or as a function of its arguments.

    Example:
      >>> from neural_optimizer_search.dsl import expression, printing, vocabulary
      >>> printing.text_form(expression.Unary, vocabulary.UNARIES["clip_1e-5"]).template
      'clip($x, 1e-5)'
    """
    name = word.name
    if kind is Operand:
        return Form(name, Binding.PRODUCT if "*" in name else Binding.POWER if "^" in name else Binding.ATOM)
    if word.latex == "$x":
        return _AS_ITS_ARGUMENT
    if name in INFIX:
        operator = INFIX[name]
        sides = _SIDES_IN_TEXT.get(name, (operator.left, operator.right))
        return Form(f"$x {operator.symbol} $y", operator.own, sides)
    if kind is Binary:
        return Form(f"{name}($x, $y)", needs=(Binding.SUM, Binding.SUM))
    if word.latex == "-$x":
        return Form("-$x", Binding.NEGATION, (Binding.NEGATION,))
    if word.latex == _BARS:
        return Form("|$x|", needs=(Binding.SUM,))
    function, constant = match.groups() if (match := _CONSTANT.fullmatch(name)) else (name, None)
    x = "|$x|" if _BARS in word.latex else "$x"
    return Form(f"{function}({x}, {constant})" if constant else f"{function}({x})", needs=(Binding.SUM,))


TEXT = Notation(text_form, brackets="($x)", draw="$x#$n", fill=_fill_text)


def text(expression: Expression) -> str:
    """Infix text that `parse_formula` reads back, such as `exp(sign(g) * sign(m)) * g`."""
    return write(expression, TEXT)


# -- LaTeX -----------------------------------------------------------------------------------------

_GROUP = re.compile(r"\{[^{}]*\}|\\left\|.*?\\right\||\\left\(.*\\right\)|\([^()]*\)")
# The exponent of a fraction, or of a function of |x|, would seem to apply only to its last part.
_OPEN = re.compile(r"\\frac\b|\\[a-z]+\\left\|")
# What occurs outside of all groups -> how tightly the whole binds; the first match counts.
_OUTSIDE = (
    (re.compile(r".[+-]"), Binding.SUM),
    (re.compile(r"\\cdot|\^\s*[\w\\$]|\w\s*\$"), Binding.PRODUCT),
    (re.compile(r"^-"), Binding.NEGATION),
    (re.compile(r"\^"), Binding.POWER),
)
_SIDES = {Operand: "", Unary: "x", Binary: "xy"}


@functools.lru_cache(KNOWN_FORMS)
def latex_form(kind: type, word: Word) -> Form:
    """How a word is written in LaTeX, as its row says; the LaTeX also determines how tightly it binds."""
    source = word.latex
    if source == "$x":
        return _AS_ITS_ARGUMENT
    outside = _take_groups_out(source)
    alone = Binding.POWER if _OPEN.match(source) else Binding.ATOM
    own = next((binding for pattern, binding in _OUTSIDE if pattern.search(outside)), alone)
    if word.name in INFIX:
        beside = INFIX[word.name][1:3]
    else:
        beside = (Binding.NEGATION if source == "-$x" else Binding.ATOM, Binding.ATOM)
    return Form(source, own, tuple(_needed(source, side, needed) for side, needed in zip(_SIDES[kind], beside)))


def _take_groups_out(source):
    shorter = _GROUP.sub("", source)
    return source if shorter == source else _take_groups_out(shorter)


def _needed(source, side, beside):
    """How tightly an argument must bind, given how tightly it must bind `beside` something else."""
    if re.search(rf"\${side}\}}?\^", source):
        return Binding.ATOM
    alone = re.search(rf"[{{(|,]\s*\${side}\s*([}}),+]|\\right)", source)
    return Binding.SUM if alone else beside


LATEX = Notation(latex_form, brackets=r"\left($x\right)", draw=r"{$x}_{\#$n}", fill=_fill_text)


def latex(expression: Expression) -> str:
    r"""LaTeX, such as `e^{\operatorname{sign}(g) \cdot \operatorname{sign}(\hat{m})} \cdot g`."""
    return write(expression, LATEX)
