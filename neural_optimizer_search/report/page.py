"""The page: one file that loads nothing, and runs and shows nothing but what this package wrote."""

import base64
import hashlib
from pathlib import Path

from neural_optimizer_search.report.markup import element, html

_STYLE, _SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("style.css", "copy.js"))


def page(title, *sections):
    """The text of a page of these elements.

    Example:
      >>> from neural_optimizer_search.report.markup import element
      >>> from neural_optimizer_search.report.page import page
      >>> page("A search", element("p", "Nothing yet."))[:15]
      '<!DOCTYPE html>'
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _STYLE),
    )
    said = element("p", id="said", class_="unseen", role="status")
    body = element("body", element("main", sections), said, element("script", _SCRIPT))
    return "<!DOCTYPE html>\n" + html(element("html", head, body, lang="en")) + "\n"


def section(title, *children, id_):
    """A part of the page under its heading."""
    return element("section", element("h2", title, id=id_), children, aria_labelledby=id_)


def scrolling(table, label):
    """A table in a box of its own, so that a wide one does not widen the page; the keyboard scrolls it too."""
    return element("div", table, class_="scroll", role="region", aria_label=label, tabindex=0)


def table(head, *bodies, numbers=()):
    """A table.

    Args:
      head: The titles of the columns.
      *bodies: Lists of rows, each a `tbody`; a row is a list of cells, and a row that is a text is a heading.
      numbers: The columns that hold numbers, from 0 on.
    """

    def cell(k, content):
        if getattr(content, "tag", None) == "td":
            return content
        return element("td", content, class_="number" if k in numbers else None)

    titles = [
        element("th", title, scope="col", class_="number" if k in numbers else None) for k, title in enumerate(head)
    ]
    parts = [
        element(
            "tbody",
            [
                element("tr", element("th", row, scope="rowgroup", colspan=len(head)))
                if isinstance(row, str)
                else element("tr", [cell(k, content) for k, content in enumerate(row)])
                for row in body
            ],
            class_="apart" if body and isinstance(body[0], str) else None,
        )
        for body in bodies
    ]
    return element("table", element("thead", element("tr", titles)), parts)


def copy_button(of, what):
    """A button that copies the text of the element with the id `of`; the script shows it."""
    return element("button", "Copy", type="button", data_copy=of, aria_label=f"Copy {what}", hidden="hidden")


def _policy():
    style, script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (_STYLE, _SCRIPT))
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
