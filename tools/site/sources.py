"""Collects the sources of the site: documents from all over the repository, and their images."""

import json
import shutil
from pathlib import Path

from tools import docs
from tools.site.catalogue import RULES, draw_rules, rules_section
from tools.site.language import PLOTS, draw_words, words_tables
from tools.site.links import rewrite_links

RESULTS = "benchmarks/results"
# Documents outside docs/, and their pages.
ELSEWHERE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "PAPERS.md": "papers.md",
    f"{RESULTS}/README.md": "measured/index.md",
}
LANGUAGE, CATALOGUE = "reference/language.md", "reference/catalogue.md"
# The parts of the site, each with its pages in order.
PARTS = {
    "Tutorials": (
        "notebooks/powersign-in-your-model", "notebooks/find-a-rule-for-your-model", "notebooks/learn-an-optimizer",
    ),
    "How-to": (
        "should-i-search", "how-to/search", "how-to/your-own-model", "how-to/gpus-and-clusters",
        "how-to/resume-and-promote", "how-to/read-the-report", "how-to/use-a-rule", "how-to/tune",
        "how-to/learn-an-optimizer", "how-to/experiments", "contributing",
    ),
    "Reference": (
        "reference/commands", "reference/language", "reference/catalogue", "reference/optimizers", "reference/rules",
        "reference/tasks", "reference/tuning", "reference/learned-optimizers", "reference/contracts",
    ),
    "More": ("papers", "measured/index", "design", "changelog"),
}  # fmt: skip


def put_together(target: Path) -> None:
    """Writes the sources of the site.

    Args:
      target: The output directory; existing contents are deleted.
    """
    shutil.rmtree(target, ignore_errors=True)
    pages = find_pages()
    for file, page in pages.items():
        place = target / page
        place.parent.mkdir(parents=True, exist_ok=True)
        if page.endswith(".md"):
            place.write_text(rewrite_links((docs.ROOT / file).read_text(), file, page, pages, docs.ROOT))
        elif page.endswith(".ipynb"):
            place.write_text(_rewrite_notebook((docs.ROOT / file).read_text(), file, page, pages))
        else:
            shutil.copyfile(docs.ROOT / file, place)
    _append(target / "index.md", "\n".join(_write_toctree(part, names) for part, names in PARTS.items()))
    words, rules = draw_words(), draw_rules()
    for place, pictures in {PLOTS: words, RULES: rules}.items():
        (target / place).mkdir(parents=True)
        for name, picture in pictures.items():
            (target / place / f"{name}.svg").write_text(picture)
    _append(target / LANGUAGE, words_tables(words))
    _append(target / CATALOGUE, rules_section(rules))


def find_pages() -> dict[str, str]:
    """File in the repository -> its page or image, for every file on the site."""
    files = sorted(path for path in (docs.ROOT / "docs").rglob("*") if path.is_file())
    ours = {str(path.relative_to(docs.ROOT)): str(path.relative_to(docs.ROOT / "docs")) for path in files}
    pictures = {f"{RESULTS}/{path.name}": f"measured/{path.name}" for path in (docs.ROOT / RESULTS).glob("*.png")}
    return {**ours, **ELSEWHERE, **pictures}


def _rewrite_notebook(text, file, page, pages):
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewrite_links("".join(cell["source"]), file, page, pages, docs.ROOT)
    return json.dumps(notebook)


def _write_toctree(part, names):
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {part}", "", *names, "```", ""])


def _append(path, text):
    path.write_text(f"{path.read_text().rstrip()}\n\n{text}\n")
