"""An expression tree as SVG, with functions above their arguments."""

from typing import NamedTuple, Optional

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.pictures import picture

ROW, GAP, HEIGHT = 52, 14, 28
MARGIN = 4
LETTER = 8.2  # width of a letter in pixels, in the font of style.css
MOST_LEAVES = 64

# Other words are shown by their names.
_SYMBOLS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "pow": "^", "neg": "negate", "log": "log |·|", "sqrt": "√|·|",
}  # fmt: skip


class _Node(NamedTuple):
    label: str
    leaf: bool
    x: float
    row: int


def tree(rule: Rule) -> Optional[Element]:
    """The simplified expression of a `Rule` as an `svg` element; None if it is too large to draw."""
    expression = ex.simplify(rule.expression())
    if _leaves(expression) > MOST_LEAVES:
        return None
    nodes, edges = [], []
    _place(expression, 0, MARGIN, nodes, edges)
    width, height = _width(expression) + 2 * MARGIN, ROW * max(node.row for node in nodes) + HEIGHT + 2 * MARGIN
    made = picture(
        width,
        height,
        [element("path", d=_edge(*edge), class_="edge") for edge in edges],
        [_draw(node) for node in nodes],
        label=f"Expression tree of {rule.formula()}",
        class_="tree",
    )
    # A fixed width keeps the letters at their size; a tree wider than the window scrolls.
    made.set("width", f"{width:.0f}")
    made.set("height", f"{height:.0f}")
    return made


def _place(expression, row, left, nodes, edges):
    """Appends the nodes of an expression whose left edge is at `left`, its own node last."""
    label, children, width = _label(expression), ex.children(expression), _width(expression)
    at = left + (width - _children_width(children)) / 2
    below = []
    for child in children:
        _place(child, row + 1, at, nodes, edges)
        below.append(nodes[-1])
        at += _width(child) + GAP
    half = _box(label) / 2
    middle = sum(node.x for node in below) / len(below) if below else left + width / 2
    nodes.append(_Node(label, not below, min(max(middle, left + half), left + width - half), row))
    edges += [(nodes[-1], child) for child in below]


def _width(expression):
    return max(_box(_label(expression)), _children_width(ex.children(expression)))


def _children_width(children):
    return sum(map(_width, children)) + GAP * (len(children) - 1) if children else 0


def _box(label):
    return max(len(label) * LETTER + 16, 36)


def _edge(node, child):
    top, bottom = MARGIN + ROW * node.row + HEIGHT, MARGIN + ROW * child.row
    bend = (top + bottom) / 2
    return f"M{node.x:.1f} {top} C{node.x:.1f} {bend} {child.x:.1f} {bend} {child.x:.1f} {bottom}"


def _draw(node):
    width, y = _box(node.label), MARGIN + ROW * node.row
    kind = "operand" if node.leaf else "function"
    box = element("rect", x=node.x - width / 2, y=y, width=width, height=HEIGHT, rx=6, class_=kind)
    return element("g", box, element("text", node.label, x=node.x, y=y + 19, class_="middle"))


def _label(expression: ex.Expression) -> str:
    if isinstance(expression, ex.Operand):
        return expression.name.replace("*", " ")
    return _SYMBOLS.get(expression.name, expression.name.replace("_", " "))


def _leaves(expression):
    return sum(map(_leaves, ex.children(expression))) or 1
