"""Expressions as MathML, with the brackets that `printing.latex` sets."""

from neural_optimizer_search.dsl.expression import Expression, Operand, Unary, simplify
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.report.markup import Element, element

# How tightly an expression holds together; an argument that binds less than needed gets brackets.
_SUM, _PRODUCT, _NEGATION, _POWER, _ATOM = range(5)
_INFIX = {"add": ("+", _SUM), "sub": ("−", _SUM), "mul": ("·", _PRODUCT)}
_DELTA = "δ"


def math(rule: Rule, display: str = "inline") -> Element:
    """A rule, simplified, as a `math` element.

    Args:
      rule: The rule.
      display: "inline" or "block".

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.report import mathml
      >>> from neural_optimizer_search.report.markup import html
      >>> html(mathml.math(parse_formula("g + 1"))).partition(">")[2]
      '<mrow><mi>g</mi><mo>+</mo><mn>1</mn></mrow></math>'
    """
    expression = simplify(rule.expression())
    return element("math", mathml(expression), display=display, displaystyle="true", alttext=text(expression))


def mathml(expression: Expression) -> Element:
    """An expression as an element to stand in `math`."""
    return _mathml(expression)[0]


# -- The words -------------------------------------------------------------------------------------


def _i(name):
    # A name of several letters is upright by itself.
    return element("mi", name)


def _o(symbol):
    return element("mo", symbol)


def _n(digits):
    return element("mn", digits)


def _hat(name):
    return element("mover", _i(name), element("mo", "^"), accent="true")


def _ten_to(exponent):
    return element("msup", _n("10"), element("mrow", _o("−"), _n(exponent)))


def _call(function, *arguments):
    separated = [part for argument in arguments for part in (_o(","), argument)][1:]
    return element("mrow", _i(function), _o("\u2061"), _bracket(*separated))


def _bracket(*parts, left="(", right=")"):
    return element("mrow", element("mo", left, form="prefix"), parts, element("mo", right, form="postfix"))


# A word that has no row is written by its name, a function as function(x, constant).
_OPERANDS = {
    "g": lambda: _i("g"),
    "g^2": lambda: element("msup", _i("g"), _n("2")),
    "g^3": lambda: element("msup", _i("g"), _n("3")),
    "m": lambda: _hat("m"),
    "v": lambda: _hat("v"),
    "gamma": lambda: _hat("γ"),
    "sign(g)": lambda: _call("sign", _i("g")),
    "sign(m)": lambda: _call("sign", _hat("m")),
    "1": lambda: _n("1"),
    "2": lambda: _n("2"),
    "eps": lambda: _i("ε"),
    "eps_t": lambda: element("msub", _i("ε"), _i("t")),
    "cd_1": lambda: element("msub", _i("cd"), _n("1")),
    "rd_10": lambda: element("msub", _i("rd"), _n("10")),
    "rd_20": lambda: element("msub", _i("rd"), _n("20")),
    **{f"1e-{k}*w": lambda k=k: element("mrow", _ten_to(str(k)), _i("w")) for k in (4, 3, 2, 1)},
}
_CONSTANTS = {f"1e-{k}": lambda k=k: _ten_to(str(k)) for k in (5, 4, 3)}


# -- The tree --------------------------------------------------------------------------------------


def _mathml(expression) -> tuple[Element, int]:
    """(the element, how tightly it binds)."""
    if isinstance(expression, Operand):
        name = expression.name
        row = _OPERANDS.get(name, lambda: _i(name))
        return row(), _PRODUCT if "*" in name else _POWER if "^" in name else _ATOM
    if isinstance(expression, Unary):
        x = _mathml(expression.x)
        row = _UNARIES.get(expression.name)
        return row(*x) if row else (_function(expression.name, x[0]), _ATOM)
    if expression.name == "left":
        return _mathml(expression.x)
    return _binary(expression.name, _mathml(expression.x), _mathml(expression.y))


def _size(x):
    return _bracket(x, left="|", right="|")


# What is not written as function(x): from the argument and how tightly it binds to the whole.
_UNARIES = {
    "identity": lambda x, binding: (x, binding),
    "neg": lambda x, binding: (
        element("mrow", element("mo", "−", form="prefix"), _bracket_if_loose(x, binding, _NEGATION)),
        _NEGATION,
    ),
    "exp": lambda x, _: (element("msup", _i("e"), x), _POWER),
    "sqrt": lambda x, _: (element("msqrt", _size(x)), _ATOM),
    # Without brackets, an exponent would seem to belong to what the logarithm is taken of.
    "log": lambda x, _: (element("mrow", _i("log"), _o("\u2061"), _size(x)), _POWER),
}


def _function(name, x):
    """A function of x and, as in clip_1e-3, a constant."""
    function, _, constant = name.partition("_")
    constants = [_CONSTANTS.get(constant, lambda: _n(constant))()] if constant else []
    return _call(function, x, *constants)


def _binary(name, x: tuple[Element, int], y: tuple[Element, int]):
    if name == "div":
        # It looks whole beside anything but an exponent.
        return element("mfrac", x[0], element("mrow", y[0], _o("+"), _i(_DELTA))), _POWER
    if name == "pow":
        return element("msup", _bracket_if_loose(*x, _ATOM), y[0]), _POWER
    symbol, binding = _INFIX[name]
    left, right = _bracket_if_loose(*x, binding), _bracket_if_loose(*y, binding + 1)
    return element("mrow", left, _o(symbol), right), binding


def _bracket_if_loose(x, binding, needed):
    return x if binding >= needed else _bracket(x)
