"""What an experiment is: a module with all that this says. The trials, selection, tables and pictures do the rest."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any, Optional, Protocol, runtime_checkable

import tensorflow as tf

from benchmarks.trials.contenders import Contender
from benchmarks.trials.trials import Metric, Sweep, Trial

SCALES = ("smoke", "small", "medium", "paper")


class Setting(Protocol):
    """All sizes of an experiment at one scale: a frozen dataclass. Records of another setting are not resumed."""

    sweep: Sweep


@runtime_checkable
class Experiment(Protocol):
    """One of the papers' transfer experiments.

    Attributes:
      TITLE: What it is and where it is printed.
      METRIC: What the validation is measured by.
      SETTINGS: Scale -> `Setting`, for each of `SCALES`; "medium" may be missing.
      SCALED_DOWN: A sentence: what scale "small" has less of than the paper.
      COLUMNS: Key of a result -> (heading, format), for the table.
      PAPER: Contender -> key of a result -> the paper's number.
      PICTURES: Title -> (word for the file's name, function that plots), beside the two that every experiment has.
    """

    TITLE: str
    METRIC: Metric
    SETTINGS: Mapping[str, Setting]
    SCALED_DOWN: str
    COLUMNS: Mapping[str, tuple[str, str]]
    PAPER: Mapping[str, Mapping[str, float]]
    PICTURES: Mapping[str, tuple[str, Callable[..., None]]]

    def list_options(self, setting: Setting, name: str) -> tuple[dict[str, Any], ...]:
        """What is tuned beside the learning rate of a contender: the options to try, `({},)` if there are none."""

    def run_trial(
        self,
        setting: Setting,
        trial: Trial,
        contender: Contender,
        data_dir: Optional[pathlib.Path],
        strategy: tf.distribute.Strategy,
    ) -> dict[str, Any]:
        """Trains once; returns what `training.train` does."""


@runtime_checkable
class TakesOwnData(Protocol):
    """An experiment that also trains on other data than a scale's own."""

    def choose_data(
        self, setting: Any, data_dir: Optional[pathlib.Path], languages: Optional[tuple[str, str]]
    ) -> tuple[Any, str]:
        """The setting for the data that are there, and their name; of the scale's own data, the setting and ""."""
