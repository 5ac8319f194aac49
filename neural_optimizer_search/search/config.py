"""The flags of `nos-search`."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Optional

from neural_optimizer_search.command_line import Parser, number, path, path_text, require, shorten, whole_number
from neural_optimizer_search.dsl.composed import COMPOSED, ComposedSpace
from neural_optimizer_search.dsl.space import MAX_DEPTH, PRESETS, Space, search_space
from neural_optimizer_search.flags import flag
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.optimizers.found import FOUND
from neural_optimizer_search.records.cache_file import NAME, NotACache, refuse_other_files
from neural_optimizer_search.search.constants import ConstantsConfig
from neural_optimizer_search.search.known_optimizers import BaselineConfig
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.named_rules import ARCHIVE, NONE, PUBLISHED, RUN
from neural_optimizer_search.search.ranking import FRESH_SEEDS
from neural_optimizer_search.search.recipes import RECIPES
from neural_optimizer_search.search.registry import (
    FALLBACK,
    OF_OWN_TASK,
    OF_PAPER,
    PREFERRED,
    AlgorithmEntry,
    algorithm_names,
    find_algorithm,
)
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.tasks.config import TaskConfig
from neural_optimizer_search.tasks.protocol import Protocol, Racing
from neural_optimizer_search.workers.config import WorkerConfig

HYPERPARAMETERS = ("paper", "fast")
# Muon as in Keras 3, where vectors use Adam at a tenth of the rate, and as in Liu et al. (2025, Moonlight), where the
# updates of matrices have the scale of Adam's. The archive's searches knew neither.
MUONS = (
    "on_matrices(orthogonalize(g + 9 * ema_0.9), 0.1 * Adam), beta_2=0.95, epsilon=1e-10",
    "on_matrices(normalize(orthogonalize(nesterov)), Adam)",
)
FOUND_NAMES = tuple(name for name, *_ in FOUND)
# The rules that a search on the user's own task starts with, in addition to the archive.
BESIDE_ARCHIVE = (*MUONS, *FOUND_NAMES)
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

    task: tuple[str, ...] = flag(
        ("digits",),
        f"what rules are measured on: {', '.join(TASKS)}, or module:attribute of your own; of several tasks, the "
        "reward is the mean score, with tuned SGD 0 and tuned Adam 1 on each",
        nargs="+",
        metavar="TASK",
        is_local=lambda value: ":" in value,
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
        default_text=f"{ARCHIVE}, two forms of Muon and {', '.join(FOUND_NAMES)} for a task of your own; {NONE} for "
        "a shipped one, and in preset paper",
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
        "need not wait; 0: learn from each batch before the next is proposed",
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
    def batches_ahead(self) -> int:
        """The number of batches measured in addition to the one that is learned from next, in order."""
        return 0 if self.asynchronous else self.pipeline or 0

    @property
    def starts_with(self) -> tuple[str, ...]:
        """The names of the rules that are measured first, for `find_rules`."""
        if self.start is not None:
            return self.start
        is_own = any(":" in name for name in self.task_names)
        return (ARCHIVE, *BESIDE_ARCHIVE) if is_own and self.preset != "paper" else (NONE,)

    @property
    def task_names(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return self.task

    @property
    def screens(self) -> bool:
        """Whether rules are screened; by default in every preset but the paper's."""
        return self.screen == "on" or (self.screen is None and self.preset != "paper")

    @property
    def joins_alike(self) -> bool:
        """Whether rules that behave alike count as one; by default in every preset but the paper's."""
        return self.alike == "on" or (self.alike is None and self.preset != "paper")

    def choose_racing(self, protocol: Protocol) -> Optional[Racing]:
        """The `Racing` that stops rules early: the protocol's, unless the flags say otherwise; None for none."""
        if self.racing == "on":
            return protocol.racing or Racing()
        return None if self.racing == "off" or self.preset == "paper" else protocol.racing

    def make_space(self) -> Space:
        """The `Space` that the flags name; raises a ValueError if there is none of this depth."""
        if self.space == COMPOSED:
            return ComposedSpace()
        if self.depth is None:
            raise ValueError(f"must be 1 to {MAX_DEPTH} in the space {self.space}. Received: left out.")
        space = search_space(self.space, self.depth)
        return space.unconstrained() if self.unconstrained else space

    @property
    def tuning(self) -> ConstantsConfig:
        """How constants are tuned."""
        if self.constants is not None:
            return ConstantsConfig(self.constants)
        is_own = len(self.task) == 1 and ":" in self.task[0]
        return ConstantsConfig(OWN_CONSTANTS if is_own and self.preset != "paper" else 0.0)

    @property
    def limits(self) -> Limits:
        """What ends the search."""
        return Limits(self.budget, self.steps, self.patience, self.minutes)

    def _check_limits(self, p):
        if self.budget and self.patience and self.patience >= self.budget:
            p.error(
                f"argument --patience: must be less than --budget, which is {self.budget}, to end anything. "
                f"Received: {self.patience}."
            )

    def _check_batch_size(self, p):
        if self.batch_size is None:
            return
        smallest, of = find_algorithm(self.algorithm).smallest_batch, f"with --algorithm {self.algorithm}"
        if smallest is None:
            p.error(f"argument --batch_size: not allowed {of}, whose batches have a size of their own.")
        elif self.batch_size < smallest:
            p.error(f"argument --batch_size: must be at least {smallest} {of}. Received: {self.batch_size}.")

    def _check_cache(self, p):
        try:
            if self.cache != NO_CACHE:
                refuse_other_files(Path(self.cache))
        except NotACache as error:
            p.error(f"argument --cache: {error}")

    def _check_space(self, p):
        for name in ("depth", "unconstrained") if self.space == COMPOSED else ():
            if getattr(self, name):
                p.error(f"argument --{name}: not allowed with --space {COMPOSED}, whose strings have no iterations.")
        try:
            self.make_space()
        except ValueError as error:
            p.error(f"argument --depth: {error}")

    def _check_several(self, p):
        if len(set(self.task)) < len(self.task):
            p.error(f"argument --task: must name each task once. Received: {shorten(' '.join(self.task))}.")
        known = {rule.canonical() for rule in self.known_optimizers.values()}
        if len(self.task) > 1 and self.constants:
            p.error(f"argument --constants: must be 0 with several tasks. Received: {self.constants:g}.")
        missing = [name for name in ("sgd", "adam") if CATALOGUE[name].rule.canonical() not in known]
        if len(self.task) > 1 and missing:
            p.error(f"argument --baselines: must name {missing[0]}, for scores on several tasks are made of it.")

    def check(self, p: Parser, advice: str = "") -> None:
        """Ends the command with one line if the flags contradict each other.

        Args:
          p: The command's parser.
          advice: A sentence on what to do if there is no such task.
        """
        self.check_workers(p)
        self.check_task(p, advice)
        if self.tuning.share:
            require(p, "search", "optuna")
        self._check_several(p)
        self._check_cache(p)
        self._check_limits(p)
        self._check_batch_size(p)
        self._check_space(p)


def check_given(p: Parser, given: Mapping[str, Any]) -> None:
    """Ends the command if one given flag makes another meaningless, which the defaults of both would hide."""
    if given.get("asynchronous") and "pipeline" in given:
        p.error(
            "argument --pipeline: not allowed with --async, which learns from whichever batch is finished first. "
            f"Received: {given['pipeline']}. Leave one of them out."
        )


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
