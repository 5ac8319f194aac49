"""Formulas that fit their place: browsers break no line within `math`, so a long formula is split into several."""

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.report.markup import Content, Element, element
from neural_optimizer_search.report.mathml import APPLICATION, math

# Letters per line that fit in a table cell, in a narrow window and in a wide one.
NARROW, WIDE = 26, 64

_OPERATORS, _OPEN, _CLOSED = ("+", "−", "·"), ("(", "["), (")", "]")
# Width of subscripts and superscripts relative to normal letters.
_SCRIPT = 0.7


def formula(rule: Rule) -> Content:
    """A simplified rule for a table cell or a line of text: formulas with line breaks between them, or text."""
    return fit(math(rule), rule.formula())


def fit(made: Element, text: str, room: int = WIDE) -> Content:
    """A formula for a table cell or a line of text.

    Args:
      made: The `math` element.
      text: The formula as text, shown where the window is too narrow for an unbreakable part.
      room: Letters per line that fit in a wide window.
    """
    pieces = split(made)
    most = max(map(count_letters, pieces))
    if most > room:
        return element("code", text)
    broken = join(pieces, text)
    return (
        broken if most <= NARROW else [element("span", broken, class_="wide"), element("code", text, class_="narrow")]
    )


def broken_lines(rule: Rule) -> Element:
    """A simplified rule as formulas with line breaks between them."""
    return join(split(math(rule)), rule.formula())


def join(pieces: list[Element], text: str) -> Element:
    """Joins the pieces of a formula so that lines can break between them; a single piece is returned as it is."""
    if len(pieces) == 1:
        return pieces[0]
    return element("span", _separate(pieces), role="math", aria_label=text)


def _separate(pieces):
    """Yields the pieces with a space after each comma; before an operator, a line can break without one."""
    for piece in pieces:
        yield piece
        if _is_comma(piece[-1][-1]):
            yield " "


def split(made: Element) -> list[Element]:
    """Splits a long `math` element before operators and after commas that are outside brackets.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.report.formulas import split
      >>> from neural_optimizer_search.report.mathml import math
      >>> rule = parse_formula("clip(g + m, 1e-3) * (g + v) - 1e-4*w, beta_1=0.8")
      >>> ["".join(part.itertext()) for part in split(math(rule))]
      ['clip\u2061(g+m^,10−3)', '·(g+v^)', '−10−4w,', 'β1=0.8']
    """
    if count_letters(made) <= NARROW:
        return [made]
    parts, depth = [[]], 0
    for node in _flatten(made):
        sign = node.text if node.tag == "mo" else None
        depth += (sign in _OPEN) - (sign in _CLOSED)
        before = parts[-1][-1] if parts[-1] else None
        if before is not None and not depth and _may_break(before, sign):
            parts.append([])
        parts[-1].append(node)
    return [made] if len(parts) == 1 else [_make(nodes, made) for nodes in parts]


def _flatten(node):
    """Yields the elements of a row in order, with a bracketed group as one element."""
    for child in node:
        is_closed = child.tag != "mrow" or any(part.tag == "mo" and part.text in (*_OPEN, "|") for part in child)
        yield from [child] if is_closed else _flatten(child)


def _may_break(before, sign):
    return _is_comma(before) or (
        before.tag != "mo" and sign in _OPERATORS and not (sign == "·" and before.tag == "mn")
    )


def _is_comma(node):
    return node.tag == "mo" and node.text == ","


def _make(nodes, whole):
    first = nodes[0]
    if first.tag == "mo" and first.text in _OPERATORS:  # otherwise it would be spaced like a sign
        nodes = [element("mo", first.text, form="infix"), *nodes[1:]]
    if first.tag == "mspace":  # after a comma, where the line breaks
        nodes = nodes[1:]
    return element("math", element("mrow", nodes), displaystyle=whole.get("displaystyle"))


def count_letters(node: Element) -> float:
    """The approximate length of a formula, in letters."""
    below = [count_letters(child) for child in node]
    if node.tag == "mfrac":
        return max(below)
    if node.tag in ("msup", "msub", "msubsup"):
        return below[0] + _SCRIPT * max(below[1:])
    if node.tag == "mover":
        return below[0]
    return len((node.text or "").strip(APPLICATION)) + sum(below)
