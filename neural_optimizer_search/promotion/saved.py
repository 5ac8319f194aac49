"""A promotion on disk: what it is, which rules take part, and a ledger for each rung."""

import contextlib
import dataclasses
import json
import os
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.promotion.candidates import Candidate
from neural_optimizer_search.records.ledger import Ledger

RECORD = "promotion.json"
LEADERBOARD = "leaderboard.txt"
# As of a search: what reads the one reads the other.
LEDGER = "ledger.sqlite"


@dataclass(frozen=True)
class PromotionConfig:
    """What defines a promotion.

    Attributes:
      run: The search's directory, as seen from the promotion's: both may be moved together.
      top: Rules that take part.
      task, protocol: What they are measured on.
      rungs, keep: As of `Halving`.
      seeds_per_rule: Trainings of each rule; None for the protocol's.
    """

    run: str
    top: int = 20
    task: str = "cifar10_wrn"
    protocol: str = "default"
    rungs: int = 3
    keep: float = 1 / 3
    seeds_per_rule: Optional[int] = None


def save(out, config, candidates):
    """Writes what a promotion is, whole or not at all."""
    rows = [
        dict(rank=c.rank, reward=c.reward, formula=c.rule.formula(), iterations=c.rule.iterations) for c in candidates
    ]
    unfinished = out / f"{RECORD}.unfinished"
    unfinished.write_text(json.dumps(dict(config=dataclasses.asdict(config), candidates=rows), indent=1) + "\n")
    os.replace(unfinished, out / RECORD)


def load(out):
    """(the `PromotionConfig`, the `Candidate`s), or None if there is no promotion in the directory.

    Raises:
      ValueError: If the file is not one that `save` wrote.
    """
    try:
        found = json.loads((out / RECORD).read_text())
        rows = [Candidate(Rule(row["iterations"]), row["rank"], row["reward"]) for row in found["candidates"]]
        return PromotionConfig(**found["config"]), rows
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{out / RECORD} is damaged: {error}") from error


def open_ledger(out, config, number):
    """The `Ledger` of a rung, which is made if there is none; that of the last rung is the promotion's result."""
    path = _ledger(out, config, number)
    new = None if path.exists() else dict(promotion=dataclasses.asdict(config), rung=number)
    return Ledger(path, new)


def progress(out, config):
    """The number of evaluations that each rung has so far."""
    counts = []
    for number in range(1, config.rungs + 1):
        if not _ledger(out, config, number).exists():
            counts.append(0)
            continue
        with contextlib.closing(Ledger(_ledger(out, config, number), read_only=True)) as ledger:
            counts.append(len(ledger.evaluations()))
    return counts


def _ledger(out, config, number):
    return out / (LEDGER if number == config.rungs else f"rung{number}.sqlite")
