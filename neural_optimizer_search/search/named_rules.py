"""The rules that a user names: from a run, from the catalogue, by their formulas, or in a file."""

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Optional

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged, read_text
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, normalize_name
from neural_optimizer_search.records.rows import Start, require_recordable
from neural_optimizer_search.records.run_directory import say_no_search
from neural_optimizer_search.search.archive import read_archive
from neural_optimizer_search.search.known_optimizers import describe_unknown
from neural_optimizer_search.search.ranking import SHOWN, read_found_rules
from neural_optimizer_search.user_error import UserError

RUN = "run:"
ARCHIVE, PUBLISHED, NONE = "archive", "catalogue", "none"


def find_rule(text: str, task: str = "") -> Start:
    """Finds the rule that a text names, with the setting that its run or the catalogue has for it.

    Args:
      text: A name from the catalogue; a formula; or RUN#K, the rule of rank K in the leaderboard of the run in
        directory RUN.
      task: The task whose setting counts if a rule of a run has several; see `Evaluation.find_setting`.

    Raises:
      UserError: If there is no such rule; the message says why.
      Damaged, OSError, sqlite3.Error: If a run cannot be read.
    """
    if _has_place(text):
        e = _find_in_run(text).evaluation
        return Start(e.rule, e.find_setting(task))
    try:
        return _parse(text)
    except UserError as error:
        if os.path.isdir(text):
            raise UserError(f"must be RUN#K. For the best rule of this run: {text}#1") from None
        raise UserError(
            "must be RUN#K, the K-th best rule of a run; a name of the catalogue, which the command nos-optimizers "
            f"lists; or a formula. {error}"
        ) from None


def find_run(text: str) -> Optional[Path]:
    """The directory of the run whose rule a text names as RUN#K; None if the text is no such name."""
    return Path(_split_place(text)[0]) if _has_place(text) else None


def find_starts(texts: Sequence[str]) -> list[Start]:
    """Finds the rules that texts name, each once, in their order, with the settings of their search or tuning.

    Args:
      texts: Formulas, names from the catalogue and other texts that `find_rule` accepts; names of files: text files
        with a formula, a name or a `Rule.to_json` per line and comments after "#", or JSON files with a list of
        rules; "run:RUN", the best rules of a run; "catalogue", the published rules; "archive", the shipped best rules
        of other searches. Or "none" alone.

    Raises:
      UserError: If a text names no rule; the message says which, and why.
      Damaged, OSError, sqlite3.Error: If a file or a run cannot be read.

    Example:
      >>> from neural_optimizer_search.search.named_rules import find_starts
      >>> [start.rule.formula() for start in find_starts(["Adam", "sign(m) * g, beta_1=0.5", "1 * Adam"])]
      ['Adam', 'sign(m) * g, beta_1=0.5']
    """
    if NONE in texts and len(texts) > 1:
        raise UserError(f"must be {NONE} alone, or rules. Received: {shorten(' '.join(texts))}.")
    found: dict[str, Start] = {}
    for text in texts:
        for start in _find_some(text):
            key = start.rule.canonical()
            if key not in found or (start.tuned and not found[key].tuned):
                found[key] = start._replace(rule=require_recordable(start.rule))
    return list(found.values())


def read_starts(path: Path) -> list[Start]:
    """Reads the rules of a file; see `find_starts`.

    Raises:
      Damaged: If it has no rules, or something that is not a rule; the message names file and line.
      OSError: If it cannot be read.
    """
    text = read_text(path)
    found = _read_json(text, path) if path.suffix == ".json" else list(_read_lines(text, path))
    if not found:
        raise Damaged(f"{path} has no rule: one formula per line was expected.")
    return found


# -- One text --------------------------------------------------------------------------------------


def _find_some(text: str) -> Iterable[Start]:
    if text.startswith(RUN) and not _has_place(text):
        return map(_make_start, _find_best(text.removeprefix(RUN)))
    if _has_place(text):
        return [_make_start(_find_in_run(text))]
    return _find_others(text)


