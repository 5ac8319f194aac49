"""Expressions as MathML: a notation beside text and LaTeX, in which each word looks as the LaTeX of its row says."""

import functools
import html
import re

from neural_optimizer_search.dsl.expression import Expression, simplify
from neural_optimizer_search.dsl.printing import KNOWN_FORMS, LATEX, Notation, latex_form, write
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.report.markup import Element, element


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
    formula = mathml(simplify(rule.expression()))
    if constants := rule.constants.latex():
        formula = element("mrow", formula, _convert(constants))
    return element("math", formula, display=display, displaystyle="true", alttext=rule.formula())


def mathml(expression: Expression) -> Element:
    """An expression as an element to stand in `math`."""
    return write(expression, _MATHML)


# -- Templates -------------------------------------------------------------------------------------

# Characters that have no meaning, which the converter takes for names.
_PLACES = {"$x": "\ue000", "$y": "\ue001"}
APPLICATION = "\u2061"


def _fill(template: str, *pieces: Element) -> Element:
    # Each word is converted once and alone: no formula is too deep, and brackets grow with what stands in them only.
    return _copy(_convert(template), dict(zip(_PLACES.values(), pieces)))


def _copy(node, pieces):
    if node.text in pieces:
        return pieces[node.text]
    made = element(node.tag, node.text, (_copy(child, pieces) for child in node))
    made.attrib.update(node.attrib)
    return made


@functools.lru_cache(KNOWN_FORMS)
def _convert(template):
    """The element of a template, with a character of `_PLACES` where each argument stands."""
    # Here, for `nos-report` to say how to install it where it is not.
    from latex2mathml.converter import convert_to_element

    # As names of one element; the converter would make one of each letter, or an operator.
    source = re.sub(r"\\(?:mathrm|operatorname)\{([^{}]*)\}", r"\\text{\1}", template)
    source = re.sub(r"(?<!\\left)\(", r"\\left(", re.sub(r"(?<!\\right)\)", r"\\right)", source))
    for place, character in _PLACES.items():
        source = source.replace(place, character)
    return _tidy(convert_to_element(source)[0])


def _tidy(node):
    """What the converter made, with names as identifiers and without rows of one."""
    children = [_tidy(child) for child in node]
    if node.tag == "mrow" and len(children) == 1:
        return children[0]
    content = html.unescape(node.text or "").replace(r"\_", "_")
    tag = "mi" if node.tag == "mtext" or (node.tag == "mo" and content.isalpha()) else node.tag
    made = element(tag, content)
    made.attrib.update(node.attrib)
    for child in children:
        if len(made) and _is_function(made[-1]) and child.tag == "mrow":
            made.append(element("mo", APPLICATION))
        made.append(child)
    return made


def _is_function(node):
    return node.tag == "mi" and len(node.text) > 1


_MATHML = Notation(latex_form, LATEX.brackets, _fill)
