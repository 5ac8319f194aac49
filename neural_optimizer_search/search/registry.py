"""The available algorithms: a row for each one of this package, and the entry points of all installed packages.

Your own package adds one with an entry point in the group `neural_optimizer_search.algorithms`, which names an
`AlgorithmEntry`:

    [options.entry_points]
    neural_optimizer_search.algorithms =
        mine = my_package:ENTRY
"""

import importlib
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.command_line import is_installed, is_own
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.search.algorithm import Algorithm
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.user_error import UserError

GROUP = "neural_optimizer_search.algorithms"
# The algorithms of this package.
_SHIPPED = {
    name: f"neural_optimizer_search.search.{module}:ENTRY"
    for name, module in {
        "random": "random_search",
        "evolution": "evolution",
        "local": "local",
        "exhaustive": "exhaustive",
        "settings": "settings",
    }.items()
}
# The default algorithm, the default in preset paper, and the fallback where these cannot run.
PREFERRED, OF_PAPER, FALLBACK = "guided", "ppo", "local"
OF_OWN_TASK = "settings"  # the default on a single task of the user's own


class UnknownAlgorithm(UserError):
    """There is no algorithm with this name, or it cannot run here; the message says why."""


class SearchSetting(NamedTuple):
    """The search for which an algorithm is created.

    Attributes:
      space: The `Space` of its rules.
      preset: "fast", or "paper" for the paper's hyperparameters; for algorithms that have both.
      seed: Seed of everything random in it.
      directory: The directory for state that the ledger does not have; not created yet.
      ledger: The `Ledger` of the run, to read: `steps` and `samples()` show what was learned from before.
      known: The evaluations of the known optimizers, which are measured before anything is proposed.
      protocol: The `Protocol` by which rules are measured; on several tasks, that of the first.
      start: The rules to begin with, for an algorithm that `tries_settings`; for others, they are measured before.
      batch_sizes: The number of rules of each proposal, for an algorithm with a `smallest_batch`.
    """

    space: Space
    preset: str
    seed: int
    directory: Path
    ledger: Ledger
    known: Sequence[Evaluation]
    protocol: Protocol
    start: Sequence[Start] = ()
    batch_sizes: BatchSizes = OWN


@dataclass(frozen=True)
class AlgorithmEntry:
    """A row of the registry.

    Args:
      title: Its name for the reader.
      make: Creates the algorithm from a `SearchSetting`.
      has_presets: Whether presets affect it.
      needs: What must be installed: name of a module -> its name for the reader, and how to install it, such as
        "SciPy: pip install scipy".
      defaults: Its own defaults for other flags, by the field of `SearchConfig`.
      tries_settings: Whether its proposals have `trials`; then it tries the start rules itself.
      batch, paper_batch: The number of rules in each of its proposals, and in preset paper if that differs; None if
        it is unknown. It is needed only to estimate how many workers are kept busy.
      smallest_batch: The fewest rules that it can be asked to propose at a time; None if it does not read
        `SearchSetting.batch_sizes`, and `--batch_size` is an error.
      most_strings: The most strings, legal or not, that a space may have for it; None for any number.
      check_state: Checks the files in `SearchSetting.directory`. It takes the directory, the run's id and the number
        of steps in the ledger, and returns a few words on the files, or raises `Damaged`. None if there are none.
    """

    title: str
    make: Callable[[SearchSetting], Algorithm]
    has_presets: bool = False
    needs: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    tries_settings: bool = False
    batch: Optional[int] = None
    paper_batch: Optional[int] = None
    smallest_batch: Optional[int] = None
    most_strings: Optional[int] = None
    check_state: Optional[Callable[[Path, str, int], str]] = None

    def find_batch(self, preset: str) -> Optional[int]:
        """The number of rules in each of its proposals in a preset; None if it is unknown."""
        return self.paper_batch if self.paper_batch and preset == "paper" else self.batch

    @property
    def missing(self) -> Optional[str]:
        """The text in `needs` of the first package that is missing; None if all are installed."""
        return next((text for name, text in self.needs.items() if not is_installed(name)), None)


def algorithm_names() -> list[str]:
    """The names of all algorithms, those of this package first."""
    return list(_places())


def find_algorithm(name: str) -> AlgorithmEntry:
    """Finds the `AlgorithmEntry` of a name.

    Raises:
      UnknownAlgorithm: If there is none, or the package that has it cannot be imported.
    """
    place = _places().get(name)
    if place is None:
        raise UnknownAlgorithm(f"must be one of: {', '.join(algorithm_names())}. Received: {name!r}.")
    module, _, attribute = place.partition(":")
    try:
        entry = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # whatever another package raises when it is imported
        raise UnknownAlgorithm(f"{name} cannot be loaded from {place}: {type(error).__name__}: {error}.") from error
    if not isinstance(entry, AlgorithmEntry):
        raise UnknownAlgorithm(f"{name} at {place} is not an AlgorithmEntry: {entry!r}.")
    return entry


def find_usable_algorithm(name: str) -> AlgorithmEntry:
    """Finds the `AlgorithmEntry` of a name, if it can run here.

    Raises:
      UnknownAlgorithm: As in `find_algorithm`, and if something that it needs is not installed.
    """
    entry = find_algorithm(name)
    if entry.missing:
        usable = [other for other in algorithm_names() if _is_usable(other)]
        raise UnknownAlgorithm(f"{name} needs {entry.missing}. Usable here: {', '.join(usable)}.")
    return entry


def preferred_algorithm(preset: str = "fast", tasks: Sequence[str] = ()) -> str:
    """The name of the algorithm that runs on these tasks by default, provided that it can run."""
    if preset == "paper":
        return OF_PAPER
    return OF_OWN_TASK if len(tasks) == 1 and is_own(tasks[0]) else PREFERRED


def default_algorithm(preset: str = "fast", tasks: Sequence[str] = ()) -> str:
    """The name of the algorithm that runs here by default."""
    preferred = preferred_algorithm(preset, tasks)
    return preferred if _is_usable(preferred) else FALLBACK


def title_of(name: str, preset: Optional[str] = None) -> str:
    """An algorithm's name for the reader, also if it is not installed here.

    Example:
      >>> from neural_optimizer_search.search.registry import title_of
      >>> title_of("evolution", "fast"), title_of("somebody's", "fast")
      ('Regularized evolution', "somebody's")
    """
    try:
        entry = find_algorithm(name)
    except UnknownAlgorithm:
        return name
    return f"{entry.title} ({preset})" if preset and entry.has_presets else entry.title


def _is_usable(name):
    try:
        return find_algorithm(name).missing is None
    except UnknownAlgorithm:
        return False


def _places():
    """Name -> "module:attribute"."""
    found = importlib.metadata.entry_points()
    # Before Python 3.10, this is a dict of lists.
    entries = found.select(group=GROUP) if hasattr(found, "select") else found.get(GROUP, ())
    others = {entry.name: entry.value.partition("[")[0].strip() for entry in entries}
    # Another package cannot redefine a name of this one.
    return {**_SHIPPED, **{name: place for name, place in others.items() if name not in _SHIPPED}}
