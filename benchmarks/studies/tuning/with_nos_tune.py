"""`nos-tune`, as a function."""

import pathlib

from benchmarks.studies.tuning.tuned import Tuned


def tune_trials(task: str, rule: str, trials: int, seed: int, runs: pathlib.Path) -> Tuned:
    """Tunes as `tune_steps` does, with a number of trials."""
    raise NotImplementedError


def tune_steps(task: str, rule: str, steps: int, seed: int, runs: pathlib.Path) -> Tuned:
    """Tunes the rate, the schedule, the weight decay and the constants of a rule.

    Args:
      task: "module:task".
      rule: A name of the catalogue, or a formula.
      steps: Gradient steps that the trials may take.
      seed: Of the tuner.
      runs: The tuner's own directory is in it.
    """
    raise NotImplementedError
