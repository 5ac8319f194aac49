"""Wide ResNet on CIFAR-10 (arXiv v2, section 6.2, Tables 1 and 2, Figures 6 and 7)."""

from dataclasses import replace

from benchmarks.experiments.cifar_images import RATES, Setting, list_options, run_trial
from benchmarks.trials.pictures import TEST_CURVES
from benchmarks.trials.trials import Metric, Sweep
from neural_optimizer_search.tasks.wide_resnet import WideResNet

__all__ = ["list_options", "run_trial"]

TITLE = "Wide ResNet on CIFAR-10 (v2 Tables 1 and 2, Figures 6 and 7)"
METRIC = Metric("validation accuracy", larger_is_better=True, format=".1%")
REFERENCE = "adam"
SCALED_DOWN = (
    "Scaled down: WRN-10-1 (78,000 parameters) on images of 16x16 pixels for 250 updates, instead of WRN-40-4 "
    "(9 million) for 300 epochs; 12 of the 30 rows; the weight decay of the common optimizers is 0, not tuned."
)
COLUMNS = {"test": ("best test", ".1%"), "test_final": ("final test", ".1%")}
PICTURES = TEST_CURVES


def _rows(text):
    """Parses lines of "name best final", in percent."""
    words = [line.split() for line in text.strip().splitlines()]
    return {name: {"test": float(best) / 100, "test_final": float(final) / 100} for name, best, final in words}


# Table 1, then Table 2.
PAPER = _rows("""
sgd@constant 93.0 92.3
momentum@constant 93.0 92.2
adam@constant 92.6 92.3
rmsprop@constant 92.3 91.6
powersign@constant 93.0 92.4
powersign-ld@constant 93.6 93.4
powersign-cd@constant 93.7 93.1
powersign-rd10@constant 94.2 92.6
powersign-rd20@constant 94.4 92.0
addsign@constant 93.0 92.6
addsign-ld@constant 93.5 92.0
addsign-cd@constant 93.6 92.4
addsign-rd10@constant 94.2 94.0
addsign-rd20@constant 94.4 94.3
sgd@cosine 95.4 95.3
momentum@cosine 95.2 95.1
adam@cosine 93.9 93.8
rmsprop@cosine 93.6 93.5
addsign-ld@cosine 95.4 95.3
addsign-ld@linear_cosine 95.3 95.1
addsign-ld@noisy_linear_cosine 95.5 95.4
addsign-cd@cosine 95.3 95.1
addsign-cd@linear_cosine 95.3 95.2
addsign-cd@noisy_linear_cosine 95.3 95.2
powersign@cosine 95.4 95.3
powersign@linear_cosine 95.4 95.2
powersign-ld@cosine 95.3 95.2
powersign-ld@linear_cosine 95.3 95.2
powersign-cd@cosine 95.4 95.2
powersign-cd@linear_cosine 95.4 95.2
""")

_DECADES = tuple(10.0**power for power in range(-4, 1))
_TWELVE = (
    "sgd", "momentum", "adam", "rmsprop", "powersign", "powersign-cd", "addsign", "addsign-ld",
    "sgd@cosine", "adam@cosine", "powersign-cd@linear_cosine", "addsign-ld@linear_cosine",
)  # fmt: skip
# At scale "medium", where each training takes ten times as long.
_EIGHT = (
    "sgd", "adam", "powersign-cd", "addsign-ld",
    "sgd@cosine", "adam@cosine", "powersign-cd@linear_cosine", "addsign-ld@linear_cosine",
)  # fmt: skip
_SMALL = Setting(
    Sweep(_TWELVE, _DECADES, refine=(10**0.5,)),
    WideResNet(depth=10, width=1),
    steps=250,
    evaluations=5,
    side=16,
)
SETTINGS = {
    "smoke": Setting(
        Sweep(("adam", "powersign-cd@linear_cosine"), _DECADES[2:3], seeds=1),
        WideResNet(depth=10, width=1),
        steps=6,
        evaluations=2,
        batch_size=10,
        side=8,
        made_up=True,
    ),
    "small": _SMALL,
    "medium": replace(
        _SMALL, sweep=replace(_SMALL.sweep, contenders=_EIGHT, seeds=3), steps=10 * _SMALL.steps, evaluations=10
    ),
    "paper": Setting(
        Sweep(tuple(PAPER), RATES),
        WideResNet(),
        steps=300 * 45_000 // 128 // 100 * 100,
        evaluations=100,
        batch_size=128,
        weight_decays=(0.0, 1e-4, 5e-4),
    ),
}
