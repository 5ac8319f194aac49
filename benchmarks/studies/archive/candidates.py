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
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.archive import ArchivedRule
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.ranking import read_found_rules

# Rules of several tasks are told apart by the screen's probe alone: its gradients are those of no task.
LIKENESS = Likeness(probe=0.995)
_ABOUT = ("algorithm", "preset", "seed", "space", "depth", "budget", "start")


class Searched(NamedTuple):
    """A search, and the best rules that it found.

    Attributes:
      name: Name of its directory.
      task, protocol: What it searched on.
      rules: Distinct `Rule`s, best first.
      about: What else an archive says of it.
    """

    name: str
    task: str
    protocol: str
    rules: Sequence[Rule]
    about: dict[str, Any]


class Candidate(NamedTuple):
    """A rule, and the name of the search that found it, on the task."""

    rule: Rule
    search: str


def read_searches(directories: Sequence[pathlib.Path], top: int) -> list[Searched]:
    """Reads the best `top` rules of each search.

    Raises:
      ValueError: If one is no search, or they differ in what an archive must have of one kind.
    """
    if not directories:
        raise ValueError("argument --searches: must name directories of searches. Received none.")
    try:
        found = [_read(directory, top) for directory in directories]
    except (OSError, ValueError, sqlite3.Error) as error:
        raise ValueError(f"argument --searches: {error}") from error
    names = [one.name for one in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"argument --searches: must have different names. Received twice: {twice}.")
    protocols = {(one.task, one.protocol) for one in found}
    if len({task for task, _ in protocols}) < len(protocols):
        raise ValueError("argument --searches: must have one protocol a task.")
    return found


def _read(directory, top):
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True, kind=SEARCH)) as ledger:
        config, steps = ledger.config, sum(ledger.count_steps().values())
        forms = {e.key: e.rule for e in ledger.evaluations("search")}
    task = config["task"]
    if not isinstance(task, str):
        task, *others = task
        if others:
            raise ValueError(f"{directory} searched on several tasks.")
    # What was tuned, was tuned for one task: other tasks begin with the form.
    rules = [forms.get(one.evaluation.form, one.rule) for one in read_found_rules(directory)[:top]]
    about = dict(task=task, protocol=config["protocol"], steps=steps, **{name: config.get(name) for name in _ABOUT})
    return Searched(directory.name, task, config["protocol"], rules, about)


def choose_candidates(searches: Sequence[Searched]) -> list[Candidate]:
    """Their rules, each behaviour once, and none of the known optimizers; the first of all searches come first.

    A rule is spelled as short as behaves alike, so that many spaces have it.
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
    """The rules whose behaviours have a smaller cosine than this with all better ones."""
    behaviours, kept = Behaviours([Screen().probe], Likeness(probe=cosine)), []
    for one in ordered:
        if behaviours.find(one.rule) is None:
            behaviours.add(str(len(kept)), one.rule)
            kept.append(one)
    return kept


def shorten(rule: Rule, screen: Screen) -> Rule:
    """The shortest rule that behaves as this one does on the screen's probe, and descends there."""

    def is_alike(other):
        return are_alike([screen.probe], LIKENESS, rule, other) and screen(other).rule == other

    return simplify(rule, is_alike)
