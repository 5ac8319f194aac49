"""The papers' transfer experiments, a file each, all of the same shape.

TITLE        what it is and where it is printed
METRIC       the `Metric` of the validation
SETTINGS     scale -> a frozen dataclass: all sizes, and the `Sweep` of trials
SCALED_DOWN  a sentence: what scale "small" has less of than the paper
COLUMNS      key of a result -> (heading, format), for the table
PAPER        contender -> key of a result -> the paper's number
FIGURES      title -> (word for the file's name, function that plots), beside the two that every experiment has
options      (setting, contender) -> tuple of dicts: what is tuned beside the learning rate
run          (setting, trial, contender, data_dir, strategy) -> the result of one training, as of `training.train`
"""

import importlib

EXPERIMENTS = ("rosenbrock", "cifar_convnet", "cifar_wrn", "imagenet", "nmt", "lm")
SCALES = ("smoke", "small", "paper")


def experiment(name):
    """The module of an experiment; imported when it is needed, for each has libraries of its own."""
    return importlib.import_module(f"benchmarks.experiments.{name}")
