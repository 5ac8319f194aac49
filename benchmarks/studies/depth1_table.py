r"""A table of the reward of every distinct rule of depth 1, to compare search algorithms without training.

    nos-search --algorithm exhaustive --unconstrained --space arxiv2017_no_decay --depth 1 \
        --seeds_per_rule 3 --alike off --racing off --out RUN
    python -m benchmarks.run depth1_table RUN

The first command trains for an hour or two on two cores; the second writes its ledger to `TABLE`.
"""

import contextlib
import csv
import functools
import gzip
import io
import json
import os
import pathlib
import statistics
import zlib
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from benchmarks.studies.common import RESULTS
from neural_optimizer_search import Rule
from neural_optimizer_search.command_line import path
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.dsl.search_space import SearchSpace
from neural_optimizer_search.files import require_regular, write_whole
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.user_error import UserError

TITLE = "the reward of every distinct rule of depth 1, as a file for search_algorithms"
TABLE = RESULTS / "digits_depth1.csv.gz"
_BEGINNING = '# {"config"'
COLUMNS = ("key", "status", "learning_rate", "accuracy", "rewards", "rule", "formula")


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    run: Optional[pathlib.Path] = flag(
        None, "directory of the exhaustive search", parse=path, positional=True, metavar="RUN"
    )
    table: pathlib.Path = flag(TABLE, "file to write", parse=path, default_text="the one in benchmarks/results")


def run(config: Config) -> dict[str, Any]:
    """Writes the table of a finished search; returns its size and its best rewards."""
    try:
        ledger = Ledger(config.run / LEDGER, read_only=True)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"argument RUN: {config.run} is not a run of nos-search: {error}") from None
    rows = write_table(ledger, config.table)
    rewards = sorted((e.reward for e in ledger.evaluations()), reverse=True)
    print(f"{rows} rules -> {config.table} ({config.table.stat().st_size / 1e3:.0f} kB)")
    quantiles = {f"top_{share:g}": rewards[max(0, round(share * rows) - 1)] for share in (0.001, 0.01, 0.1, 0.5)}
    return dict(rules=rows, best=rewards[0], counts=ledger.counts(), **quantiles)


def write_table(ledger: Ledger, path: pathlib.Path = TABLE) -> int:
    """Writes the evaluations of a ledger, baselines included, best first; returns their number."""
    evaluations = sorted(ledger.evaluations(), key=lambda e: (-e.reward, e.key))
    config = {key: value for key, value in ledger.run.config.items() if key not in ("workers", "data_dir", "cache")}
    header = json.dumps({"config": config, "tensorflow": tf.__version__})
    _require_replaceable(path)
    write_whole(path, lambda unfinished: _write_rows(unfinished, header, evaluations))
    return len(evaluations)


def _require_replaceable(path):
    """Checks that the file at this path, if any, is a table of this study."""
    if not os.path.lexists(path):
        return
    require_regular(path)
    with contextlib.suppress(OSError, EOFError, zlib.error), gzip.open(path) as file:
        if file.read(len(_BEGINNING)) == _BEGINNING.encode():
            return
    raise UserError(f"argument --table: {path} is not a table of this study, so it is left as it is.")


def _write_rows(path, header, evaluations):
    # The archive has no name and no time in its header, so that the same table gives the same file.
    with (
        open(path, "wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as archive,
        io.TextIOWrapper(archive, newline="") as text,
    ):
        text.write(f"# {header}\n")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for e in evaluations:
            rate = "" if e.learning_rate is None else f"{e.learning_rate:.4g}"
            rewards = " ".join(f"{reward:.5f}" for reward in e.rewards)
            rule = " ".join(" ".join(map(str, iteration)) for iteration in e.rule.iterations)
            table.writerow([e.key, e.status, rate, f"{e.accuracy:.4f}", rewards, rule, e.rule.formula()])


def read_space(path: pathlib.Path = TABLE) -> SearchSpace:
    """The `SearchSpace` of the table's rules."""
    with gzip.open(path, "rt") as file:
        config = json.loads(file.readline().removeprefix("# "))["config"]
    found = search_space(config["space"], config["depth"])
    return found.unconstrained() if config["unconstrained"] else found


@functools.lru_cache(maxsize=1)  # a process replays many searches on one table
def read_table(path: pathlib.Path = TABLE) -> dict[str, Evaluation]:
    """Reads the table: key -> `Evaluation`."""
    with gzip.open(path, "rt") as file:
        rows = csv.DictReader(line for line in file if not line.startswith("#"))
        return {row["key"]: _read_evaluation(row) for row in rows}


def _read_evaluation(row):
    # "0" is the output of the first iteration, which a flipped rule negates.
    words = [0 if word == "0" else word for word in row["rule"].split()]
    rewards = tuple(map(float, row["rewards"].split()))
    return Evaluation(
        rule=Rule(tuple(zip(*[iter(words)] * 5))),
        reward=statistics.fmean(rewards),
        status=row["status"],
        message="From the table.",
        learning_rate=float(row["learning_rate"]) if row["learning_rate"] else None,
        accuracy=float(row["accuracy"]),
        rewards=rewards,
        sweep=(),
        seconds=0.0,
        key=row["key"],
    )
