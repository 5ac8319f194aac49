"""Means of trainings with several seeds, with their standard errors."""

import statistics
from collections.abc import Sequence
from typing import Optional


def standard_error(values: Sequence[float]) -> float:
    """The standard error of the mean; 0 for a single value."""
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def show_mean(values: Sequence[Optional[float]], digits: int = 4) -> str:
    """The mean and standard error of the values that did not diverge (None), and how many did.

    Example:
      >>> from benchmarks.studies.common.means import show_mean
      >>> show_mean([0.25, 0.27]), show_mean([0.25, None, 0.27]), show_mean([])
      ('0.26 ± 0.01', '0.26 ± 0.01, 1 diverged', '–')
    """
    finite = [value for value in values if value is not None]
    if not finite:
        return "all diverged" if values else "–"
    diverged = f", {len(values) - len(finite)} diverged" if len(finite) < len(values) else ""
    return f"{statistics.fmean(finite):.{digits}g} ± {standard_error(finite):.2g}{diverged}"
