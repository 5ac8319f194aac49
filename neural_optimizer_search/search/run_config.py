"""The flags of a run of `nos-search` that its ledger does not record."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from neural_optimizer_search.command_line import path
from neural_optimizer_search.flags import flag
from neural_optimizer_search.search.recipes import RECIPES


@dataclass(frozen=True)
class RunConfig:
    """The flags that a search does not record, such as its directory."""

    GROUPS: ClassVar[dict[str, str]] = {"recipe": "the run"}

    recipe: Optional[str] = flag(
        None,
        "a search as a paper describes it: stands for flags, which it prints; flags that are given take precedence",
        choices=RECIPES,
        recorded=False,
    )
    out: Optional[Path] = flag(
        None, "directory of the run", parse=path, default_text="a new one under runs", recorded=False
    )
    resume: Optional[Path] = flag(None, "directory of a run to continue", parse=path, metavar="RUN", recorded=False)
    check: Optional[Path] = flag(
        None,
        "only check whether the files of a run are intact and belong together",
        parse=path,
        metavar="RUN",
        recorded=False,
    )
    describe: bool = flag(
        False,
        "only say what would be trained, and how long it would take; nothing is written but data that are downloaded",
        recorded=False,
    )
    changed_task: bool = flag(
        False,
        "resume although your own task has changed; the earlier rewards are kept alongside new ones",
        recorded=False,
    )
