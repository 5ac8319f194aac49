"""A promotion on disk: what it is, which rules take part, and a ledger for each rung."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from neural_optimizer_search import flags
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import write_whole
from neural_optimizer_search.promotion.candidates import Candidate
from neural_optimizer_search.promotion.config import PromotionConfig
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER

RECORD = "promotion.json"


def save(out: Path, config: PromotionConfig, candidates: Sequence[Candidate]) -> None:
    """Writes what a promotion is, whole or not at all."""
    rows = [
        dict(rank=c.rank, reward=c.reward, formula=c.rule.formula(), iterations=c.rule.iterations) for c in candidates
    ]
    text = json.dumps(dict(config=flags.record(config), candidates=rows), indent=1)
    write_whole(out / RECORD, lambda path: path.write_text(f"{text}\n"))


def load(out: Path) -> Optional[tuple[PromotionConfig, list[Candidate]]]:
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


def open_ledger(out: Path, config: PromotionConfig, number: int) -> Ledger:
    """The `Ledger` of a rung, which is made if there is none; that of the last rung is the promotion's result."""
    path = _ledger(out, config, number)
    new = None if path.exists() else dict(promotion=flags.record(config), rung=number)
    return Ledger(path, new)


def count_evaluations(out: Path, config: PromotionConfig) -> list[int]:
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
