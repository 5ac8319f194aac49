"""Regenerates the blocks of the documents that come from code or measurements: `make docs`.

A block lies between `<!-- NAME: make docs -->` and `<!-- end -->`, where NAME is a key of `BLOCKS`.
"""

import ast
import functools
import importlib
import pathlib
import re
import sys

from benchmarks.studies.own_models import markdown
from neural_optimizer_search.flags import markdown_table
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.training import Training
from neural_optimizer_search.listing import Listing, format_table
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.optimizers.later_papers import NO_FORMULA
from neural_optimizer_search.promotion.config import OutConfig, PromotionConfig
from neural_optimizer_search.report.command import ReportConfig
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.registry import algorithm_names, find_algorithm
from neural_optimizer_search.search.run_config import RunConfig
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.tuning.config import PlaceConfig, TuneConfig

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    *sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md")),
)
# The dataclasses that define the flags of each command.
COMMANDS = {
    "nos-search": (SearchConfig, RunConfig),
    "nos-report": (ReportConfig,),
    "nos-promote": (PromotionConfig, OutConfig),
    "nos-tune": (TuneConfig, PlaceConfig),
    "nos-optimizers": (Listing,),
    "nos-learn": (Training, GuidedPolicySearchConfig),
}
OWN_MODELS, TRAININGS = ROOT / "benchmarks" / "results" / "own_models.jsonl", 480
PACKAGES = ("neural_optimizer_search", "tf_agents_env", "benchmarks")
# The order in which a rule passes through them; the other packages follow.
READING_ORDER = (
    "dsl", "optimizers", "tasks", "measuring", "workers", "records", "trials", "search", "report", "promotion",
    "tuning", "objectives",
)  # fmt: skip
BLOCK = re.compile(r"<!-- ([^>]+): make docs -->\n.*?<!-- end -->", re.DOTALL)


def rewrite(text: str) -> str:
    """Regenerates the blocks in the text of a document.

    Raises:
      KeyError: If the name of a block is not in `BLOCKS`.
    """
    return BLOCK.sub(lambda block: f"<!-- {block[1]}: make docs -->\n{BLOCKS[block[1]]()}\n<!-- end -->", text)


# -- Flags, tasks, algorithms, rules ------------------------------------------------------------------


def write_flags(command: str) -> str:
    """The table of a command's flags."""
    return markdown_table(*COMMANDS[command])


def tasks() -> str:
    """The table of shipped tasks. Each has a module of the same name, whose docstring begins "`name`: "."""
    modules = {name: importlib.import_module(f"neural_optimizer_search.tasks.{name}") for name in TASKS}
    rows = [(f"`{name}`", _first_sentence(module.__doc__.partition(": ")[2])) for name, module in modules.items()]
    return _table(("`--task`", "what"), rows)


def algorithms() -> str:
    """The table of this project's algorithms, without those of other installed packages."""
    entries = {name: find_algorithm(name) for name in algorithm_names()}
    ours = {name: entry for name, entry in entries.items() if entry.make.__module__.startswith(PACKAGES)}
    rows = [(f"`{name}`", entry.title, ", ".join(entry.needs.values())) for name, entry in ours.items()]
    return _table(("`--algorithm`", "what", "needs"), rows)


def catalogue() -> str:
    """The table of published rules that the language can express."""
    rows = [(f"`{row.name}`", f"`{_in_cell(row.formula)}`", str(row.slots), row.source) for row in CATALOGUE.values()]
    return _table(("name", "formula", "memory", "source"), rows)


def not_expressible() -> str:
    """The table of published optimizers that the language cannot express."""
    return _table(("optimizer", "why"), NO_FORMULA.items())


def published_rules() -> str:
    """The output of `nos-optimizers addsign`, without its note."""
    rows = format_table([row for name, row in CATALOGUE.items() if "addsign" in name])
    return f"```\n$ nos-optimizers addsign\n{rows}\n```"


# -- Measurements ----------------------------------------------------------------------------------


def result_of_own_models() -> str:
    """A table that compares search with tuning on user-defined models, with a sentence before it and one after."""
    return markdown.write_result(markdown.read_outcomes(OWN_MODELS), TRAININGS)


def table_of_own_models() -> str:
    """The table of the same comparison, by model."""
    return markdown.write_table(markdown.read_outcomes(OWN_MODELS), TRAININGS)


def budgets_of_own_models() -> str:
    """The comparison on one model, by budget."""
    return markdown.write_budgets(markdown.read_outcomes(OWN_MODELS), "capitals")


# -- Packages --------------------------------------------------------------------------------------


def code_map() -> str:
    """The tree of packages, with the first sentence of each docstring."""
    places = _packages()
    names = [("    " + place.partition("/")[2] if "/" in place else place) + "/" for place in places]
    width = max(map(len, names)) + 2
    lines = [f"{name:{width}s}{_purpose(ROOT / place)}" for name, place in zip(names, places)]
    return "\n".join(["```", *lines, "```"])


def _packages():
    """The packages and their subpackages, in the order of `READING_ORDER`."""
    places = []
    for top in PACKAGES:
        inner = sorted(path.parent.name for path in (ROOT / top).glob("*/__init__.py"))
        known = [name for name in READING_ORDER if name in inner]
        places += [top, *(f"{top}/{name}" for name in (*known, *(name for name in inner if name not in known)))]
    return places


def _purpose(path):
    """The first sentence of the docstring of a module or package."""
    file = path / "__init__.py" if path.is_dir() else path
    return _first_sentence(ast.get_docstring(ast.parse(file.read_text())) or "")


def _first_sentence(text):
    return " ".join(re.split(r"\.(?:\s|$)|\n\n", text, maxsplit=1)[0].split())


def _in_cell(text):
    return text.replace("|", "\\|")


def _table(head, rows):
    lines = [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


BLOCKS = {
    **{f"flags of {command}": functools.partial(write_flags, command) for command in COMMANDS},
    "catalogue": catalogue,
    "not expressible": not_expressible,
    "tasks": tasks,
    "algorithms": algorithms,
    "published rules": published_rules,
    "result of own models": result_of_own_models,
    "table of own models": table_of_own_models,
    "budgets of own models": budgets_of_own_models,
    "map of the code": code_map,
}


def main() -> int:
    """Rewrites the documents."""
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(rewrite(path.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
