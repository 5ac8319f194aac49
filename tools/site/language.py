"""Tables of the words of the language with their formulas, and plots of functions and decays."""

from collections.abc import Iterable, Mapping

import numpy as np
from latex2mathml.converter import convert

from neural_optimizer_search import decays
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES, Word
from neural_optimizer_search.operations import on_numpy
from tools.site.figures import COLOR, GRAY, make_figure, write_svg

PLOTS = "assets/words"
TABLES = {"Operands": OPERANDS, "Functions of one value": UNARIES, "Functions of two values": BINARIES}
_X, _T = np.linspace(-2.0, 2.0, 401), np.linspace(0.0, 1.0, 401)
_CONSTANT = 0.5  # the member that is drawn for a family
_DECAYS = {
    "ld": decays.linear(on_numpy, _T, 1.0),
    "cd": decays.cyclical(on_numpy, _T, 1.0),
    "cd_1": decays.cyclical(on_numpy, _T, 1.0, 1.0),
    "rd_10": decays.restart(on_numpy, _T, 1.0, 10.0),
    "rd_20": decays.restart(on_numpy, _T, 1.0, 20.0),
}


def words_tables(pictures: Iterable[str]) -> str:
    """Tables of all words, in Markdown.

    Args:
      pictures: The words that have a plot in the directory `PLOTS`.
    """
    return "\n\n".join(
        f"### {title}\n\n{_write_table(table.values(), set(pictures))}" for title, table in TABLES.items()
    )


def draw_words() -> Mapping[str, str]:
    """Draws the words that are functions of one number or of t/T; returns name -> SVG."""
    with np.errstate(divide="ignore"):
        functions = {
            name: (_X, _compute(word)) for name, word in UNARIES.items() if not (word.random or word.per_tensor)
        }
    return {name: _draw(x, y) for name, (x, y) in {**functions, **{n: (_T, y) for n, y in _DECAYS.items()}}.items()}


def _compute(word):
    return word.value(on_numpy, None, _X, *([_CONSTANT] if is_family(word.name) else []))


def _draw(x, y):
    figure, (axes,) = make_figure(1, 1.8, 1.1)
    axes.axhline(0.0, color=GRAY, linewidth=0.5)
    axes.plot(x, y, color=COLOR, linewidth=1.5)
    return write_svg(figure)


def _write_table(words: Iterable[Word], pictures):
    rows = ["| word | formula | picture | kept |", "|---|---|---|---|"]
    for word in words:
        picture = f"![{word.name}](../{PLOTS}/{word.name}.svg)" if word.name in pictures else ""
        kinds = {"random": word.random, "a function of each weight tensor": word.per_tensor}
        kind = "".join(f"; {kind}" for kind, holds in kinds.items() if holds)
        kept = ", ".join(f"`{name}`" for name in word.averages)
        rows.append(f"| `{word.name}`{kind} | {_write_formula(word)} | {picture} | {kept} |")
    return "\n".join(rows)


def _write_formula(word):
    latex = word.latex.replace("$x", "x").replace("$y", "y").replace("$c", "c")
    return convert(latex).replace("|", "&#124;")
