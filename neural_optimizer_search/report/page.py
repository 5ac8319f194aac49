"""The page: one file that loads nothing and allows no script or style but this package's own."""

import base64
import hashlib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Union

from neural_optimizer_search.report.markup import Content, Element, element, html

_GENERATOR = "nos-report"
# A row of a table: its cells, or a string as a heading for the rows below. A cell that is a `td` is used as it is.
Row = Union[str, Sequence[Content]]

_STYLE, _SCRIPT = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("style.css", "copy.js"))


def page(title: str, *sections: Content) -> str:
    """Returns the HTML of a page.

    Args:
      title: The title in the browser's tab.
      *sections: The contents of the page, in order; None is skipped.

    Example:
      >>> from neural_optimizer_search.report.markup import element
      >>> from neural_optimizer_search.report.page import page
      >>> page("A search", element("p", "Nothing yet."))[:15]
      '<!DOCTYPE html>'
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="generator", content=_GENERATOR),
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", _STYLE),
    )
    said = element("p", id="said", class_="unseen", role="status")
    body = element("body", element("main", sections), said, element("script", _SCRIPT))
    return "<!DOCTYPE html>\n" + html(element("html", head, body, lang="en")) + "\n"


def is_page(beginning: str) -> bool:
    """Whether the beginning of a file is that of a page made by `page`."""
    return _BEGINNING.match(beginning) is not None


# Pages of earlier releases have our security policy in place of a generator.
_BEGINNING = re.compile(
    rf'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta (name="generator" content="{_GENERATOR}"|'
    r"http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-)"
)


def section(title: str, *children: Content, id_: str) -> Element:
    """Makes a section of the page.

    Args:
      title: Its heading.
      *children: The content under the heading.
      id_: The id of the heading, unique on the page.
    """
    return element("section", element("h2", title, id=id_), children, aria_labelledby=id_)


def scroll_box(table: Element, label: str) -> Element:
    """Puts a table in a scrollable box, so that a wide one does not widen the page; the keyboard scrolls it too."""
    return element("div", table, class_="scroll", role="region", aria_label=label, tabindex=0)


def table(head: Sequence[str], *bodies: Sequence[Row], numbers: Collection[int] = ()) -> Element:
    """Makes a table.

    Args:
      head: The titles of the columns.
      *bodies: Lists of rows, one per `tbody`. A list that begins with a heading is set apart from the one above.
      numbers: Indices of the columns that hold numbers, from 0.
    """
    classes = ["number" if k in numbers else None for k in range(len(head))]
    titles = [element("th", title, scope="col", class_=class_) for title, class_ in zip(head, classes)]
    return element("table", element("thead", element("tr", titles)), [_body(rows, classes) for rows in bodies])


def _body(rows, classes):
    has_heading = bool(rows) and isinstance(rows[0], str)
    return element("tbody", [_row(row, classes) for row in rows], class_="apart" if has_heading else None)


def _row(row, classes):
    if isinstance(row, str):
        return element("tr", element("th", row, scope="rowgroup", colspan=len(classes)))
    return element("tr", [_cell(content, class_) for content, class_ in zip(row, classes)])


def _cell(content, class_):
    return content if getattr(content, "tag", None) == "td" else element("td", content, class_=class_)


def copy_button(of: str, what: str) -> Element:
    """Makes a button that copies a text; it is hidden unless the script runs.

    Args:
      of: The id of the element with the text.
      what: The name of the text, for screen readers.
    """
    return element("button", "Copy", type="button", data_copy=of, aria_label=f"Copy {what}", hidden="hidden")


def _policy():
    style, script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (_STYLE, _SCRIPT))
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; "
        "base-uri 'none'; form-action 'none'"
    )
