"""The rule that a person names: of a run, of the catalogue, or by its formula."""

import difflib
import os
from pathlib import Path

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, normalize_name
from neural_optimizer_search.search.ranking import read_found_rules


def find_rule(text: str) -> Rule:
    """The rule of a text: RUN#K is that of rank K in the leaderboard of the run in a directory.

    Raises:
      ValueError: If there is none; the message says why.
      OSError, sqlite3.Error: If a run cannot be read.
    """
    run, mark, place = text.rpartition("#")
    if mark and place.isdecimal():
        if not run:
            raise ValueError(f"must be RUN#K, where RUN is the directory of a run. Received: {shorten(text)!r}.")
        return _find_in_run(run, int(place))
    name = normalize_name(text)
    if name in CATALOGUE:
        return CATALOGUE[name].rule
    try:
        return parse_formula(text)
    except FormulaError as error:
        close = ", ".join(difflib.get_close_matches(name, CATALOGUE))
        if os.path.isdir(text):
            raise ValueError(f"must be RUN#K. For the best rule of this run: {text}#1") from None
        reason = str(error).splitlines()[0].replace("Argument `formula`", "it", 1).rstrip(":.")
        raise ValueError(
            "must be RUN#K, the K-th best rule of a run; a name of the catalogue, which the command nos-optimizers "
            f"lists; or a formula. Received: {shorten(text)!r}; as a formula, {reason}."
            f"{close and f' Names like it: {close}.'}"
        ) from None


def _find_in_run(run, place):
    if place < 1:
        raise ValueError(f"must be RUN#K with K at least 1. Received: {place}.")
    try:
        found = read_found_rules(Path(run))
    except FileNotFoundError as error:
        raise ValueError(f"{run} is not a run of nos-search: {error}") from None
    if place > len(found):
        raise ValueError(
            f"must be RUN#K with K at most {len(found)}: so many rules of {run} trained to the end and are no known "
            f"optimizer. Received: {place}."
        )
    return found[place - 1].rule
