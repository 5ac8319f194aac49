"""Learning-rate decays on the Wide ResNet, each with the same optimizers (arXiv v2, sections 5.2 and 6.2).

The paper compares linear cosine with cosine only on its own optimizers, and says that both of its decays allow a
higher initial rate and converge faster. Here, every optimizer is combined with every decay, to separate the effects
of the two. Only a long training can show them: in the 250 updates of scale `small`, linear cosine decay reduces the
rate before much is learned.
"""

from benchmarks.experiments import cifar_wrn
from benchmarks.experiments.cifar_images import compare_others, list_options, run_trial
from benchmarks.experiments.cifar_wrn import METRIC, REFERENCE

__all__ = ["METRIC", "REFERENCE", "list_options", "run_trial"]

OPTIMIZERS = ("sgd", "momentum", "adam", "powersign", "addsign")
DECAYS = ("constant", "cosine", "linear_cosine", "noisy_linear_cosine", "stepwise", "restarts")
CONTENDERS = tuple(f"{optimizer}@{decay}" for decay in DECAYS for optimizer in OPTIMIZERS)
LONGER = tuple(f"{optimizer}@{decay}" for decay in DECAYS[:-1] for optimizer in OPTIMIZERS if optimizer != "momentum")

TITLE = "Five decays of the learning rate, and none, with five optimizers (v2 sections 5.2 and 6.2)"
SCALED_DOWN = cifar_wrn.SCALED_DOWN.replace("12 of the 30 rows; ", "")
COLUMNS = cifar_wrn.COLUMNS
PAPER = {name: numbers for name, numbers in cifar_wrn.PAPER.items() if name in CONTENDERS}
PICTURES = cifar_wrn.PICTURES
SETTINGS = compare_others(cifar_wrn.SETTINGS, CONTENDERS, ("adam@stepwise", "addsign@restarts"), LONGER)
