"""The papers' experiments, one per file, each a `trials.experiment.Experiment`."""

import importlib

from benchmarks.trials.experiment import Experiment

EXPERIMENTS = (
    "rosenbrock", "cifar_convnet", "cifar_wrn", "imagenet", "nmt", "lm", "robustness", "table6", "cifar_decays",
)  # fmt: skip


def load_experiment(name: str) -> Experiment:
    """Imports the module of an experiment only when it is needed, because each needs other libraries."""
    return importlib.import_module(f"benchmarks.experiments.{name}")
