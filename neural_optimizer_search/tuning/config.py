"""The flags of `nos-tune`."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from neural_optimizer_search.command_line import path, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks.config import TaskConfig
from neural_optimizer_search.tasks.protocol import REWARDS
from neural_optimizer_search.tuning.plan import REWARD, SEEDS, TRAININGS


@dataclass(frozen=True)
class TuneConfig(TaskConfig):
    """The flags that define a tuning; recorded in its directory."""

    # A trial is one training; `seeds` is the number of trainings of each finalist.
    seeds_per_rule: Optional[int] = None
    GROUPS: ClassVar[dict[str, str]] = {"rule": "what is tuned, and how"}

    rule: str = flag(
        "",
        "RUN#K, the K-th best rule of a search; a name that nos-optimizers lists; or a formula",
        positional=True,
        nargs="?",
        metavar="RULE",
    )
    budget: Optional[int] = flag(
        None,
        "total gradient steps over all trainings",
        parse=whole_number(1),
        metavar="STEPS",
        default_text=f"{TRAININGS} trainings",
        changeable=True,
    )
    seed: int = flag(0, "random seed of the tuner", parse=whole_number(0))
    seeds: int = flag(
        SEEDS, "number of fresh seeds with which the finalists are trained again", parse=whole_number(1, 1000)
    )
    reward: str = flag(
        REWARD, "how a training is scored; by default, by the mean of its last validations", choices=lambda: REWARDS
    )


@dataclass(frozen=True)
class PlaceConfig:
    """The directory of a tuning."""

    out: Optional[Path] = flag(
        None, "directory of the tuning", parse=path, default_text="a new one under runs", recorded=False
    )
    resume: Optional[Path] = flag(
        None, "directory of a tuning to continue", parse=path, metavar="RUN", recorded=False
    )
