"""The flags that define a search, and their defaults."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Optional

from neural_optimizer_search.command_line import is_own, number, path_text, whole_number
from neural_optimizer_search.dsl.composed import COMPOSED, ComposedSpace
from neural_optimizer_search.dsl.presets import PRESETS, search_space
from neural_optimizer_search.dsl.search_space import MAX_DEPTH
from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.flags import flag, with_default
from neural_optimizer_search.records.cache_file import NAME
from neural_optimizer_search.search.archive import BESIDE_ARCHIVE, FOUND_NAMES, MUONS
from neural_optimizer_search.search.constants import ConstantsConfig
from neural_optimizer_search.search.known_optimizers import THE_FIVE, THE_TEN, BaselineConfig
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.named_rules import ARCHIVE, NONE, PUBLISHED, RUN
from neural_optimizer_search.search.ranking import FRESH_SEEDS
from neural_optimizer_search.search.registry import (
    FALLBACK,
    OF_OWN_TASK,
    OF_PAPER,
    PREFERRED,
    AlgorithmEntry,
    algorithm_names,
)
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.tasks.config import TaskConfig
from neural_optimizer_search.tasks.protocol import Protocol, Racing
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.workers.config import WorkerConfig

HYPERPARAMETERS = ("paper", "fast")
NO_CACHE = "none"
MOST_RULES = 10_000  # maximum in a proposal
# The share of gradient steps that tune constants: the default on the user's own task, and the maximum.
OWN_CONSTANTS, MOST_CONSTANTS = 0.4, 0.9


def _parse_start(text):
    if not text.strip():
        raise argparse.ArgumentTypeError(f"must name rules. Received: {text!r}.")
    return text.strip()


@dataclass(frozen=True)
class SearchConfig(BaselineConfig, WorkerConfig, TaskConfig):
    """The flags that define a search; its ledger records them."""

    GROUPS: ClassVar[dict[str, str]] = {
        "space": "what is proposed, and by which algorithm",
        "budget": "when the search ends",
        "seed": "where it begins",
        "unconstrained": "what is trained, and for how long",
        "batch_size": "how workers are kept busy",
    }

    baselines: str = with_default(
        BaselineConfig, "baselines", THE_TEN, f"{THE_TEN}; settings {THE_FIVE}".replace(",", ", ")
    )
    task: tuple[str, ...] = flag(
        ("digits",),
        f"what rules are measured on: {', '.join(TASKS)}, or module:attribute of your own; of several tasks, the "
        "reward is the mean score, with tuned SGD 0 and tuned Adam 1 on each",
        nargs="+",
        metavar="TASK",
        is_local=is_own,
    )
    space: str = flag(
        "arxiv2017_no_decay",
        "which rules may be proposed",
        choices=(*PRESETS, COMPOSED),
        default_text=f"{COMPOSED}; arxiv2017_no_decay with --depth or --unconstrained, and in preset paper",
    )
    depth: Optional[int] = flag(
        2,
        f"iterations n of the language, for strings of 5n tokens; {COMPOSED} has none",
        parse=whole_number(1, MAX_DEPTH),
        choices=range(1, MAX_DEPTH + 1),
        may_be_none=True,
    )
    algorithm: str = flag(
        PREFERRED,
        "which algorithm proposes rules",
        choices=algorithm_names,
        default_text=f"{PREFERRED}; without TF-Agents {FALLBACK}; for a task of your own {OF_OWN_TASK}; in preset "
        f"paper {OF_PAPER}",
    )
    preset: str = flag(
        "fast",
        "the controller's settings; the paper's need many thousands of rules, and turn off --screen, --alike, "
        "--racing, --start and --constants",
        choices=HYPERPARAMETERS,
    )
    budget: Optional[int] = flag(
        300,
        "rules to train; rules that are screened out, repeated or cached are free",
        parse=whole_number(1),
        default_text="300; settings 500; exhaustive, or with --steps, --minutes or --patience: all",
        changeable=True,
        may_be_none=True,
    )
    steps: Optional[int] = flag(
        None,
        "gradient steps to spend, including those of the known optimizers; fresh seeds come on top",
        parse=whole_number(1),
        default_text="no limit",
        changeable=True,
    )
    minutes: Optional[float] = flag(
        None,
        "minutes to search; the start and the known optimizers come before them, and rules in training and the fresh "
        "seeds after; a resumed run gets this many minutes again",
        parse=number(0.001, 1e6),
        default_text="no limit",
        changeable=True,
    )
    patience: Optional[int] = flag(
        None,
        "rules to train without a new best one that beats the last beyond the noise of its seeds",
        parse=whole_number(1),
        default_text="no limit",
        changeable=True,
    )
    seed: int = flag(0, "random seed of the search", parse=whole_number(0))
    start: Optional[tuple[str, ...]] = flag(
        None,
        "what to measure first and to learn from: formulas, names of nos-optimizers, files with one formula per "
        f"line, {RUN}RUN#K, {RUN}RUN for its ten best, {PUBLISHED} for all published rules, {ARCHIVE} for the best "
        f"of searches on other tasks, or {NONE}",
        parse=_parse_start,
        metavar="RULES",
        nargs="+",
        default_text=f"{ARCHIVE}, {len(MUONS)} forms of Muon and {', '.join(FOUND_NAMES)} for a task of your own; "
        f"{NONE} for a shipped one, and in preset paper",
        earlier=(NONE,),
    )
    unconstrained: bool = flag(False, "also propose what the paper's three constraints forbid")
    screen: Optional[str] = flag(
        None,
        "screen each rule before training it, and train each function only once",
        choices=("on", "off"),
        default_text="on; in preset paper off",
    )
    alike: Optional[str] = flag(
        None,
        "train only one of several rules that behave alike; the others get its reward, and cost nothing",
        choices=("on", "off"),
        default_text="on; in preset paper off",
        earlier="off",
    )
    racing: Optional[str] = flag(
        None,
        "stop measuring a rule when it cannot reach the ten best",
        choices=("on", "off"),
        default_text="on; in preset and protocol paper off",
        earlier="off",
    )
    constants: Optional[float] = flag(
        None,
        "share of the gradient steps that tune constants, rate, schedule and weight decay of the best rules, and of "
        "the best known optimizers",
        parse=number(0.0, MOST_CONSTANTS),
        metavar="SHARE",
        default_text=f"{OWN_CONSTANTS:g} for a task of your own; 0 for a shipped one or several, in preset paper, "
        f"and with --algorithm {OF_OWN_TASK}, which tunes constants with the forms",
        earlier=0.0,
    )
    fresh_seeds: int = flag(
        FRESH_SEEDS,
        "trainings of each of the ten best rules and of the known optimizers at the end, with seeds that the search "
        "never saw; 0: none",
        parse=whole_number(0, 1000),
        changeable=True,
        earlier=0,
    )
    cache: str = flag(
        os.path.join("runs", NAME),
        f"file with the measurements of other searches; {NO_CACHE}: measure everything again",
        parse=path_text,
        metavar="FILE",
        changeable=True,
        is_local=lambda value: value != NO_CACHE,
    )
    batch_size: Optional[int] = flag(
        None,
        "rules that the algorithm proposes at a time; more workers than that have nothing to do, unless --pipeline "
        "or --async lets them go on. A resumed run finishes the batches that it began, and then takes the new size",
        parse=whole_number(1, MOST_RULES),
        metavar="RULES",
        default_text="settings 4, evolution 5, local 8, guided 10, random 20; ppo, reinforce and trpo 10, in preset "
        "paper 5; guided takes 2 or more; exhaustive has none: it goes through 1000 strings at a time",
        changeable=True,
    )
    pipeline: Optional[int] = flag(
        None,
        "how many batches of rules are measured in addition to the one that is learned from next, so that workers "
        "need not wait; 0: learn from each batch before the next is proposed. Not with --async, which keeps no order",
        parse=whole_number(0, 8),
        default_text="1 for settings, random and exhaustive search; else 0",
        earlier=0,
    )
    asynchronous: bool = flag(
        False,
        "learn from whichever batch is finished first, so that no worker ever waits; not bit-for-bit repeatable",
        option="--async",
    )

    @property
    def _is_paper(self) -> bool:
        return self.preset == "paper"

    @property
    def batches_ahead(self) -> int:
        """The number of batches measured in addition to the one that is learned from next, in order."""
        return 0 if self.asynchronous else self.pipeline or 0

    @property
    def starts_with(self) -> tuple[str, ...]:
        """The names of the rules that are measured first, for `find_starts`."""
        if self.start is not None:
            return self.start
        has_own = any(map(is_own, self.task_names))
        return (ARCHIVE, *BESIDE_ARCHIVE) if has_own and not self._is_paper else (NONE,)

    @property
    def task_names(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return self.task

    @property
    def screens(self) -> bool:
        """Whether rules are screened; by default in every preset but the paper's."""
        return self.screen == "on" or (self.screen is None and not self._is_paper)

    @property
    def joins_alike(self) -> bool:
        """Whether rules that behave alike count as one; by default in every preset but the paper's."""
        return self.alike == "on" or (self.alike is None and not self._is_paper)

    def choose_racing(self, protocol: Protocol) -> Optional[Racing]:
        """The `Racing` that stops rules early: the protocol's, unless the flags say otherwise; None for none."""
        if self.racing == "on":
            return protocol.racing or Racing()
        return None if self.racing == "off" or self._is_paper else protocol.racing

    def make_space(self) -> Space:
        """The `Space` that the flags name; raises a ValueError if there is none of this depth."""
        if self.space == COMPOSED:
            return ComposedSpace()
        if self.depth is None:
            raise UserError(f"must be 1 to {MAX_DEPTH} in the space {self.space}. Received: left out.")
        space = search_space(self.space, self.depth)
        return space.unconstrained() if self.unconstrained else space

    @property
    def tuning(self) -> ConstantsConfig:
        """How constants are tuned."""
        if self.constants is not None:
            return ConstantsConfig(self.constants)
        is_single_own = len(self.task) == 1 and is_own(self.task[0])
        return ConstantsConfig(OWN_CONSTANTS if is_single_own and not self._is_paper else 0.0)

    @property
    def limits(self) -> Limits:
        """What ends the search."""
        return Limits(self.budget, self.steps, self.patience, self.minutes)


def choose_defaults(given: Mapping[str, Any], entry: AlgorithmEntry) -> dict[str, Any]:
    """The defaults that replace those of `SearchConfig`, depending on the given flags."""
    another_limit = given.keys() & {"steps", "minutes", "patience"}
    of_iterations = given.keys() & {"depth", "unconstrained"} or given.get("preset") == "paper"
    is_composed = given.get("space") == COMPOSED or ("space" not in given and not of_iterations)
    return {
        **entry.defaults,
        **({"budget": None} if another_limit else {}),
        **({"space": COMPOSED, "depth": None} if is_composed else {}),
    }
