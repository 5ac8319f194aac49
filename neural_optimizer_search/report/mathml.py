"""Expressions as MathML, with the brackets that `printing.latex` sets."""

from neural_optimizer_search.dsl.expression import Operand, Unary, simplify
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.report.markup import element

# How tightly an expression holds together; an argument that binds less than needed gets brackets.
_SUM, _PRODUCT, _NEGATION, _POWER, _ATOM = range(5)
_INFIX = {"add": ("+", _SUM), "sub": ("−", _SUM), "mul": ("·", _PRODUCT)}
_DELTA = "δ"


def math(rule, display="inline"):
    """A `Rule`, simplified, as a `math` element; `display` is "inline" or "block".

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.report import mathml
      >>> from neural_optimizer_search.report.markup import html
      >>> html(mathml.math(parse_formula("g + 1"))).partition(">")[2]
      '<mrow><mi>g</mi><mo>+</mo><mn>1</mn></mrow></math>'
    """
    expression = simplify(rule.expression())
    return element("math", mathml(expression), display=display, displaystyle="true", alttext=text(expression))


def mathml(expression):
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
    return element("mrow", _i(function), _o("\u2061"), _bracketed(*separated))


def _bracketed(*parts, left="(", right=")"):
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


def _mathml(expression):
    """(the element, how tightly it binds)."""
    if isinstance(expression, Operand):
        name = expression.name
        row = _OPERANDS.get(name, lambda: _i(name))
        return row(), _PRODUCT if "*" in name else _POWER if "^" in name else _ATOM
    if isinstance(expression, Unary):
        return _unary(expression.name, *_mathml(expression.x))
    if expression.name == "left":
        return _mathml(expression.x)
    return _binary(expression.name, _mathml(expression.x), _mathml(expression.y))


def _unary(name, x, binding):
    if name == "identity":
        return x, binding
    if name == "neg":
        return element("mrow", element("mo", "−", form="prefix"), _bracket(x, binding, _NEGATION)), _NEGATION
    if name == "exp":
        return element("msup", _i("e"), x), _POWER
    size = _bracketed(x, left="|", right="|")
    if name == "sqrt":
        return element("msqrt", size), _ATOM
    if name == "log":
        return element("mrow", _i("log"), _o("\u2061"), size), _POWER  # an exponent would seem to be in it
    function, _, constant = name.partition("_")
    constants = [_CONSTANTS.get(constant, lambda: _n(constant))()] if constant else []
    return _call(function, x, *constants), _ATOM


def _binary(name, x, y):
    if name == "div":
        # It looks whole beside anything but an exponent.
        return element("mfrac", x[0], element("mrow", y[0], _o("+"), _i(_DELTA))), _POWER
    if name == "pow":
        return element("msup", _bracket(*x, _ATOM), y[0]), _POWER
    symbol, binding = _INFIX[name]
    return element("mrow", _bracket(*x, binding), _o(symbol), _bracket(*y, binding + 1)), binding


def _bracket(x, binding, needed):
    return x if binding >= needed else _bracketed(x)
