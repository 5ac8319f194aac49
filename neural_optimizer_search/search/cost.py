"""The cost of a search on this machine, estimated from a few steps with Adam."""

import dataclasses
import math
import time

from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.description_table import Described, format_cost
from neural_optimizer_search.search.estimate import Plan
from neural_optimizer_search.search.registry import AlgorithmEntry, find_algorithm
from neural_optimizer_search.tasks.named_task import NamedTask
from neural_optimizer_search.tasks.protocol import Protocol

# Minimum steps of the longer timed run: with fewer, the beginning of a training would weigh too much.
LEAST_STEPS = 40


def describe_cost(config: SearchConfig, workers: int, start: int, published: str) -> str:
    """The cost of a search, as a table. Estimating it takes seconds, even if a training takes minutes.

    Args:
      config: Flags of the search.
      workers: Number of workers that measure rules.
      start: Number of rules that it starts with.
      published: The cost of such a search as others report it.

    Raises:
      TaskFailed: If a task cannot be trained.
    """
    described, starting = describe_each(config, in_short_runs=True)
    plan = make_plan(config, find_algorithm(config.algorithm), workers, start, starting)
    return format_cost(described, plan, published)


def describe_each(config: SearchConfig, in_short_runs: bool = False) -> tuple[list[Described], float]:
    """Describes each task of a search, and trains it with Adam.

    Args:
      config: Flags of the search.
      in_short_runs: Whether the runs may be shorter than the protocol's. Those of the user's own tasks are not: only
        shipped tasks are known to take the same steps then.

    Returns:
      The tasks, and the seconds that passed apart from the trainings.

    Raises:
      TaskFailed: If a task cannot be trained.
    """
    describe, began = config.make_describer(), time.monotonic()
    described, trained = [], 0.0
    for task, protocol in config.find_each():
        by = find_divisor(protocol) if in_short_runs and not isinstance(task, NamedTask) else 1
        found = describe(task, protocol if by == 1 else shorten(protocol, by), config.data_dir)
        trained += found.seconds
        found = dataclasses.replace(found, steps=by * found.steps, seconds=by * found.seconds)
        described.append(Described(f"{task.name}, protocol {config.protocol}", found, protocol))
    return described, max(0.0, time.monotonic() - began - trained)


def make_plan(config: SearchConfig, entry: AlgorithmEntry, workers: int, start: int, start_seconds: float) -> Plan:
    """The `Plan` of a search, from its flags.

    Args:
      config: Flags of the search.
      entry: The `AlgorithmEntry` of its algorithm.
      workers, start, start_seconds: See `Plan`.
    """
    known, tries = len(config.known_optimizers), entry.tries_settings
    batch = None if config.asynchronous else config.batch_size or entry.find_batch(config.preset)
    most = batch and batch * (1 + config.batches_ahead)
    return Plan(config.limits, workers, known, start, config.fresh_seeds, config.tuning, start_seconds, tries, most)


def find_divisor(protocol: Protocol) -> int:
    """The largest factor by which all runs of a protocol can be shortened while the final one keeps `LEAST_STEPS`.

    Example:
      >>> from neural_optimizer_search.tasks import TASKS
      >>> find_divisor(TASKS["cifar10"].protocols["paper"])
      50
    """
    common = math.gcd(protocol.sweep_steps, protocol.final_steps)
    divisors = (by for by in range(1, common + 1) if common % by == 0 and protocol.final_steps // by >= LEAST_STEPS)
    return max(divisors, default=1)


def shorten(protocol: Protocol, by: int) -> Protocol:
    """A protocol with the same runs, each with a fraction of the steps.

    It validates on one batch: full validation would take most of the time of such a short run, but takes little of a
    full training.
    """
    steps = protocol.final_steps // by
    return dataclasses.replace(
        protocol,
        sweep_steps=protocol.sweep_steps // by,
        final_steps=steps,
        validate_every=steps,
        validation_examples=protocol.batch_size or protocol.validation_examples,
        centred=False,
    )
