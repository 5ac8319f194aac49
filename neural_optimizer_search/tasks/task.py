"""A task: data and the protocols under which update rules are measured on it."""

from dataclasses import dataclass
from typing import Callable, NamedTuple

import numpy as np


class Examples(NamedTuple):
    """Images `[n, height, width, channels]`, float32 in [0, 1] or uint8, and labels `[n]`, int32."""

    images: np.ndarray
    labels: np.ndarray


class Splits(NamedTuple):
    train: Examples
    validation: Examples


@dataclass(frozen=True)
class Task:
    """What the search measures rules on.

    Args:
      name: The name for `--task`.
      classes: Number of classes.
      load: Called with a data directory (or None), returns the `Examples` that protocols cut into training and
        validation. A test split is never among them.
      protocols: Name -> `Protocol`.
    """

    name: str
    classes: int
    load: Callable
    protocols: dict

    def splits(self, protocol, data_dir=None):
        """The fixed training and validation splits: the same for every rule, seed and process.

        Raises:
          ValueError: If the protocol wants more examples than there are.
        """
        examples = self.load(data_dir)
        wanted = protocol.train_examples + protocol.validation_examples
        if wanted > len(examples.labels):
            raise ValueError(
                f"The protocol wants {wanted} examples (`train_examples` + `validation_examples`), and the "
                f"task {self.name!r} has {len(examples.labels)}."
            )
        order = np.random.default_rng(0).permutation(len(examples.labels))
        validation, train, _ = np.split(order, [protocol.validation_examples, wanted])
        return Splits(_select(examples, train), _select(examples, validation))


def _select(examples, index):
    images = examples.images[index]
    if images.dtype == np.uint8:
        images = images.astype(np.float32) / 255.0
    return Examples(images, examples.labels[index])
