"""Expressions as infix text and as LaTeX."""

from string import Template

from neural_optimizer_search.dsl.expression import Expression, Operand, Unary
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES

# How tightly an expression holds together; an argument that binds less than needed gets brackets.
_SUM, _PRODUCT, _NEGATION, _POWER, _ATOM = range(5)
_BINDING = {"add": _SUM, "sub": _SUM, "mul": _PRODUCT, "div": _PRODUCT, "pow": _POWER, "left": _ATOM}
_SYMBOL = {"add": " + ", "sub": " - ", "mul": " * ", "div": " / ", "pow": " ^ "}
_TEXT = {"neg": "-$x", "log": "log(|$x|)", "sqrt": "sqrt(|$x|)"}


def text(expression: Expression) -> str:
    """Infix text that `parse_formula` reads back, such as `exp(sign(g) * sign(m)) * g`."""
    return _text(expression)[0]


def _text(expression) -> tuple[str, int]:
    if isinstance(expression, Operand):
        name = expression.name
        return name, _PRODUCT if "*" in name else _POWER if "^" in name else _ATOM
    if isinstance(expression, Unary):
        return _unary_text(expression.name, *_text(expression.x))
    if expression.name == "left":
        return _text(expression.x)
    binding = _BINDING[expression.name]
    left = _bracket(*_text(expression.x), binding + (expression.name == "pow"))
    right = _bracket(*_text(expression.y), binding + (expression.name != "pow"))
    return left + _SYMBOL[expression.name] + right, binding


def _unary_text(name, x, binding):
    if name == "identity":
        return x, binding
    if name == "neg":
        return "-" + _bracket(x, binding, _NEGATION), _NEGATION
    function, _, constant = name.partition("_")
    template = _TEXT.get(name, f"{function}($x, {constant})" if constant else f"{function}($x)")
    return Template(template).substitute(x=x), _ATOM


def _bracket(x, binding, needed):
    return x if binding >= needed else f"({x})"


def latex(expression: Expression) -> str:
    r"""LaTeX, such as `e^{\operatorname{sign}(g) \cdot \operatorname{sign}(\hat{m})} \cdot g`."""
    return _latex(expression)[0]


def _latex(expression) -> tuple[str, int]:
    if isinstance(expression, Operand):
        source = OPERANDS[expression.name].latex
        return source, _PRODUCT if "*" in expression.name else _POWER if "^" in source else _ATOM
    if isinstance(expression, Unary):
        x, binding = _latex(expression.x)
        if expression.name == "neg":
            return "-" + _latex_bracket(x, binding, _NEGATION), _NEGATION
        source = Template(UNARIES[expression.name].latex).substitute(x=x)
        own = {"identity": binding, "exp": _POWER}.get(expression.name, _ATOM)
        return source, own
    name = expression.name
    (x, x_binding), (y, y_binding) = _latex(expression.x), _latex(expression.y)
    binding = _BINDING[name]
    if name in ("add", "sub", "mul"):
        x, y = _latex_bracket(x, x_binding, binding), _latex_bracket(y, y_binding, binding + 1)
    elif name == "pow":
        x = _latex_bracket(x, x_binding, _ATOM)
    own = {"left": x_binding, "div": _ATOM}.get(name, binding)
    return Template(BINARIES[name].latex).substitute(x=x, y=y), own


def _latex_bracket(x, binding, needed):
    return x if binding >= needed else rf"\left({x}\right)"
