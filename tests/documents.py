"""The texts of the documents, and how names, paths, links and commands are found in them."""

import re
import string

from tools import docs

ROOT = docs.ROOT
DOCUMENTS = {name: (ROOT / name).read_text() for name in docs.DOCUMENTS}
COMMANDS = docs.COMMANDS
ALL = "\n".join(DOCUMENTS.values())
EXTENSIONS = "py|md|cfg|toml|txt|css|js|gz|csv|png|html"


def find(pattern, text):
    """The first group of each match, or the match; there must be some."""
    found = [match[1] if match.re.groups else match[0] for match in re.finditer(pattern, text, re.MULTILINE)]
    assert found, f"The pattern finds nothing: {pattern}"
    return found


def exists(path, *more):
    return any((place / path).exists() for place in (ROOT, ROOT / docs.PACKAGES[0], *more))


def anchors(text):
    """The ids that GitHub gives to headings."""
    kept = string.ascii_lowercase + string.digits + " -_"
    headings = find(r"^#+ (.+)$", text)
    return {"".join(c for c in heading.lower() if c in kept).replace(" ", "-") for heading in headings}


def commands(text):
    """The lines of shell blocks, and what stands in backticks in a line."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    inline = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [re.sub(r"\s+#\s.*$|\s+…$", "", line) for line in (*lines, *inline) if line.strip()]
