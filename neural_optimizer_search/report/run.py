"""A search as its ledger has it: read once, checked, and then plain values."""

import contextlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from neural_optimizer_search import flags
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger, Sample
from neural_optimizer_search.records.run_directory import LEDGER, rank
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS


class NotARun(ValueError):
    """There is no search where one was said to be, or it is damaged; the message says what and where."""


class KnownOptimizer(NamedTuple):
    """A known optimizer, measured as the rules of the search were.

    Attributes:
      name: Its name, such as "Adam".
      evaluation: Its `Evaluation`.
    """

    name: str
    evaluation: Evaluation


@dataclass(frozen=True)
class RecordedSearch:
    """A search, or what there is of it so far.

    Attributes:
      place: The directory, as it was given.
      name: The directory's name.
      config: What `nos-search` recorded about the search.
      found: The `Evaluation`s of proposed rules, in order.
      baselines: The known optimizers, the best first.
      samples: Everything that was proposed, in order.
      counts: How many samples there are and what became of them, as `Ledger.counts()` gives it.
      versions: What the search was computed with, one dict for each time that it changed.
    """

    place: Path
    name: str
    config: dict[str, Any]
    found: list[Evaluation]
    baselines: list[KnownOptimizer]
    samples: list[Sample]
    counts: dict[str, int]
    versions: tuple[dict[str, str], ...] = ()

    @property
    def top(self) -> list[Evaluation]:
        """The rules that were measured and that work, the best first."""
        works = [e for e in self.found if e.status == "ok" or (e.status == "diverged" and e.reward > 0)]
        return rank(works)

    @property
    def is_finished(self) -> Optional[bool]:
        """Whether the budget is spent; None if there is no budget."""
        budget = self.config.get("budget")
        return self.counts["trained"] >= budget if isinstance(budget, int) else None


def read(place: Union[str, Path]) -> RecordedSearch:
    """Reads the search in a directory.

    Args:
      place: The directory. A search may be writing there.

    Returns:
      The `RecordedSearch`.

    Raises:
      NotARun: If there is none, or its ledger is of another release or damaged.
    """
    place = Path(place)
    ledger_path = place / LEDGER
    try:
        with contextlib.closing(Ledger(ledger_path, read_only=True)) as ledger:
            config, versions, counts, samples = ledger.config, ledger.versions, ledger.counts(), ledger.samples()
            found, baselines = ledger.evaluations("search"), ledger.evaluations("baseline")
    except FileNotFoundError:
        raise NotARun(f"{place} is not a run of nos-search: {ledger_path} does not exist.") from None
    except (ValueError, OSError, sqlite3.Error) as error:
        raise NotARun(f"{place} is not a run that can be read: {error}") from error
    return RecordedSearch(
        place=place,
        name=place.resolve().name,
        config=config,
        found=found,
        baselines=_name_baselines(baselines),
        samples=samples,
        counts=counts,
        versions=tuple(versions),
    )


def _name_baselines(evaluations):
    names = {rule.canonical(): name for name, rule in KNOWN_OPTIMIZERS.items()}
    ranked = rank(evaluations)
    return [KnownOptimizer(names.get(e.rule.canonical(), e.rule.formula()), e) for e in ranked]


# -- The command that repeats it -------------------------------------------------------------------


def reproduction(config: Mapping[str, Any]) -> str:
    """The command that makes the run again, from what was recorded of it.

    Example:
      >>> from neural_optimizer_search.report.run import reproduction
      >>> reproduction({"task": "my module:task", "depth": 2, "unconstrained": True, "workers": None})
      "nos-search --task 'my module:task' --depth 2 --unconstrained"
    """
    return flags.command("nos-search", SearchConfig, config)
