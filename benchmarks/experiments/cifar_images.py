"""The common parts of the experiments on CIFAR-10: sizes, tuned options, and one trial."""

import pathlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import tensorflow as tf

from benchmarks.data import cifar
from benchmarks.trials import training
from benchmarks.trials.contenders import Contender
from benchmarks.trials.trials import Sweep, Trial

RATES = tuple(10.0**power for power in range(-5, 2))  # v2, sections 6.2 and 8.2
COMMON = ("sgd", "momentum", "adam", "rmsprop")  # the optimizers whose weight decay the paper tuned


@dataclass(frozen=True)
class Setting:
    """The sizes of an experiment.

    Args:
      sweep: The `Sweep`.
      model: (input shape, classes, weight decay) -> Keras model.
      steps: Weight updates of a training.
      evaluations: Number of evaluations on the validation data.
      batch_size: Images per batch; 128 in Zagoruyko & Komodakis (2016), 100 for the search's child.
      side: Side of the images in pixels, to which they are averaged down; 32 keeps them.
      augment: Whether training images are randomly shifted by up to an eighth of their side and mirrored.
      validation_examples: Number of the 50,000 training images held out for validation; 5,000 in the paper.
      weight_decays: Values among which the weight decay of the common optimizers is tuned; found ones have none.
      made_up: Whether to use random images instead of CIFAR-10.
      training_examples: Number of the remaining training images to train on, from the first; None for all.
    """

    sweep: Sweep
    model: Callable[..., tf.keras.Model]
    steps: int
    evaluations: int
    batch_size: int = 100
    side: int = 32
    augment: bool = True
    validation_examples: int = 5_000
    weight_decays: tuple[float, ...] = (0.0,)
    made_up: bool = False
    training_examples: Optional[int] = None


def compare_others(
    settings: Mapping[str, Setting], contenders: Sequence[str], quick: Sequence[str], longer: Sequence[str]
) -> dict[str, Setting]:
    """Replaces the contenders in the settings of an experiment, and adds the scale `medium`.

    The differences are small, so the rates are tuned to a factor of 10^0.25: a coarser grid would hide them.

    Args:
      settings: `SETTINGS` of the experiment.
      contenders: The contenders at scales `small` and `paper`.
      quick: The contenders at scale `smoke`.
      longer: The contenders at scale `medium`, with ten times the updates of `small`.
    """
    small = settings["small"]
    sweep = Sweep(tuple(contenders), RATES[2:6], refine=(10**0.5, 10**0.25))
    return {
        "smoke": replace(settings["smoke"], sweep=Sweep(tuple(quick), (1e-2,), seeds=1)),
        "small": replace(small, sweep=sweep),
        "medium": replace(
            small, sweep=replace(sweep, contenders=tuple(longer), seeds=3), steps=10 * small.steps, evaluations=25
        ),
        "paper": replace(settings["paper"], sweep=Sweep(tuple(contenders), RATES)),
    }


def list_options(setting: Setting, name: str) -> tuple[dict[str, float], ...]:
    """The weight decays to try with an optimizer."""
    decays = setting.weight_decays if name.partition("@")[0] in COMMON else (0.0,)
    return tuple({"weight_decay": decay} for decay in decays)


def run_trial(
    setting: Setting,
    trial: Trial,
    contender: Contender,
    data_dir: Optional[pathlib.Path],
    strategy: tf.distribute.Strategy,
) -> dict[str, Any]:
    """Trains once."""
    train, validation, test = cifar.load(setting.side, setting.validation_examples, setting.made_up, data_dir)
    images, labels = (part[: setting.training_examples] for part in train)
    shape = (setting.side, setting.side, 3)
    (_, weight_decay), *_ = trial.options
    work = training.Work(
        model=lambda: setting.model(shape, cifar.CLASSES, weight_decay),
        loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=lambda: ["accuracy"],
        train=cifar.make_training_batches((images, labels), setting.batch_size, setting.augment, trial.seed),
        validation=tf.data.Dataset.from_tensor_slices(validation).batch(500),
        test=tf.data.Dataset.from_tensor_slices(test).batch(500),
        steps=setting.steps,
        evaluations=setting.evaluations,
        measure=lambda logs: logs["accuracy"],
        larger_is_better=True,
        test_curve=True,  # Figures 5 and 7 of the ICML paper
    )
    # The weight decay is part of the model's loss, not of the optimizer.
    return training.train(work, contender, trial._replace(options=()), strategy)
