"""ImageNet with the mobile NASNet-A (arXiv v2, section 6.3, Table 3).

The network is Keras's own. For the rest of the training, Bello et al. refer to Zoph et al. (2017). This experiment
has their crops, label smoothing and RMSProp. It has no auxiliary classifier, drop path or dropout before the last
layer, which Keras's network lacks, and no colour distortion, weight decay, moving average of the weights or gradient
clipping. All optimizers thus have equally less regularization. PAPERS.md has a row for each difference.
"""

import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Optional

import tensorflow as tf

from benchmarks.data import photos
from benchmarks.networks.nasnet import NASNetA
from benchmarks.trials import training
from benchmarks.trials.contenders import Contender
from benchmarks.trials.trials import Metric, Sweep, Trial

TITLE = "NASNet-A mobile on ImageNet (v2 Table 3)"
METRIC = Metric("validation accuracy", larger_is_better=True, format=".1%")
REFERENCE = "adam"
SCALED_DOWN = (
    "Scaled down: Imagenette, ten of the 1,000 classes, with images of 48x48 pixels instead of 224x224; a network "
    "with 76,628 parameters instead of 5.3 million; 200 updates with 32 images each instead of 250,000 with 1,600."
)
COLUMNS = {"test": ("top-1", ".1%"), "test_top5": ("top-5", ".1%"), "test_final": ("final top-1", ".1%")}
PAPER = {
    "rmsprop@cosine": {"test": 0.735, "test_top5": 0.915},
    "powersign-cd@cosine": {"test": 0.739, "test_top5": 0.919},
    "addsign-ld@cosine": {"test": 0.738, "test_top5": 0.916},
}
PICTURES = {}
# The options to try with RMSProp: Keras's defaults, and those of Zoph et al.
RMSPROP = ({}, {"rho": 0.9, "momentum": 0.9, "epsilon": 1.0})


@dataclass(frozen=True)
class Setting:
    """The sizes of the experiment.

    Args:
      sweep: The `Sweep`.
      model: A `NASNetA`.
      dataset: A name of `photos.SOURCES`.
      classes: Number of classes of the data set.
      validation: Number of training images held out for validation. They are the first ones, which are a random
        sample, because TFDS stores images in a fixed random order. The data set's own validation images are the test
        data.
      pixels: Side of the images; 224 in the paper.
      batch_size: Images per batch of all replicas together; in the paper, 50 replicas with 32 images each.
      steps: Weight updates of a training; 250,000 in the paper.
      evaluations: Number of evaluations on the validation data.
      label_smoothing: Fraction of the target that is spread over all classes.
      made_up: Whether to use random images instead of the data set.
    """

    sweep: Sweep
    model: NASNetA
    dataset: str = "imagenet2012"
    classes: int = 1000
    validation: int = 10_000
    pixels: int = 224
    batch_size: int = 50 * 32
    steps: int = 250_000
    evaluations: int = 100
    label_smoothing: float = 0.1
    made_up: bool = False


_CONTENDERS = ("rmsprop", "adam", "powersign-cd", "addsign-ld")
_DECADES = tuple(10.0**power for power in range(-3, 1))
SETTINGS = {
    "smoke": Setting(
        Sweep(("powersign-cd",), (1e-2,), seeds=1, schedule="cosine"),
        NASNetA(penultimate_filters=96, blocks=1, stem_filters=4, batch_norm_momentum=0.5),
        dataset="imagenette/320px-v2",
        classes=10,
        validation=4,
        pixels=32,
        batch_size=4,
        steps=4,
        evaluations=2,
        made_up=True,
    ),
    "small": Setting(
        Sweep(_CONTENDERS, _DECADES, refine=(10**0.5,), seeds=3, schedule="cosine"),
        NASNetA(penultimate_filters=192, blocks=1, stem_filters=16, batch_norm_momentum=0.9),
        dataset="imagenette/320px-v2",
        classes=10,
        validation=300,
        pixels=48,
        batch_size=32,
        steps=200,
        evaluations=5,
    ),
    # The paper tried 1.0, 2.5 and 4.0 for its own optimizers.
    "paper": Setting(Sweep(_CONTENDERS, (*_DECADES, 2.5, 4.0), schedule="cosine"), NASNetA()),
}


def list_options(setting: Setting, name: str) -> tuple[dict[str, float], ...]:
    """The options to tune for RMSProp; the others have only the learning rate."""
    return RMSPROP if name.startswith("rmsprop@") else ({},)


def run_trial(
    setting: Setting,
    trial: Trial,
    contender: Contender,
    data_dir: Optional[pathlib.Path],
    strategy: tf.distribute.Strategy,
) -> dict[str, Any]:
    """Trains once."""
    if setting.made_up:
        import tensorflow_datasets as tfds

        with tfds.testing.mock_data(num_examples=2 * setting.batch_size):
            return _run_trial(setting, trial, contender, None, strategy)
    return _run_trial(setting, trial, contender, data_dir, strategy)


def _run_trial(setting, trial, contender, data_dir, strategy):
    # The order of the data depends on TensorFlow's global seed, which the caller has set.
    builder = photos.open_builder(setting.dataset, data_dir)
    held_out, pixels, batch = setting.validation, setting.pixels, setting.batch_size
    test = photos.make_evaluation_batches(builder, "validation", pixels, batch)
    work = training.Work(
        model=lambda: setting.model(pixels, setting.classes),
        loss=smoothed_cross_entropy(setting.classes, setting.label_smoothing),
        metrics=make_accuracies,
        train=photos.make_training_batches(builder, f"train[{held_out}:]", pixels, batch, trial.seed),
        validation=photos.make_evaluation_batches(builder, f"train[:{held_out}]", pixels, batch),
        test=test,
        steps=setting.steps,
        evaluations=setting.evaluations,
        measure=lambda logs: logs["top1"],
        larger_is_better=True,
    )

    def finish(model):
        return {"test_top5": model.evaluate(test, verbose=0, return_dict=True)["top5"]}

    return training.train(work, contender, trial, strategy, finish)


def make_accuracies() -> list[tf.keras.metrics.Metric]:
    """Top-1 and top-5 accuracy."""
    return [
        tf.keras.metrics.SparseCategoricalAccuracy(name="top1"),
        tf.keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top5"),
    ]


def smoothed_cross_entropy(classes: int, smoothing: float) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Cross-entropy with label smoothing for integer labels, which Keras does not offer."""

    def loss(labels, logits):
        targets = tf.one_hot(tf.reshape(labels, [-1]), classes)
        return tf.keras.losses.categorical_crossentropy(targets, logits, from_logits=True, label_smoothing=smoothing)

    return loss
