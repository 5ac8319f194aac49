"""The best distinct rules of searches."""

import contextlib
import itertools
import pathlib
import sqlite3
from collections.abc import Sequence
from typing import Any, NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.behaviour import Behaviours, Likeness, are_alike
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.measuring.simplify import simplify
from neural_optimizer_search.records.ledger import SEARCH, Ledger
from neural_optimizer_search.records.roles import FOUND
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.archive import ArchivedRule
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.ranking import read_found_rules
from neural_optimizer_search.user_error import UserError

# Rules of several tasks are compared only by the screen's probe, because its gradients are those of no task.
LIKENESS = Likeness(probe=0.995)
_ABOUT = ("algorithm", "preset", "seed", "space", "depth", "budget", "start")


class Searched(NamedTuple):
    """A search, and the best rules that it found.

    Attributes:
      name: Name of its directory.
      task, protocol: Names of its task and protocol.
      rules: Distinct `Rule`s, best first.
      about: Everything else that an archive records about it.
    """

    name: str
    task: str
    protocol: str
    rules: Sequence[Rule]
    about: dict[str, Any]


class Candidate(NamedTuple):
    """A rule, and the name of the search that found it."""

    rule: Rule
    search: str


def read_searches(directories: Sequence[pathlib.Path], top: int) -> list[Searched]:
    """Reads the best `top` rules of each search.

    Raises:
      UserError: If there are none, one is not a search, two have the same name, or a task has several protocols.
    """
    if not directories:
        raise UserError("argument --searches: must name directories of searches. Received none.")
    try:
        found = [_read(directory, top) for directory in directories]
    except (OSError, UserError, sqlite3.Error) as error:
        raise UserError(f"argument --searches: {error}") from error
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"argument --searches: must have different names. Received twice: {twice}.")
    protocols = {(one.task, one.protocol) for one in found}
    if len({task for task, _ in protocols}) < len(protocols):
        raise UserError("argument --searches: must have one protocol a task.")
    return found


def _read(directory, top):
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True, kind=SEARCH)) as ledger:
        config, steps = ledger.run.config, sum(ledger.count_steps().values())
        forms = {e.key: e.rule for e in ledger.evaluations(FOUND)}
    task = config["task"]
    if not isinstance(task, str):
        task, *others = task
        if others:
            raise UserError(f"{directory} searched on several tasks.")
    # Constants were tuned for one task, so other tasks start from the form without them.
    rules = [forms.get(one.evaluation.form, one.rule) for one in read_found_rules(directory)[:top]]
    about = dict(task=task, protocol=config["protocol"], steps=steps, **{name: config.get(name) for name in _ABOUT})
    return Searched(directory.name, task, config["protocol"], rules, about)


def choose_candidates(searches: Sequence[Searched]) -> list[Candidate]:
    """The rules of searches, one per behaviour, without known optimizers; the best of each search come first.

    Each rule is shortened as far as its behaviour allows, so that many spaces contain it.
    """
    screen = Screen()
    behaviours = Behaviours([screen.probe], LIKENESS)
    for name, rule in KNOWN_OPTIMIZERS.items():
        behaviours.add(name, rule)
    chosen = []
    for rank in itertools.zip_longest(*(search.rules for search in searches)):
        for search, found in zip(searches, rank):
            rule = None if found is None else shorten(found, screen)
            if rule is not None and behaviours.find(rule) is None:
                behaviours.add(str(len(chosen)), rule)
                chosen.append(Candidate(rule, search.name))
    return chosen


def keep_different(ordered: Sequence[ArchivedRule], cosine: float) -> list[ArchivedRule]:
    """The rules whose behaviours have a smaller cosine than this with those of all better kept rules."""
    behaviours, kept = Behaviours([Screen().probe], Likeness(probe=cosine)), []
    for one in ordered:
        if behaviours.find(one.rule) is None:
            behaviours.add(str(len(kept)), one.rule)
            kept.append(one)
    return kept


def shorten(rule: Rule, screen: Screen) -> Rule:
    """The shortest rule that behaves like this one on the screen's probe, and descends there."""

    def is_alike(other):
        return are_alike([screen.probe], LIKENESS, rule, other) and screen(other).rule == other

    return simplify(rule, is_alike)
