"""A search as its ledger has it: read once, checked, and then plain values."""

import contextlib
import math
import shlex
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS

LEDGER = "ledger.sqlite"
# What `nos-search` takes, by the name under which a ledger records it; what else one may record is no flag.
_NAMES = (
    "task", "protocol", "space", "depth", "algorithm", "preset", "budget", "seed", "seeds_per_rule", "unconstrained",
    "screen", "cache", "workers", "data_dir", "executor", "ray_address", "timeout",
)  # fmt: skip
FLAGS = {**{name: f"--{name}" for name in _NAMES}, "asynchronous": "--async"}
# A rule that nobody proposed could be a tree of 2^1000 words.
MAX_ITERATIONS = 64
MAX_WORDS = 1000


class NotARun(ValueError):
    """There is no search where one was said to be, or it is damaged; the message says what and where."""


@dataclass(frozen=True)
class RecordedSearch:
    """A search, or what there is of it so far.

    Attributes:
      place: The directory, as it was given.
      name: Its name.
      config: What `nos-search` recorded about the search.
      found: The `Evaluation`s of proposed rules, in order.
      baselines: (name, `Evaluation`) of the known optimizers, the best first.
      samples: Everything that was proposed, in order.
      counts: What became of it, as `Ledger.counts()`.
      versions: What it was computed with, a dict for each time that it changed.
    """

    place: Path
    name: str
    config: dict
    found: list
    baselines: list
    samples: list
    counts: dict
    versions: tuple = ()

    @property
    def top(self):
        """What was measured and works, the best first."""
        works = [e for e in self.found if e.status == "ok" or (e.status == "diverged" and e.reward > 0)]
        return rank(works)

    @property
    def finished(self):
        """Whether the budget is spent; None if there is none."""
        budget = self.config.get("budget")
        return self.counts["trained"] >= budget if isinstance(budget, int) else None


def read(place):
    """The `RecordedSearch` in a directory.

    Raises:
      NotARun: If there is none, or its ledger is of another release or damaged.
    """
    place = Path(place)
    ledger_path = place / LEDGER
    if not ledger_path.is_file():
        raise NotARun(f"{place} is not a run of nos-search: {ledger_path} does not exist.")
    try:
        with _snapshot(ledger_path) as ledger:
            config, counts, samples = ledger.config, ledger.counts(), ledger.samples()
            found, baselines = ledger.evaluations("search"), ledger.evaluations("baseline")
            versions = ledger.versions
        _check(config, versions, found + baselines, samples)
    except (ValueError, TypeError, KeyError, RecursionError, OSError, sqlite3.Error) as error:
        raise NotARun(f"{place} is not a run that can be read: {error}") from error
    return RecordedSearch(
        place, place.resolve().name, config, found, _named(baselines), samples, counts, tuple(versions)
    )


def reproduction(config):
    """The command that makes the run again, from what was recorded of it.

    Example:
      >>> from neural_optimizer_search.report.run import reproduction
      >>> reproduction({"task": "my module:task", "depth": 2, "unconstrained": True, "workers": None})
      "nos-search --task 'my module:task' --depth 2 --unconstrained"
    """
    words = ["nos-search"]
    for name, flag in FLAGS.items():
        value = config.get(name)
        if value is True:
            words.append(flag)
        elif isinstance(value, (str, int, float)) and value is not False:
            # With = a value that starts with a dash is no flag.
            words += [f"{flag}={value}"] if str(value).startswith("-") else [flag, str(value)]
    return shlex.join(words)


@contextlib.contextmanager
def _snapshot(path):
    """The `Ledger` as it is now: a search that writes meanwhile changes neither it nor, by us, the file."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory, LEDGER)
        with contextlib.closing(_read_only(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        with contextlib.closing(Ledger(copy)) as ledger:
            yield ledger


def _read_only(path):
    # Without a journal beside it nobody writes, and then SQLite need not leave files there, or be able to.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{path.resolve().as_uri()}?{mode}", uri=True)


def _named(baselines):
    names = {rule.canonical(): name for name, rule in KNOWN_OPTIMIZERS.items()}
    ranked = rank(baselines)
    return [(names.get(e.rule.canonical(), e.rule.formula()), e) for e in ranked]


# -- Checks ----------------------------------------------------------------------------------------


def _check(config, versions, evaluations, samples):
    """SQLite holds any value in any column: a ValueError for what no search writes."""
    if not all(isinstance(table, dict) for table in (config, *versions)):
        raise ValueError("its configuration or its versions are no table of names and values.")
    for rule in {one.rule for one in (*evaluations, *samples)}:
        if rule.depth > MAX_ITERATIONS or _words(rule) > MAX_WORDS:
            raise ValueError(f"it has a rule of more than {MAX_WORDS} words or {MAX_ITERATIONS} iterations.")
    for e in evaluations:
        numbers = (e.reward, e.accuracy, e.seconds, *e.rewards, *(rate for rate, _ in e.sweep))
        optional = (e.learning_rate, *(loss for _, loss in e.sweep))
        texts = (e.status, e.message, e.key)
        if not (
            all(map(_is_number, numbers))
            and all(value is None or _is_number(value) for value in optional)
            and all(isinstance(text, str) for text in texts)
        ):
            raise ValueError(f"the evaluation of {e.rule.formula()} has a value of another type.")
    if not all(_is_number(sample.reward) and isinstance(sample.key, str) for sample in samples):
        raise ValueError("a sample has a value of another type.")


def _is_number(value):
    # An int of any length is JSON, and no float.
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def _words(rule):
    sizes = []
    for op1, op2, *_ in rule.iterations:
        sizes.append(3 + sum(sizes[op] if isinstance(op, int) else 1 for op in (op1, op2)))
    return sizes[-1]


def is_plottable(value):
    """Whether a number has a place on an axis: differences of larger ones are not finite."""
    return value is not None and math.isfinite(value) and abs(value) < 1e100
