"""The interface of an experiment, which is a module; trials, selection, tables and plots are shared."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol, runtime_checkable

import tensorflow as tf

from benchmarks.trials.contenders import Contender
from benchmarks.trials.trials import Metric, Sweep, Trial

SCALES = ("smoke", "small", "medium", "paper")


class Setting(Protocol):
    """All sizes of an experiment at one scale, as a frozen dataclass. Records of another setting are not resumed."""

    sweep: Sweep


def list_no_options(setting: Setting, name: str) -> tuple[dict[str, Any], ...]:
    """The `list_options` of an experiment that tunes only the learning rate."""
    return ({},)


@runtime_checkable
class Experiment(Protocol):
    """One of the papers' transfer experiments.

    Attributes:
      TITLE: Its name, and the table or figure of the paper.
      METRIC: The validation metric.
      REFERENCE: The optimizer that speed-ups are relative to.
      SETTINGS: Scale -> `Setting`, for each of `SCALES`; "medium" may be missing.
      SCALED_DOWN: A sentence that says how scale "small" is smaller than the paper's.
      COLUMNS: Key of a result -> (heading, format), for the table.
      PAPER: Contender -> key of a result -> the paper's number.
      PICTURES: Title -> (word for the file name, plotting function), in addition to the two of every experiment.
    """

    TITLE: str
    METRIC: Metric
    REFERENCE: str
    SETTINGS: Mapping[str, Setting]
    SCALED_DOWN: str
    COLUMNS: Mapping[str, tuple[str, str]]
    PAPER: Mapping[str, Mapping[str, float]]
    PICTURES: Mapping[str, tuple[str, Callable[..., None]]]

    def list_options(self, setting: Setting, name: str) -> tuple[dict[str, Any], ...]:
        """The options to tune for a contender in addition to the learning rate, or `list_no_options`."""

    def run_trial(
        self,
        setting: Setting,
        trial: Trial,
        contender: Contender,
        data_dir: Optional[pathlib.Path],
        strategy: tf.distribute.Strategy,
    ) -> dict[str, Any]:
        """Trains once; returns the same as `training.train`."""


@runtime_checkable
class TakesOwnData(Protocol):
    """An experiment that can also train on data other than the scale's own."""

    def choose_data(
        self, setting: Any, data_dir: Optional[pathlib.Path], languages: Optional[tuple[str, str]]
    ) -> tuple[Any, str]:
        """The setting for the available data, and their name; the setting itself and "" for the scale's own data."""
