"""The own tasks with other splits of their data: `task_images_3` has split 3, and `test_images_3` tests with it.

The training and validation examples are combined, shuffled with the number of the split as seed, and split again; the
seeds of the weights differ, too. Test data stay the same.
"""

import dataclasses
import functools
import importlib
import re
from typing import Any

import numpy as np
import tensorflow as tf

from benchmarks.studies.own_tasks import NAMES
from neural_optimizer_search.tasks import KerasTask

SEEDS = 3  # per protocol


def name_split(task: str, split: int) -> str:
    """The name of a task with a split, for `find_task` and --task."""
    return f"{__name__}:task_{task}_{split}"


def __getattr__(name: str) -> KerasTask:
    parts = re.fullmatch(f"(task|test)_({'|'.join(NAMES)})_([0-9]+)", name)
    if not parts:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind, task, split = parts.groups()
    return _make(task, int(split), on_test=kind == "test")


@functools.lru_cache
def _make(task, split, on_test):
    module = importlib.import_module(f"benchmarks.studies.own_tasks.{task}")
    given = module.test if on_test else module.task
    validation = given.validation if on_test else lambda: _part(task, split)[1]
    sizes = dict(given.sizes, seeds=tuple(range(SEEDS * split, SEEDS * (split + 1))))
    return dataclasses.replace(given, train=lambda: _part(task, split)[0], validation=validation, sizes=sizes)


@functools.lru_cache(maxsize=1)
def _part(task: str, split: int) -> tuple[Any, Any]:
    module = importlib.import_module(f"benchmarks.studies.own_tasks.{task}")
    train, validation = module.train(), module.validation()
    order = np.random.default_rng(split).permutation(len(train[0]) + len(validation[0]))

    def take(chosen):
        return tf.nest.map_structure(lambda *parts: np.concatenate(parts)[chosen], train, validation)

    return take(order[: len(train[0])]), take(order[len(train[0]) :])
