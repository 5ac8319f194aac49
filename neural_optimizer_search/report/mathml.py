"""Expressions as MathML: a third notation besides text and LaTeX, converted word by word from the LaTeX templates."""

import dataclasses
import functools
import html
import re

from neural_optimizer_search.dsl.expression import Expression, simplify
from neural_optimizer_search.dsl.printing import KNOWN_FORMS, LATEX, Notation, write
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.report.markup import Element, element


def math(rule: Rule) -> Element:
    """A simplified rule as a `math` element.

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
    return element("math", formula, display="inline", displaystyle="true", alttext=rule.formula())


def mathml(expression: Expression) -> Element:
    """An expression as an element to put inside `math`."""
    return write(expression, _MATHML)


# -- Templates -------------------------------------------------------------------------------------

# Private-use characters, which the converter treats as names.
_PLACES = {"$x": "\ue000", "$y": "\ue001"}
APPLICATION = "\u2061"


def _fill(template: str, *pieces: Element) -> Element:
    # Each word is converted once, on its own, so no formula is too deep and brackets grow only with their content.
    return _copy(_convert(template), dict(zip(_PLACES.values(), pieces)))


def _copy(node, pieces):
    if node.text in pieces:
        return pieces[node.text]
    made = element(node.tag, node.text, (_copy(child, pieces) for child in node))
    made.attrib.update(node.attrib)
    return made


@functools.lru_cache(KNOWN_FORMS)
def _convert(template):
    """The element of a template, with a character of `_PLACES` for each argument."""
    # Imported here, so that `nos-report` can say how to install it if it is missing.
    from latex2mathml.converter import convert_to_element

    # Names as single elements; the converter would otherwise make an element of each letter, or an operator.
    source = re.sub(r"\\(?:mathrm|operatorname)\{([^{}]*)\}", r"\\text{\1}", template)
    source = re.sub(r"(?<!\\left)\(", r"\\left(", re.sub(r"(?<!\\right)\)", r"\\right)", source))
    for place, character in _PLACES.items():
        source = source.replace(place, character)
    return _tidy(convert_to_element(source)[0])


def _tidy(node):
    """The converter's output with names as identifiers and without rows of a single element."""
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


_MATHML: Notation[Element] = dataclasses.replace(LATEX, fill=_fill)