def _make_start(contender):
    """The `Start` of a rule of a run, with its setting unless a sweep found it: a search sweeps the rates itself."""
    e = contender.evaluation
    is_tuned = e.has_one_setting and not e.sweep
    return Start(e.rule, e.find_setting() if is_tuned else None)


def _make_named_start(row):
    """The `Start` of a row of the catalogue, with its setting if it was found with one."""
    return Start(row.rule, (row.learning_rate, row.schedule, row.weight_decay) if row.schedule else None)


def _find_others(text):
    """The rules of a text that does not name a run."""
    if text == NONE:
        return []
    if text == PUBLISHED:
        return [_make_named_start(row) for row in CATALOGUE.values()]
    if text == ARCHIVE:
        return [Start(one.rule) for one in read_archive().rules]
    try:
        return [_parse(text)]
    except UserError as error:
        if os.path.isdir(text):
            raise UserError(f"must not be a directory. For the best rules of a run: {RUN}{text}") from None
        if os.path.lexists(text):
            return read_starts(Path(text))
        raise UserError(
            f"must be formulas, names of the catalogue, files of these, {RUN}RUN#K, {RUN}RUN, {PUBLISHED}, {ARCHIVE} "
            f"or {NONE}. {error} There is no such file either."
        ) from None


def _has_place(text):
    return bool(re.fullmatch(".*#[0-9]{1,9}", text, re.DOTALL)) and not _is_formula(text)  # such as "m + eps#1"


def _is_formula(text):
    try:
        parse_formula(text)
    except FormulaError:
        return False
    return True


def _parse(text):
    """The `Start` of a name or a formula; raises a UserError whose message begins with what was received."""
    name = normalize_name(text)
    if name in CATALOGUE:
        return _make_named_start(CATALOGUE[name])
    try:
        return Start(parse_formula(text))
    except FormulaError as error:
        raise UserError(describe_unknown(text, error)) from None


# -- Runs and files --------------------------------------------------------------------------------


def _split_place(text):
    """RUN and K of RUN#K."""
    run, _, place = text.removeprefix(RUN).rpartition("#")
    return run, int(place)


def _find_in_run(text):
    """The contender that RUN#K names."""
    run, place = _split_place(text)
    if not run:
        raise UserError(f"must be RUN#K, where RUN is the directory of a run. Received: {shorten(text)!r}.")
    if place < 1:
        raise UserError(f"must be RUN#K with K at least 1. Received: {place}.")
    found = _read_run(run)
    if place > len(found):
        raise UserError(
            f"must be RUN#K with K at most {len(found)}, the number of rules of {run} that trained to the end, "
            f"without known optimizers. Received: {place}."
        )
    return found[place - 1]


def _find_best(run):
    if not run:
        raise UserError(f"must be {RUN}RUN, where RUN is the directory of a run. Received: {RUN!r}.")
    return _read_run(run)[:SHOWN]


def _read_run(run):
    try:
        found = read_found_rules(Path(run))
    except FileNotFoundError as error:
        raise UserError(say_no_search(Path(run), error)) from None
    if not found:
        raise UserError(f"must be rules, and none of {run} trained to the end, apart from known optimizers.")
    return found


def _read_lines(text, path):
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        is_json = line.startswith("{")
        formula = line if is_json else line.partition("#")[0].strip()
        if formula:
            try:
                yield Start(Rule.from_json(formula)) if is_json else _parse(formula)
            except ValueError as error:
                raise Damaged(f"line {number} of {path} is neither a formula nor a name. {error}") from None


def _read_json(text, path) -> list[Start]:
    """A rule, a list of rules, or an object with them under "rules"."""
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{path} is not JSON: {error!s:.100}.") from None
    if isinstance(content, dict) and "rules" in content:
        content = content["rules"]
    entries = content if isinstance(content, list) else [content]
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(Start(Rule.from_json(json.dumps(entry))))
        except (ValueError, RecursionError):
            raise Damaged(f"entry {number} of {path} is not a rule as Rule.to_json writes it.") from None
    return found
