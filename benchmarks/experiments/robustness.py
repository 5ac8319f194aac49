"""PowerSign and AddSign with other constants (arXiv v2, section 5.1), on the search's own child.

The paper says in words that both are robust to slight changes of their constants, the decay rate of the moving
average among them, and that a larger base of PowerSign converges faster at a minor loss in the end. One constant at a
time is another than the default; the rate is tuned for each.
"""

from benchmarks.experiments import cifar_convnet
from benchmarks.experiments.cifar_images import compare_others, list_options, run_trial
from benchmarks.trials.trials import Metric

__all__ = ["list_options", "run_trial"]

TITLE = "PowerSign and AddSign with other constants (v2 section 5.1)"
METRIC = Metric("validation accuracy", larger_is_better=True, format=".1%")
SCALED_DOWN = f"The section names no task: this is the child of cifar_convnet. {cifar_convnet.SCALED_DOWN}"
COLUMNS = cifar_convnet.COLUMNS
PAPER = {}
PICTURES = cifar_convnet.PICTURES

BETAS = (0.5, 0.8, 0.95, 0.99)  # beside 0.9
CONTENDERS = (
    "sgd", "adam",
    "powersign?base=2", "powersign", "powersign?base=10", *(f"powersign?beta={beta}" for beta in BETAS),
    "addsign", "addsign?alpha=2", "addsign?alpha=4", *(f"addsign?beta={beta}" for beta in BETAS),
)  # fmt: skip
SETTINGS = compare_others(cifar_convnet.SETTINGS, CONTENDERS, ("powersign?base=2", "addsign?beta=0.5"))
