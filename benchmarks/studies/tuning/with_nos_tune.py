"""`nos-tune`, as a function."""

from benchmarks.studies.tuning.tuned import Tuned


def tune(task: str, rule: str, steps: int, seed: int) -> Tuned:
    """Tunes the rate, the schedule, the weight decay and the constants of a rule.

    Args:
      task: "module:task".
      rule: A name of the catalogue, or a formula.
      steps: Gradient steps that the trials may take.
      seed: Of the tuner.
    """
    raise NotImplementedError
