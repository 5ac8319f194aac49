"""The search's child network, trained for many epochs on all of CIFAR-10 (ICML paper, Figure 5)."""

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from benchmarks.experiments.cifar_images import RATES, Setting, list_options, run_trial
from benchmarks.trials.pictures import TEST_CURVES
from benchmarks.trials.trials import Metric, Sweep
from neural_optimizer_search.tasks.small_networks import ConvNet

__all__ = ["list_options", "run_trial"]

TITLE = "Two-layer ConvNet on CIFAR-10 (v1 Figure 5)"
METRIC = Metric("validation accuracy", larger_is_better=True, format=".1%")
REFERENCE = "adam"
SCALED_DOWN = (
    "Scaled down: 500 updates (1.1 epochs) instead of 100 epochs, images of 16x16 pixels, and 16 filters instead of "
    "32."
)
COLUMNS = {"test": ("best test", ".1%"), "test_final": ("final test", ".1%")}
# The figure has no numbers; the found optimizers are slightly above Momentum and SGD, far above RMSProp and Adam.
PAPER = {}
PICTURES = TEST_CURVES
# The last two are the figure's "Optimizer 1" and "Optimizer 2".
CONTENDERS = (
    "sgd", "momentum", "rmsprop", "adam", "powersign", "addsign", "powersign-plus-clip", "drop-m-exp-w",
)  # fmt: skip


@dataclass(frozen=True)
class ChildNetwork(ConvNet):
    """The child network, which ignores the weight decay."""

    def __call__(self, input_shape: Sequence[int], classes: int, weight_decay: float) -> tf.keras.Model:
        return super().__call__(input_shape, classes)


_DECADES = tuple(10.0**power for power in range(-4, 1))
SETTINGS = {
    "smoke": Setting(
        Sweep(("adam", "powersign"), _DECADES[2:3], seeds=1),
        ChildNetwork(filters=4),
        20,
        2,
        batch_size=10,
        made_up=True,
    ),
    "small": Setting(
        Sweep(CONTENDERS, _DECADES, refine=(10**0.5,)), ChildNetwork(filters=16), 500, 10, side=16, augment=False
    ),
    "paper": Setting(Sweep(CONTENDERS, RATES), ChildNetwork(), 45_000, 100, augment=False),
}
