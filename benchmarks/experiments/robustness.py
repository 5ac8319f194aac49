"""PowerSign and AddSign with other constants (arXiv v2, section 5.1), on the search's child network.

The paper states, without numbers, that both are robust to slight changes of their constants, including the decay
rate of the moving average, and that PowerSign with a larger base converges faster at a small cost in the final
result. Each contender changes at most one constant; the learning rate is tuned for each.
"""

from benchmarks.experiments import cifar_convnet
from benchmarks.experiments.cifar_images import compare_others, list_options, run_trial
from benchmarks.trials.trials import Metric

__all__ = ["list_options", "run_trial"]

TITLE = "PowerSign and AddSign with other constants (v2 section 5.1)"
METRIC = Metric("validation accuracy", larger_is_better=True, format=".1%")
REFERENCE = "powersign"  # the section compares its variants with it
SCALED_DOWN = (
    f"The section names no task, so this uses the child network of cifar_convnet. {cifar_convnet.SCALED_DOWN}"
)
COLUMNS = cifar_convnet.COLUMNS
PAPER = {}
PICTURES = cifar_convnet.PICTURES

BETAS = (0.5, 0.8, 0.95, 0.99)  # in addition to the default, 0.9
CONTENDERS = (
    "sgd", "adam",
    "powersign?base=2", "powersign", "powersign?base=10", *(f"powersign?beta={beta}" for beta in BETAS),
    "addsign", "addsign?alpha=2", "addsign?alpha=4", *(f"addsign?beta={beta}" for beta in BETAS),
)  # fmt: skip
LONGER = (
    "adam", "powersign?base=2", "powersign", "powersign?base=10", "powersign?beta=0.5", "powersign?beta=0.99",
    "addsign", "addsign?alpha=2", "addsign?beta=0.5", "addsign?beta=0.99",
)  # fmt: skip
SETTINGS = compare_others(cifar_convnet.SETTINGS, CONTENDERS, ("powersign?base=2", "addsign?beta=0.5"), LONGER)
