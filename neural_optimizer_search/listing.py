"""`nos-optimizers`: lists the published update rules by name, or prints a rule as source.

examples:
  nos-optimizers sign                                     all with "sign" in their names
  nos-optimizers powersign --source torch                 a file that needs PyTorch alone
  nos-optimizers runs/first#1 --source torch              the same for the best rule of a search
  nos-optimizers adam --source torch --schedule cosine    the same with code for a schedule
"""

import argparse
import functools
import json
import os
import sqlite3
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search import console
from neural_optimizer_search.command_line import Parser, number, shorten
from neural_optimizer_search.dsl.exports import FRAMEWORKS
from neural_optimizer_search.dsl.exports.names import make_class_name
from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.flags import build_parser, configure, flag
from neural_optimizer_search.keras_versions import require_tensorflow
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, PublishedRule, normalize_name, suggest_names
from neural_optimizer_search.optimizers.later_papers import NO_FORMULA
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.user_error import UserError

_HEADER = ("name", "formula", "slots", "rate", "decay", "source")
FORMULA_WIDTH = 44
_ALLOWED = (
    "with --source it must be a name, which nos-optimizers lists, a formula, or RUN#K, the K-th best rule of a run"
)
_NOTE = """\
w <- w - learning_rate * formula. slots: numbers kept per parameter, such as running averages; *: takes more time than
the others, because its words are functions of whole weight tensors. Steps on a CPU, where Adam's is 1: normuon 30,
muon 15, adan 1.8, most others 0.2 to 1.4 (benchmarks/results, section 17). rate: the default learning rate of
optimizers.get(name) and of --source, as in its paper or the usual code; -: 0.01, or 0.1 for PowerSign and AddSign.
decay: the internal decay with which PowerSign and AddSign work best, according to v2 (section 8.1). v2 is
arXiv:1709.07417v2, v1 the ICML paper. debiased: its average is bias-corrected, as in the language; that of Keras's
optimizer of this name is not.
Rules found by nos-search also have a schedule and a weight decay, which optimizers.get(name, decay_steps=T) uses; a
file of --source has the schedule, and says how to use both.
In Python, with T training steps: optimizers.get("addsign-ld", learning_rate=0.1, decay_steps=T)"""


_LARGEST = 1e9
_SETTING = ("learning_rate", "schedule", "weight_decay")  # flags, and arguments of `Rule.to_source`


def _read_schedule(text):
    try:
        return str(parse_schedule(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).removeprefix("Argument `schedule` ")) from None


@dataclass(frozen=True)
class Listing:
    """Flags of `nos-optimizers`."""

    name: str = flag(
        "",
        "only names with this text in them; with --source, a name, a formula, or RUN#K, the K-th best rule of a run",
        positional=True, nargs="?", metavar="NAME",
    )  # fmt: skip
    latex: bool = flag(False, "formulas in LaTeX")
    as_json: bool = flag(False, "the rows as JSON", option="--json")
    source: str = flag(
        "", "print a Python file with the optimizer that needs only this framework", choices=FRAMEWORKS,
        default_text="the table",
    )  # fmt: skip
    class_name: str = flag(
        "", "with --source, the name of the class; for optax, of the function", option="--name", metavar="CLASS",
        default_text="derived from NAME; MyOptimizer for a formula, FoundOptimizerK for RUN#K",
    )  # fmt: skip
    learning_rate: Optional[float] = flag(
        None, "with --source, the default learning rate of the file", parse=number(0, _LARGEST),
        default_text="that of NAME; 0.01 for a formula",
    )  # fmt: skip
    schedule: Optional[str] = flag(
        None, 'with --source, a learning-rate schedule that the file has too, such as "linear, warm-up 0.1"',
        parse=_read_schedule, default_text="that of NAME",
    )  # fmt: skip
    weight_decay: Optional[float] = flag(
        None, "with --source, the decoupled weight decay that the file describes", parse=number(0, _LARGEST),
        default_text="that of NAME",
    )  # fmt: skip


