"""The flags of `nos-promote`."""

import argparse
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from neural_optimizer_search.command_line import path, path_text, shorten, whole_number
from neural_optimizer_search.flags import flag, with_default
from neural_optimizer_search.search.known_optimizers import BaselineConfig
from neural_optimizer_search.tasks.config import TaskConfig
from neural_optimizer_search.workers.config import WorkerConfig


def _share(text):
    with contextlib.suppress(ValueError, ZeroDivisionError):
        # Floats, because a Fraction of 1e-999999999 would use up all memory.
        over, slash, under = text.partition("/")
        share = float(over) / float(under) if slash else float(over)
        if 0 < share < 1:
            return share
    raise argparse.ArgumentTypeError(
        f"must be more than 0 and less than 1, such as 1/3 or 0.5. Received: {shorten(text)}."
    )


@dataclass(frozen=True)
class PromotionConfig(BaselineConfig, WorkerConfig, TaskConfig):
    """The flags that define a promotion; recorded in its directory.

    The search is recorded relative to that directory, so that both may be moved together.
    """

    task: str = with_default(TaskConfig, "task", "cifar10_wrn")
    GROUPS: ClassVar[dict[str, str]] = {"run": "what is promoted, and how"}

    run: str = flag("", "directory of a search", parse=path_text, positional=True, metavar="RUN")
    top: int = flag(20, "rules that take part", parse=whole_number(1, 100_000))
    rungs: int = flag(3, "rounds of training", parse=whole_number(1, 100))
    keep: float = flag(1 / 3, "share of a rung that goes on, such as 1/2", parse=_share, default_text="1/3")


@dataclass(frozen=True)
class OutConfig:
    """The directory of a promotion."""

    out: Optional[Path] = flag(
        None, "directory of the promotion", parse=path, default_text="RUN/promoted-TASK", recorded=False
    )
