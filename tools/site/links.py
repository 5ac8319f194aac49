"""Rewrites links between documents: from files of the repository to pages of the site."""

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

_LINK = re.compile(r"(?<!`)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def rewrite_links(markdown: str, source: str, page: str, pages: Mapping[str, str], root: Path) -> str:
    """Rewrites the links of a document so that they lead to pages of the site.

    A link to a file without a page becomes plain text, because the site must work without the repository. A link to a
    missing file stays, so that the build reports it.

    Args:
      markdown: The text of the document.
      source: Its file, as a path in the repository.
      page: Its page, as a path in the site's sources.
      pages: File in the repository -> its page or image in the site's sources.
      root: The root of the repository.

    Example:
      >>> import pathlib
      >>> from tools.site.links import rewrite_links
      >>> pages = {"CONTRIBUTING.md": "contributing.md"}
      >>> rewrite_links("[How](../../CONTRIBUTING.md#style)", "docs/a/b.md", "a/b.md", pages, pathlib.Path())
      '[How](../contributing.md#style)'
    """

    def rewrite(link):
        text, (target, hash_, anchor) = link[1], link[2].partition("#")
        if not target or "://" in target or target.startswith("mailto:"):
            return link[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if file in pages:
            return f"[{text}]({posixpath.relpath(pages[file], posixpath.dirname(page) or '.')}{hash_}{anchor})"
        return text if (root / file).exists() else link[0]

    parts, end = [], 0
    for fence in _FENCE.finditer(markdown):  # code stays as it is
        parts += [_LINK.sub(rewrite, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, _LINK.sub(rewrite, markdown[end:])])
