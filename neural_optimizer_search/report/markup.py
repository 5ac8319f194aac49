"""Elements of a page. Strings from a ledger only become text or attribute values, never markup."""

import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import Any, Union
from xml.etree.ElementTree import Element

# The content of an element: nothing, text, a number, an element, or an iterable of these.
Content = Union[None, str, float, Element, Iterable[Any]]

# Categories of characters that can hide or reorder text. Newlines and tabs are layout, and U+2061 is MathML's
# function application.
_UNSEEN = {"Cc", "Cf", "Cs"}
_ALLOWED = "\n\t\u2061"


def element(tag: str, *children: Content, **attributes: Union[str, float, None]) -> Element:
    """Makes an element.

    Args:
      tag: Its tag name.
      *children: Its content.
      **attributes: Its attributes. `class_` becomes class, `aria_label` becomes aria-label, and None is left out.

    Returns:
      The element.

    Example:
      >>> from neural_optimizer_search.report.markup import element, html
      >>> html(element("p", "1 < 2 ", element("b", "<script>"), class_="a"))
      '<p class="a">1 &lt; 2 <b>&lt;script&gt;</b></p>'
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), _text(value))
    _fill(made, children)
    return made


def html(node: Element) -> str:
    """An element as HTML."""
    return ET.tostring(node, encoding="unicode", method="html")


def reveal(text: str) -> str:
    r"""The text with invisible characters escaped.

    Example:
      >>> from neural_optimizer_search.report.markup import reveal
      >>> print(reveal("a\u202eb"))
      a\u202eb
    """
    return "".join(
        c if c in _ALLOWED or unicodedata.category(c) not in _UNSEEN else c.encode("unicode_escape").decode()
        for c in text
    )


def _text(value):
    return f"{round(value, 1):g}" if isinstance(value, float) else reveal(str(value))


def _fill(parent, children):
    for child in children:
        if isinstance(child, Element):
            parent.append(child)
        elif isinstance(child, (str, int, float)):
            _append_text(parent, _text(child))
        elif child is not None:
            _fill(parent, child)


def _append_text(parent, text):
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + text
    else:
        parent.text = (parent.text or "") + text
