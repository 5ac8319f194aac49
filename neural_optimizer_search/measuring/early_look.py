"""A look at a training before its end, which tells whether the rest of it is worth its steps."""

import numpy as np

from neural_optimizer_search.measuring.child_run import ChildRun, TrainingRun, find_curves, make_run


def find_look(steps: int, validate_every: int) -> int:
    """The step of the first look: the last validation in the first third of a run, or the first one after that.

    A run whose only validation is at its end, as where the number of steps is prime, is looked at after a third.

    Example:
      >>> from neural_optimizer_search.measuring.early_look import find_look
      >>> find_look(30, validate_every=5), find_look(30, validate_every=15), find_look(31, validate_every=31)
      (10, 15, 10)
    """
    third = max(1, steps // 3)
    validation = max(validate_every, third // validate_every * validate_every)
    return validation if validation < steps else third


def look(training: ChildRun, end: int, validate_every: int) -> TrainingRun:
    """Trains up to the step `end`, and returns the run as if it ended there: its curves end with a validation.

    This does not change how the training continues.
    """
    run = training.advance(end)
    curves = find_curves(run)[: run.steps // validate_every]
    if run.finite and end % validate_every:
        curves = np.concatenate([curves, training.validate()[None]])
    return make_run(run.finite, run.steps, curves, run.update_rms)
