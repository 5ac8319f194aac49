"""Image classification tasks: one set of examples, which the protocol cuts into a fixed split."""

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.code_hash import hash_code
from neural_optimizer_search.tasks.child import Child
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.user_error import UserError


class Examples(NamedTuple):
    """Images `[n, height, width, channels]`, float32 in [0, 1] or uint8, and labels `[n]`, int32."""

    images: np.ndarray
    labels: np.ndarray


class Splits(NamedTuple):
    """The examples that train a child, and those on which it is measured."""

    train: Examples
    measured: Examples


class TaskSetting(NamedTuple):
    """A protocol and the network that it trains.

    Attributes:
      protocol: The `Protocol`.
      network: Makes the Keras model, given (input shape, classes).
    """

    protocol: Protocol
    network: Callable[[tuple[int, ...], int], tf.keras.Model]


@dataclass(frozen=True)
class ImageTask:
    """Images, the networks that classify them, and the protocols: a `Task`.

    Args:
      name: The name for `--task`.
      classes: Number of classes.
      load: Called with a data directory (or None), returns the `Examples` that protocols cut into training and
        validation. A test split is never among them.
      settings: The `TaskSetting`s, one per protocol.
      load_test: Like `load`, for the test split. None if there is none.
      on_test: Whether to measure on the test split instead of the validation split. This is not for a search, but for
        a single evaluation of its results.

    Example:
      >>> import dataclasses
      >>> from neural_optimizer_search.tasks import TASKS
      >>> digits = TASKS["digits"]
      >>> final = dataclasses.replace(digits, on_test=True)
      >>> [len(final.splits(digits.protocols["default"])[i].labels) for i in (0, 1)]
      [1200, 97]
    """

    name: str
    classes: int
    load: Callable[[Optional[str]], Examples]
    settings: tuple[TaskSetting, ...]
    load_test: Optional[Callable[[Optional[str]], Examples]] = None
    on_test: bool = False

    def __post_init__(self) -> None:
        if self.on_test and self.load_test is None:
            raise ValueError(f"Argument `on_test` must be False: the task {self.name!r} has no `load_test`.")

    @property
    def protocols(self) -> dict[str, Protocol]:
        """The protocols by name."""
        return {setting.protocol.name: setting.protocol for setting in self.settings}

    @property
    def networks(self) -> dict[str, Callable[[tuple[int, ...], int], tf.keras.Model]]:
        """The functions that make the networks, by the protocol's name."""
        return {setting.protocol.name: setting.network for setting in self.settings}

    def child(self, protocol: Protocol, data_dir: Optional[str] = None) -> Child:
        """The `Child` on which rules are measured."""
        if protocol.batch_size is None:
            raise UserError("Argument `protocol` must have a batch_size, for the images are in no batches.")
        splits = self.splits(protocol, data_dir)
        shape, network = splits.train.images.shape[1:], self.networks[protocol.name]
        return Child(
            lambda: network(shape, self.classes),
            *splits,
            protocol.batch_size,
            uniform_loss=math.log(self.classes),
        )

    def identity(self, protocol: Protocol) -> Optional[str]:
        """The task's name, split, protocol and network, and a hash of the code for the images and the network.

        None if `load` is not a function, or any of that code is not in a file.
        """
        network = self.networks[protocol.name]
        if not inspect.isfunction(self.load):
            return None
        try:
            code = hash_code(self.load.__module__, type(network).__module__)
        except (ImportError, ValueError):
            return None
        return f"{self.name}{' on test' if self.on_test else ''} {protocol!r} {network!r} {code}"

    def splits(self, protocol: Protocol, data_dir: Optional[str] = None) -> Splits:
        """The fixed `Splits`: the same for every rule, seed and process.

        Raises:
          ValueError: If the protocol needs more examples than there are.
        """
        examples = self.load(data_dir)
        wanted = protocol.train_examples + protocol.validation_examples
        if wanted > len(examples.labels):
            raise UserError(
                f"The protocol wants {wanted} examples (`train_examples` + `validation_examples`), and the "
                f"task {self.name!r} has {len(examples.labels)}."
            )
        order = np.random.default_rng(0).permutation(len(examples.labels))
        validation, train, _ = np.split(order, [protocol.validation_examples, wanted])
        load_test = self.load_test if self.on_test else None
        measured = load_test(data_dir) if load_test else _select(examples, validation)
        return Splits(*map(_as_float, (_select(examples, train), measured)))


def _select(examples, index):
    return Examples(examples.images[index], examples.labels[index])


def _as_float(examples):
    if examples.images.dtype == np.uint8:
        return examples._replace(images=examples.images.astype(np.float32) / 255.0)
    return examples
