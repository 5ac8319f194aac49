"""What a search will cost on this machine, from a few steps with Adam."""

import dataclasses
import math
import time

from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.description_table import Described, format_cost
from neural_optimizer_search.search.estimate import Plan
from neural_optimizer_search.search.registry import AlgorithmEntry, find_algorithm
from neural_optimizer_search.tasks.named_task import NamedTask
from neural_optimizer_search.tasks.protocol import Protocol

# Steps of the longer timed run: in fewer, the first moments of a training would count too much.
LEAST_STEPS = 40


def describe_cost(config: SearchConfig, workers: int, start: int, published: str) -> str:
    """What a search will cost, in rows. Where a training takes minutes, finding that out takes seconds.

    Args:
      config: Flags of the search.
      workers: Number of workers that measure rules.
      start: Number of rules that it starts with.
      published: What others report of the cost of such a search.

    Raises:
      TaskFailed: If a task cannot be trained.
    """
    describe, began = config.make_describer(), time.monotonic()
    described, trained = [], 0.0
    for task, protocol in config.find_each():
        # Only for a shipped task is it known that a short run has the same steps.
        by = 1 if isinstance(task, NamedTask) else find_divisor(protocol)
        found = describe(task, protocol if by == 1 else shorten(protocol, by), config.data_dir)
        trained += found.seconds
        found = dataclasses.replace(found, steps=by * found.steps, seconds=by * found.seconds)
        described.append(Described(task.name, found, protocol))
    starting = max(0.0, time.monotonic() - began - trained)
    plan = make_plan(config, find_algorithm(config.algorithm), workers, start, starting)
    return format_cost(described, plan, published)


def make_plan(config: SearchConfig, entry: AlgorithmEntry, workers: int, start: int, start_seconds: float) -> Plan:
    """The `Plan` of a search, from its flags.

    Args:
      config: Flags of the search.
      entry: The `AlgorithmEntry` of its algorithm.
      workers, start, start_seconds: See `Plan`.
    """
    known, tries = len(config.known_optimizers), entry.tries_settings
    return Plan(config.limits, workers, known, start, config.fresh_seeds, config.tuning, start_seconds, tries)


def find_divisor(protocol: Protocol) -> int:
    """By how much all runs of a protocol can be shortened alike, so that the final one keeps `LEAST_STEPS`.

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

    It validates on one batch: in so short a run, the whole validation would take most of the time, but in a whole
    training it takes little.
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
