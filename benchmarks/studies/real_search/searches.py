"""The searches by `nos-search`, each in its own directory."""

import pathlib
from typing import Any, NamedTuple

from benchmarks.studies.common.searches import run_search
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import BASELINE, FOUND
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS


class Searched(NamedTuple):
    """The contents of a search's ledger.

    Attributes:
      counts: Number of rules sampled, screened, and so on.
      trained: Evaluations of the trained rules up to the budget, in order.
      known: Name -> reward of the known optimizers.
    """

    counts: dict[str, int]
    trained: list[Evaluation]
    known: dict[str, float]


def search_directory(name: str, seed: int, config: Any) -> pathlib.Path:
    """The directory of a search."""
    return config.runs / f"{config.task}-{name}-{seed}"


def search_with(name: str, seed: int, config: Any) -> None:
    """Runs one search, from where it stopped.

    Raises:
      StudyFailed: If the search fails; `nos-search` has printed the reason.
    """
    # Without a cache, so that no algorithm receives what another has trained. Every rule is measured in full, so that
    # a number of rules means the same for all algorithms; `same_steps` compares that with the defaults.
    given = dict(
        task=config.task,
        protocol=config.protocol,
        algorithm=name,
        seed=seed,
        space=config.space,
        depth=config.depth,
        cache="none",
        alike="off",
        racing="off",
    )
    run_search(
        search_directory(name, seed, config),
        given,
        dict(budget=config.budget, fresh_seeds=0, data_dir=config.data_dir),
    )


def read_search(directory: pathlib.Path, budget: int) -> Searched:
    """Reads a search's ledger, with its trained rules up to the budget."""
    ledger = Ledger(directory / LEDGER, read_only=True)
    rewards = {e.rule: e.reward for e in ledger.evaluations(BASELINE)}
    known = {name: rewards[rule] for name, rule in KNOWN_OPTIMIZERS.items()}
    found = Searched(ledger.counts(), ledger.evaluations(FOUND)[:budget], known)
    ledger.close()
    return found
