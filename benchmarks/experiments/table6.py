"""The rules of Table 6 on the Wide ResNet (arXiv v2, section 8.2): the best of seven constant learning rates.

"Best" is the result at the epoch with the best validation, "final" the result at the last epoch. Two of the 32 rows
of the table are printed as `sign(m) * sqrt(|g|)`, with different results. Here there is one such row; the numbers of
the other, in the order of `COLUMNS`, are 91.7, 91.1, 92.3 and 91.6.
"""

from benchmarks.experiments.cifar_images import RATES, Setting, list_options, run_trial
from benchmarks.experiments.cifar_wrn import METRIC, REFERENCE
from benchmarks.trials.trials import Sweep
from neural_optimizer_search.tasks.wide_resnet import WideResNet

__all__ = ["METRIC", "REFERENCE", "list_options", "run_trial"]

TITLE = "The rules of Table 6 on the Wide ResNet (v2 section 8.2)"
SCALED_DOWN = (
    "Scaled down: WRN-10-1 (78,000 parameters) on 2,000 images of 8x8 pixels for 6 epochs, instead of WRN-40-4 "
    "(9 million) on 45,000 for 300 epochs."
)
COLUMNS = {
    "final": ("final validation", ".1%"),
    "test_final": ("final test", ".1%"),
    "best": ("best validation", ".1%"),
    "test": ("best test", ".1%"),
}
PICTURES = {}


def _rows(text):
    """Parses lines of a name and the numbers of `COLUMNS`, in percent."""
    words = [line.split() for line in text.strip().splitlines()]
    return {f"{name}@constant": {key: float(x) / 100 for key, x in zip(COLUMNS, numbers)} for name, *numbers in words}


PAPER = _rows("""
sgd 92.0 91.8 92.9 91.9
momentum 92.7 92.1 93.1 92.3
adam 90.4 90.1 91.8 90.7
rmsprop 90.7 90.3 91.4 90.3
noisy-m-sigmoid-w 90.6 90.6 93.1 92.2
sign-m-sqrt-g 92.2 91.8 92.9 92.2
sign-g-abs-m 91.2 91.0 92.4 91.3
addsign-sign-g 91.3 90.4 91.9 91.1
addsign-sign-m 91.0 90.6 92.0 90.8
sign-g-sqrt-m 90.7 90.6 91.5 90.6
sqrt-g-m 92.0 90.9 93.6 93.1
sqrt-g-g 92.6 91.9 93.2 92.3
addsign-momentum 91.8 91.3 92.6 91.8
addsign-rmsprop 92.0 92.1 92.9 92.4
addsign-adam 91.2 91.2 92.2 91.9
powersign-plus-clip 92.5 92.4 93.8 93.1
clip-m-exp-v 93.5 92.5 93.8 92.7
m-exp-v 93.1 92.4 93.8 92.6
powersign 93.1 92.8 93.8 92.8
powersign-drop0.3 92.7 92.2 93.6 92.7
m-exp-g2 93.1 92.5 93.6 92.4
drop-m-over-exp-g2 92.6 92.4 93.5 93.0
powersign-drop0.1 92.8 92.4 93.5 92.2
rmsprop-plus-drop-m 90.8 90.8 91.4 90.9
powersign-adam 92.6 92.0 93.4 92.0
adam-exp-m 92.9 92.8 93.3 92.7
g-plus-drop-m 93.4 92.9 93.7 92.9
drop-m-exp-g3 92.8 92.7 93.7 92.8
g-clip-g2 93.4 92.8 93.7 92.8
exp-g-exp-m 93.2 92.5 93.5 93.1
drop-m-exp-w 93.2 93.0 93.5 93.2
""")

ROWS = tuple(name.partition("@")[0] for name in PAPER)
SETTINGS = {
    "smoke": Setting(
        Sweep(("adam", "powersign-drop0.3"), RATES[3:4], seeds=1),
        WideResNet(depth=10, width=1),
        steps=6,
        evaluations=3,
        batch_size=10,
        side=8,
        made_up=True,
        training_examples=20,
    ),
    "small": Setting(
        # More than the paper's rates and seed: on this scale, decades alone would mostly rank who hits the grid.
        Sweep(ROWS, RATES, refine=(10**0.5,), seeds=3),
        WideResNet(depth=10, width=1),
        steps=6 * 20,
        evaluations=6,
        side=8,
        training_examples=2_000,
    ),
    "paper": Setting(
        Sweep(ROWS, RATES, seeds=1), WideResNet(), steps=300 * (45_000 // 128), evaluations=300, batch_size=128
    ),
}
