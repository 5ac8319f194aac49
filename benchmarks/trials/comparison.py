"""Comparison of optimizers: the same trials for each, selection on validation data, the test data used once.

Each contender is tried with one seed at every learning rate of a common grid, then at rates around its best one. The
rate that is best on the validation data is trained again with fresh seeds; only these trainings are measured on the
test data.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

from benchmarks.trials.records import Record, Records, trial_of
from benchmarks.trials.trials import TUNING_SEED, Metric, Sweep, Trial

ListOptions = Callable[[str], tuple[dict[str, Any], ...]]


def compare(
    sweep: Sweep,
    contenders: Sequence[str],
    list_options: ListOptions,
    metric: Metric,
    records: Records,
    measure: Callable[[list[Trial]], None],
) -> None:
    """Runs all trials of a comparison, wave by wave.

    Args:
      sweep: Learning rates and seeds.
      contenders: Names of the contenders.
      list_options: Function from a contender's name to a tuple of dicts, the options to try it with.
      metric: The validation metric.
      records: The finished trials, which are not repeated.
      measure: Function that runs those of a list of trials that have no record, and adds each record as it arrives.
    """

    def make_wave(trials):
        measure(list(dict.fromkeys(trials)))

    tried = [(name, tuple(sorted(option.items()))) for name in contenders for option in list_options(name)]
    make_wave(Trial(name, rate, option, TUNING_SEED) for name, option in tried for rate in sweep.learning_rates)
    tried_rates = {name: list(sweep.learning_rates) for name in contenders}
    for factor in sweep.refine:
        wave = []
        for name, rates in tried_rates.items():
            best = choose(records, name, metric, rates)
            wave += [best._replace(learning_rate=best.learning_rate * change) for change in (1 / factor, factor)]
            rates += [trial.learning_rate for trial in wave[-2:]]
        make_wave(wave)
    make_wave(
        choose(records, name, metric)._replace(seed=TUNING_SEED + 1 + seed)
        for name in contenders
        for seed in range(sweep.seeds)
    )


def count_trials(sweep: Sweep, contenders: Sequence[str], list_options: ListOptions) -> int:
    """The number of trials that `compare` runs."""
    return sum(_count_tuning(sweep, list_options(name)) + sweep.seeds for name in contenders)


def count_missing(sweep: Sweep, records: Records, list_options: ListOptions, metric: Metric) -> int:
    """The number of trials of the records' contenders that `compare` would still run.

    They are counted for each contender, because trials of an earlier sweep may remain in the records.
    """
    missing = 0
    for name in records.contenders:
        choice = find_choice(records, name, metric)
        missing += max(_count_tuning(sweep, list_options(name)) - len(choice.tuned), 0)
        missing += max(sweep.seeds - len(choice.final), 0)
    return missing


def _count_tuning(sweep, options):
    """The number of trials that choose a contender's rate and options."""
    return len(options) * len(sweep.learning_rates) + 2 * len(sweep.refine)


def choose(records: Records, contender: str, metric: Metric, rates: Optional[Sequence[float]] = None) -> Trial:
    """A contender's tuning trial with the best validation among these rates; a diverged one if all diverged.

    Of several that are equally good, it is the one with the smallest rate, whichever was finished first.
    """
    tuned = [r for r in records.of(contender) if r["seed"] == TUNING_SEED]
    if rates:
        tuned = [r for r in tuned if r["learning_rate"] in rates]
    return trial_of(max(tuned, key=lambda r: (merit(r, metric), -r["learning_rate"], r["options"])))


class Choice(NamedTuple):
    """The choice for a contender, and the records that it rests on.

    Attributes:
      best: The tuning trial with the best validation.
      tuned: Records of the tuning trials.
      final: Records of the trials with fresh seeds at the chosen rate.
    """

    best: Trial
    tuned: list[Record]
    final: list[Record]


def find_choice(records: Records, contender: str, metric: Metric) -> Choice:
    """The `Choice` of a contender."""
    best = choose(records, contender, metric)
    tuned = [r for r in records.of(contender) if not trial_of(r).tests]
    final = [r for r in records.of(contender) if trial_of(r).tests and trial_of(r)._replace(seed=best.seed) == best]
    return Choice(best, tuned, final)


def merit(record: Record, metric: Metric, key: str = "best") -> float:
    """A training's result with its sign set so that larger is better; -inf if the training diverged."""
    if record["diverged"] or record.get(key) is None:
        return -math.inf
    return record[key] if metric.larger_is_better else -record[key]
