"""A promotion on disk: its definition, the rules that take part, and a ledger for each rung."""

import contextlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged, read_text, write_whole
from neural_optimizer_search.measuring.kept_runs import find_directory, is_of_rule
from neural_optimizer_search.promotion.candidates import Candidate
from neural_optimizer_search.promotion.config import PromotionConfig
from neural_optimizer_search.recorded_flags import check_recorded, complete, record
from neural_optimizer_search.records.ledger import PROMOTION, Ledger
from neural_optimizer_search.records.rows import read_rule
from neural_optimizer_search.records.run_directory import LEDGER, PROMOTION_FILE

# The directory in which workers keep trainings that may be continued.
TRAININGS = "trainings"
# Version of the file's format. In the first release, each rung trained from scratch.
_VERSION = 2


class Promotion(NamedTuple):
    """The definition of a promotion.

    Attributes:
      run_id: Its unique name, which the ledgers of its rungs also have.
      config: Its `PromotionConfig`.
      candidates: The `Candidate`s that take part.
    """

    run_id: str
    config: PromotionConfig
    candidates: list[Candidate]


def save(out: Path, config: PromotionConfig, candidates: Sequence[Candidate]) -> Promotion:
    """Writes the definition of a new promotion atomically; raises a FileExistsError if there already is one."""
    run_id = uuid.uuid4().hex
    rows = list(map(_write_candidate, candidates))
    text = json.dumps(dict(version=_VERSION, id=run_id, config=record(config), candidates=rows), indent=1)
    write_whole(out / PROMOTION_FILE, lambda path: path.write_text(f"{text}\n"), replace=False)
    return Promotion(run_id, config, list(candidates))


def load(out: Path) -> Optional[Promotion]:
    """The `Promotion` in a directory, or None if there is none.

    Raises:
      OSError: If it cannot be read.
      Damaged: If `save` did not write the file, or an earlier release did.
    """
    try:
        found = json.loads(read_text(out / PROMOTION_FILE))
        check_recorded(PromotionConfig, found["config"])
        candidates = [_read_candidate(row) for row in found["candidates"]]
        if not (isinstance(found["id"], str) and candidates):
            raise Damaged("it names no run, or no rules.")
        if len({c.rank for c in candidates}) < len(candidates) or len({c.rule for c in candidates}) < len(candidates):
            raise Damaged("it has a rule, or a rank, twice.")
        if found["version"] != _VERSION:
            raise Damaged(f"it is of version {found['version']!r:.30}, and this release reads {_VERSION}.")
        return Promotion(found["id"], PromotionConfig(**complete(PromotionConfig, found["config"])), candidates)
    except FileNotFoundError:
        return None
    except KeyError as error:
        if error.args == ("version",):
            raise Damaged(f"{out / PROMOTION_FILE} is of an earlier release, whose rungs trained anew.") from error
        raise Damaged(f"{out / PROMOTION_FILE} is damaged: it lacks {error}, or is of another release.") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"{out / PROMOTION_FILE} is damaged: {error}") from error


def _write_candidate(candidate):
    rank, rule = candidate.rank, candidate.rule
    row = dict(rank=rank, reward=candidate.reward, formula=rule.formula(), iterations=rule.iterations)
    constants = rule.constants.changes()
    return {**row, "constants": constants} if constants else row


def _read_candidate(row):
    rank, reward = row["rank"], row["reward"]
    if not (type(rank) is int and rank > 0 and isinstance(reward, float) and math.isfinite(reward)):
        raise Damaged(f"a rule has the rank {rank!r:.30} and the reward {reward!r:.30}.")
    rule = {name: row[name] for name in ("iterations", "constants")} if "constants" in row else row["iterations"]
    return Candidate(read_rule(json.dumps(rule)), rank, reward)


def open_ledger(out: Path, promotion: Promotion, number: int) -> Ledger:
    """Opens or creates the `Ledger` of a rung; the ledger of the last rung is the promotion's result.

    Raises:
      NotThisRun: If there is a ledger of something else in its place.
      Damaged, OSError, sqlite3.Error: If it cannot be used.
    """
    path = _place(out, promotion, number)
    with contextlib.suppress(FileExistsError):
        new = dict(promotion=record(promotion.config), rung=number)
        return Ledger(path, new, kind=PROMOTION, run_id=promotion.run_id)
    return Ledger(path, kind=PROMOTION, run_id=promotion.run_id)


def count_evaluations(out: Path, promotion: Promotion) -> list[int]:
    """The number of evaluations that each rung has so far; raises the same errors as `open_ledger`."""
    counts = []
    for number in range(1, promotion.config.rungs + 1):
        path = _place(out, promotion, number)
        if not path.exists():
            counts.append(0)
            continue
        kept = Ledger(path, read_only=True, kind=PROMOTION, run_id=promotion.run_id)
        with contextlib.closing(kept) as ledger:
            counts.append(len(ledger.evaluations()))
    return counts


def make_trainings(out: Path) -> Path:
    """Returns the directory of the trainings, or the target of a link with its name; creates it if necessary.

    Raises:
      Damaged: If something else has its name.
      OSError: If it cannot be made.
    """
    directory = out.resolve() / TRAININGS
    if os.path.lexists(directory) and not directory.is_dir():
        raise Damaged(f"{directory} is not a directory, so that trainings cannot be kept there. Remove it.")
    directory.mkdir(exist_ok=True)
    return directory


def clear_trainings(out: Path, but: Iterable[Rule] = ()) -> None:
    """Removes the trainings that are not continued, and nothing else in their directory.

    Args:
      out: Directory of the promotion.
      but: The rules whose trainings are kept.
    """
    directory = out / TRAININGS
    stay = {find_directory(directory, rule) for rule in but}
    for place in directory.iterdir():
        if is_of_rule(place) and place not in stay:
            shutil.rmtree(place)
    if not stay and not directory.is_symlink():
        with contextlib.suppress(OSError):  # other files stay
            directory.rmdir()


def rung_files(config: PromotionConfig) -> list[str]:
    """The names of the ledgers of all rungs, in order."""
    return [*(f"rung{number}.sqlite" for number in range(1, config.rungs)), LEDGER]


def _place(out, promotion, number):
    return out / rung_files(promotion.config)[number - 1]
