"""The flags of the workers, and the executor that all commands open with them."""

import argparse
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import ClassVar, Optional

from neural_optimizer_search.command_line import Parser, shorten, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks.joint_task import Measurable
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.workers.describing import Describer
from neural_optimizer_search.workers.executor import FIRST_TIMEOUT, LEAST_START_TIMEOUT, LONGEST_TIMEOUT, Executor
from neural_optimizer_search.workers.placement import Misplaced, Wanted, leave_gpus, place_here
from neural_optimizer_search.workers.process_workers import process_executor
from neural_optimizer_search.workers.ray_workers import ray_executor


def _parse_address(text):
    """An address that Ray can connect to: `auto`, for the cluster of this machine, or one with a port."""
    address = text.strip()
    if address != "auto" and not re.fullmatch(r"(ray://)?[^\s/]+:\d+", address):
        raise argparse.ArgumentTypeError(
            f"must be auto, for the cluster that runs on this machine, or HOST:PORT. Received: {shorten(text)!r}."
        )
    return address


@dataclass(frozen=True)
class WorkerConfig:
    """The flags of the workers, which `nos-search` and `nos-promote` share."""

    GROUPS: ClassVar[dict[str, str]] = {"workers": "what measures them"}

    workers: Optional[int] = flag(
        None,
        "how many workers measure rules",
        parse=whole_number(1, 10_000),
        default_text="--workers_per_gpu for each GPU; without GPUs one per core, of this machine or of the cluster",
        changeable=True,
    )
    threads_per_worker: int = flag(
        1,
        "threads that a worker computes in; try more for a model whose steps are long",
        parse=whole_number(1, 1_000),
        changeable=True,
    )
    gpus: Optional[int] = flag(
        None,
        "how many GPUs the workers use; 0: none",
        parse=whole_number(0, 10_000),
        default_text="all that TensorFlow sees, or the cluster has",
        changeable=True,
    )
    workers_per_gpu: Optional[int] = flag(
        None,
        "how many workers share a GPU, each with its part of the memory",
        parse=whole_number(1, 1_000),
        default_text="1",
        changeable=True,
    )
    executor: str = flag(
        "local", "what runs the workers: processes here, or Ray", choices=lambda: EXECUTORS, changeable=True
    )
    ray_address: Optional[str] = flag(
        None,
        "address of a running Ray cluster: auto for that of this machine, or HOST:PORT",
        parse=_parse_address,
        metavar="ADDRESS",
        default_text="Ray on this machine alone",
        changeable=True,
        is_local=lambda value: True,
    )
    timeout: Optional[int] = flag(
        None,
        f"time limit for a rule in seconds; the start of a worker has it too, but at least {LEAST_START_TIMEOUT}",
        parse=whole_number(1, LONGEST_TIMEOUT),
        metavar="SECONDS",
        default_text="ten times what the slowest known optimizer took, at least a minute; known optimizers, and all "
        f"rules if the cache had all of these, have no limit as long as their trainings go on; {FIRST_TIMEOUT} for a "
        "start, which has no limit on Ray",
        changeable=True,
    )

    @contextmanager
    def open_executor(
        self, task: Measurable, protocol: Protocol, data_dir: Optional[str] = None
    ) -> Iterator[Executor]:
        """A context manager for the `Executor`, with the time limits of the flags; it says what is slow to open.

        Args:
          task, protocol, data_dir: See `Evaluator`.

        Raises:
          MissingPackage: When it is entered, if Ray is wanted and not installed.
          NoCluster: When it is entered, if no cluster answers at `ray_address`.
          Misplaced: When it is entered, if the workers cannot have the GPUs that the flags name.
        """
        if self.executor == "ray":
            where = f"Connects to the Ray cluster at {self.ray_address}" if self.ray_address else "Starts Ray here"
            print(f"{where}, which takes some seconds.", flush=True)
        with EXECUTORS[self.executor](self, task, protocol, data_dir) as executor:
            if self.timeout is not None:
                executor.timeout = self.timeout
                executor.start_timeout = max(self.timeout, LEAST_START_TIMEOUT)
            yield executor

    @property
    def wanted(self) -> Wanted:
        """The resources that the workers should have."""
        return Wanted(self.workers, self.threads_per_worker, self.gpus, self.workers_per_gpu)

    def describe_workers(self) -> str:
        """The workers, in words; a Ray cluster reports their number only later."""
        return str(place_here(self.wanted)) if self.executor == "local" else "workers run by Ray"

    def make_describer(self) -> Describer:
        """The `Describer` of tasks before workers measure rules on them, with the time limit of a worker's start."""
        describer = Describer()
        if self.timeout is not None:
            describer.timeout = max(self.timeout, LEAST_START_TIMEOUT)
        return describer

    def check_workers(self, p: Parser) -> None:
        """Ends the command with one line if two flags exclude each other; from then on, this process uses no GPU.

        Call it before a task's module is imported, which may use one.
        """
        leave_gpus()
        if self.ray_address and self.executor != "ray":
            p.error("argument --ray_address: needs --executor ray")
        if self.executor == "local":
            try:
                place_here(self.wanted)
            except Misplaced as error:
                p.error(str(error))


OpenExecutor = Callable[[WorkerConfig, Measurable, Protocol, Optional[str]], AbstractContextManager[Executor]]
# The values of `--executor`: one row per executor.
EXECUTORS: dict[str, OpenExecutor] = {
    "local": lambda config, task, protocol, data_dir: process_executor(task, protocol, data_dir, config.wanted),
    "ray": lambda config, task, protocol, data_dir: ray_executor(
        task, protocol, data_dir, config.wanted, config.ray_address
    ),
}