@console.command("nos-optimizers")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Prints the rows whose names match, or a file; returns the exit code."""
    p = build_parser("nos-optimizers", __doc__, Listing)
    asked = configure(Listing, vars(p.parse_args(argv)))
    _check_combination(p, asked)
    if asked.source:
        print(_write_source(p, asked), end="")
        return 0
    rows = [row for row in CATALOGUE.values() if normalize_name(asked.name) in row.name]
    lacking = {name: why for name, why in NO_FORMULA.items() if normalize_name(asked.name) in name}
    if not rows:
        p.error(_say_why_none(asked.name, lacking))
    if asked.as_json:
        print(json.dumps([_describe(row) for row in rows], indent=1))
        return 0
    lists = [format_table(rows, asked.latex), _NOTE, *([_list_others(lacking)] if lacking else [])]
    print(*lists, sep="\n\n")
    return 0


def _check_combination(p, asked):
    """Refuses flags that would have no effect."""
    of_file = {"--name": asked.class_name or None, **{f"--{name}": getattr(asked, name) for name in _SETTING}}
    for name, value in of_file.items():
        if value is not None and not asked.source:
            p.error(f"argument {name}: needs --source")
    for name, given in (("--latex", asked.latex), ("--json", asked.as_json)):
        if given and asked.source:
            p.error(f"argument {name}: not allowed with --source, which prints a file")
    if asked.latex and asked.as_json:
        p.error("argument --latex: not allowed with --json, whose rows have the formulas in LaTeX too")


def _describe(row):
    rule = json.loads(row.rule.to_json())
    return {
        "name": row.name,
        "rule": rule,
        "slots": row.slots,
        "learning_rate": row.learning_rate,
        "schedule": row.schedule or None,
        "weight_decay": row.weight_decay,
        "source": row.source,
    }


def _say_why_none(name, lacking):
    if "#" in name:
        return "argument NAME: a rule of a run needs --source, such as --source torch"
    if not lacking:
        return (
            f"argument NAME: no optimizer has {shorten(name)!r} in its name.{suggest_names(name)} "
            "To see all names: nos-optimizers"
        )
    return f"argument NAME: the language has no formula for it: {_name_reasons(lacking)}"


def _name_reasons(lacking):
    return "; ".join(f"{name} {why}" for name, why in lacking.items())


def _list_others(lacking):
    return textwrap.fill(f"Optimizers for which the language has no formula: {_name_reasons(lacking)}.", 118)


def _write_source(p, asked):
    if not asked.name:
        p.error(f"argument NAME: {_ALLOWED}")
    rule, class_name, own = _find_rule(p, asked.name)
    given = {name: getattr(asked, name) for name in _SETTING if getattr(asked, name) is not None}
    try:
        return rule.to_source(asked.class_name or class_name, asked.source, **{**own, **given})
    except ValueError as error:
        p.error(_say_wrong_name(error))


def _find_rule(p: Parser, text):
    """The rule that a text names, the name of its class, and the setting that it is known with, as arguments."""
    row = CATALOGUE.get(normalize_name(text))
    try:
        if row:
            setting = (row.default_rate, row.schedule, row.weight_decay)
            return row.rule, make_class_name(row.name), dict(zip(_SETTING, setting))
        return parse_formula(text), "MyOptimizer", {}
    except FormulaError as error:
        if "#" in text or os.path.isdir(text):
            return _find_in_run(p, text)
        headline, *_, allowed = str(error).replace("Argument `formula`", "it", 1).splitlines()
        # The full list of the language's words would not fit.
        reason = headline.rstrip(":") + (f". {allowed.rstrip('.')}" if len(allowed) < 100 else "")
        p.error(
            f"argument NAME: {_ALLOWED}. Received: {shorten(text)!r}.{suggest_names(text)} "
            f"Read as a formula, {reason}."
        )


def _find_in_run(p: Parser, text):
    try:
        require_tensorflow("a rule of a run")
    except ImportError as error:
        p.error(f"argument NAME: {error}")
    from neural_optimizer_search.search.named_rules import find_rule

    try:
        start = find_rule(text)
    except (OSError, UserError, sqlite3.Error) as error:
        p.error(f"argument NAME: {error}")
    return start.rule, f"FoundOptimizer{text.rpartition('#')[2]}", dict(zip(_SETTING, start.tuned or ()))


def _say_wrong_name(error):
    return str(error).replace("Argument `name`", "argument --name:", 1)


def format_table(rows: Iterable[PublishedRule], latex: bool = False) -> str:
    """The rows as aligned text.

    Example:
      >>> from neural_optimizer_search.optimizers import CATALOGUE
      >>> from neural_optimizer_search.listing import format_table
      >>> print(format_table([CATALOGUE["addsign"], CATALOGUE["adam"]]))
      name     formula                      slots  rate  decay  source
      addsign  (1 + sign(g) * sign(m)) * g  1      -     ld     v2 sec. 5.1, Table 1
      adam     Adam                         2      -     -      v2 Table 6; v1 Table 1
    """
    lines = [_HEADER, *(line for row in rows for line in _lines(row, latex))]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _lines(row, latex):
    """One line, and more where the formula is long."""
    slots = f"{row.slots} *" if row.rule.per_tensor else str(row.slots)
    rate = "-" if row.learning_rate is None else write_number(row.learning_rate)
    if latex:
        yield row.name, row.rule.latex(), slots, rate, row.recommended_decay or "-", row.source
        return
    wrap = functools.partial(textwrap.wrap, width=FORMULA_WIDTH, break_long_words=False, break_on_hyphens=False)
    formula, *more = wrap(row.formula, subsequent_indent="  ")
    yield row.name, formula, slots, rate, row.recommended_decay or "-", row.source
    if row.schedule:
        more.append(f"  {row.schedule}; weight decay {write_number(row.weight_decay)}")
    yield from (("", line, "", "", "", "") for line in more)


if __name__ == "__main__":
    sys.exit(main())
