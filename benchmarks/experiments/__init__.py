"""The papers' experiments, one per file, each a `trials.experiment.Experiment`."""

import importlib

from benchmarks.trials.experiment import Experiment, Setting
from neural_optimizer_search.user_error import UserError

EXPERIMENTS = (
    "rosenbrock", "cifar_convnet", "cifar_wrn", "imagenet", "nmt", "lm", "robustness", "table6", "cifar_decays",
)  # fmt: skip


def find_setting(name: str, scale: str) -> Setting:
    """The setting of an experiment at a scale.

    Raises:
      UserError: If the experiment lacks the scale.
    """
    settings = load_experiment(name).SETTINGS
    if scale not in settings:
        raise UserError(f"argument --scale: must be one of {', '.join(settings)} for {name}. Received: {scale}")
    return settings[scale]


def load_experiment(name: str) -> Experiment:
    """Imports the module of an experiment only when it is needed, because each needs other libraries."""
    return importlib.import_module(f"benchmarks.experiments.{name}")
