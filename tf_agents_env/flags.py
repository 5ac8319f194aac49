"""The flags of `nos-search`: what is allowed, what a resumed run keeps, one clear line when something is wrong."""

import argparse
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Optional

from neural_optimizer_search.command_line import Parser, whole_number
from neural_optimizer_search.dsl.space import MAX_DEPTH, PRESETS, search_space
from neural_optimizer_search.tasks import TASKS, UnknownTask, find_task
from tf_agents_env.controllers import CONTROLLERS

ALGORITHMS = (*CONTROLLERS, "random", "evolution", "exhaustive")
CONTROLLER_PRESETS = tuple(CONTROLLERS["ppo"])
CHANGEABLE_ON_RESUME = {
    "resume", "budget", "workers", "data_dir", "cache", "executor", "ray_address", "timeout"
}  # fmt: skip
EXECUTORS = ("local", "ray")
NO_CACHE = "none"


@dataclass(frozen=True)
class SearchConfig:
    """What defines a search; recorded in its ledger."""

    task: str = "digits"
    protocol: str = "default"
    space: str = "arxiv2017_no_decay"
    depth: int = 2
    algorithm: str = "ppo"
    preset: str = "fast"
    budget: Optional[int] = 300
    seed: int = 0
    seeds_per_rule: Optional[int] = None
    unconstrained: bool = False
    screen: Optional[str] = None
    cache: str = "runs/cache.sqlite"
    workers: Optional[int] = None
    data_dir: Optional[str] = None
    executor: str = "local"
    ray_address: Optional[str] = None
    asynchronous: bool = False
    timeout: Optional[int] = None

    @property
    def screens(self):
        """Whether rules are screened; by default in every preset but the paper's."""
        return self.screen == "on" or (self.screen is None and self.preset != "paper")


def parser():
    """The parser; a flag that is not given is absent from its result."""
    d = SearchConfig()
    p = Parser(
        prog="nos-search",
        description="Searches for an update rule: a controller proposes, children are trained, a ledger remembers.",
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    p.add_argument(
        "--task",
        help=f"what rules are measured on: {', '.join(TASKS)}, or module:attribute of your own KerasTask "
        f"(default: {d.task})",
    )
    p.add_argument("--protocol", help=f"how children are trained: default, reduced, paper (default: {d.protocol})")
    p.add_argument("--space", choices=PRESETS, help=f"which rules may be proposed (default: {d.space})")
    p.add_argument(
        "--depth",
        type=int,
        choices=range(1, MAX_DEPTH + 1),
        help=f"iterations n, for strings of 5n tokens (default: {d.depth})",
    )
    p.add_argument("--algorithm", choices=ALGORITHMS, help=f"who proposes (default: {d.algorithm})")
    p.add_argument("--preset", choices=CONTROLLER_PRESETS, help=f"the controller's settings (default: {d.preset})")
    p.add_argument("--budget", type=whole_number(1), help=f"rules to train (default: {d.budget}; exhaustive: all)")
    p.add_argument(
        "--workers",
        type=whole_number(1),
        help="worker processes (default: one per core, of this machine or of the cluster)",
    )
    p.add_argument(
        "--executor", choices=EXECUTORS, help=f"what runs the workers: processes here, or Ray (default: {d.executor})"
    )
    p.add_argument(
        "--ray_address",
        metavar="ADDRESS",
        help="of a running Ray cluster, such as auto or host:6379 (default: Ray on this machine alone)",
    )
    p.add_argument(
        "--async",
        dest="asynchronous",
        action="store_true",
        help="learn from whichever batch is finished, so that no worker waits; not repeatable to the bit",
    )
    p.add_argument(
        "--timeout",
        type=whole_number(1),
        metavar="SECONDS",
        help="that a rule may take (default: ten times the slowest known optimizer, at least a minute)",
    )
    p.add_argument("--seed", type=whole_number(0), help=f"sets what is proposed (default: {d.seed})")
    p.add_argument("--seeds_per_rule", type=whole_number(1), help="trainings of each rule (default: the protocol's)")
    p.add_argument("--unconstrained", action="store_true", help="propose also what the paper's constraints forbid")
    p.add_argument(
        "--screen",
        choices=("on", "off"),
        help="look at a rule before training, and train each function once (default: on, in preset paper off)",
    )
    p.add_argument(
        "--cache",
        metavar="FILE",
        help=f"what other searches measured; {NO_CACHE}: measure all anew (default: {d.cache})",
    )
    p.add_argument("--out", type=Path, help="directory of the run (default: a new one under runs/)")
    p.add_argument("--data_dir", help="tensorflow_datasets directory, for tasks that read one")
    p.add_argument("--resume", type=Path, metavar="RUN", help="directory of a run to continue")
    return p


def new_config(p, given):
    """A checked `SearchConfig` of the given flags."""
    names = {field.name for field in fields(SearchConfig)}
    given = {name: value for name, value in given.items() if name in names}
    if given.get("algorithm") == "exhaustive":
        given.setdefault("budget", None)
    config = SearchConfig(**given)
    try:
        protocols = find_task(config.task).protocols
    except UnknownTask as error:
        p.error(f"argument --task: {error}")
    if config.protocol not in protocols:
        p.error(
            f"argument --protocol: invalid choice: {config.protocol!r} "
            f"(choose from {', '.join(map(repr, protocols))})"
        )
    if config.ray_address and config.executor != "ray":
        p.error("argument --ray_address: needs --executor ray")
    try:
        search_space(config.space, config.depth)
    except ValueError as error:
        p.error(f"argument --depth: {error}")
    return config


def resumed_config(p, given, recorded):
    """The recorded configuration with what may change on resuming."""
    if not {field.name for field in fields(SearchConfig)} >= set(recorded):
        p.error(f"argument --resume: {given['resume']} was not written by nos-search.")
    fixed = sorted(set(given) - CHANGEABLE_ON_RESUME)
    if fixed:
        kept = f" ({recorded[fixed[0]]})" if fixed[0] in recorded else ""
        flag = {"asynchronous": "async"}.get(fixed[0], fixed[0])
        p.error(
            f"argument --{flag}: not allowed with --resume: a resumed run keeps its own{kept}. "
            f"Only {', '.join('--' + name for name in sorted(CHANGEABLE_ON_RESUME - {'resume'}))} may change."
        )
    changed = {name: value for name, value in given.items() if name != "resume"}
    return SearchConfig(**{**recorded, **changed})


def record(config):
    """The configuration as a JSON-able dict."""
    return asdict(config)
