"""Runs the missing trials of the papers' experiments and prints their tables.

An optimizer is a name that `nos-optimizers` lists, a formula, or `run:RUN#1`, the best rule of a search. A suffix
such as `@cosine`, `@linear_cosine` or `@stepwise` sets the decay of its learning rate. Constructor arguments are
written as in "powersign?base=2" and "addsign?alpha=2&beta=0.8@cosine". Every finished training is stored in
OUT/EXPERIMENT-SCALE.jsonl, or OUT/EXPERIMENT-SCALE-DATA.jsonl for the user's own data, and not repeated.
"""

import argparse
import dataclasses
import functools
import pathlib
import re
from collections.abc import Sequence
from typing import Any, Optional

from tqdm import tqdm

from benchmarks.experiments import find_setting, load_experiment
from benchmarks.trials.comparison import compare, count_trials
from benchmarks.trials.contenders import Contender, read_contender
from benchmarks.trials.execution import measure_trials, trial_runner
from benchmarks.trials.experiment import SCALES, TakesOwnData
from benchmarks.trials.records import Records
from benchmarks.trials.strategies import STRATEGIES
from benchmarks.trials.summary import make_table, summarize
from neural_optimizer_search.command_line import path, shorten, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.user_error import UserError

OUT = pathlib.Path("runs", "benchmarks")
NMT = "nmt"


def _suffix(text):
    if not re.fullmatch(r"[\w-]{1,20}", text):
        raise argparse.ArgumentTypeError(f"must be the suffix of a file, such as en. Received: {shorten(text)!r}.")
    return text


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of an experiment."""

    scale: str = flag(
        "small",
        "smoke: made-up data; small: for two cores; medium: ten times the updates of small, for some experiments; "
        "paper: as in the paper",
        choices=SCALES,
    )
    optimizers: Optional[Sequence[str]] = flag(
        None,
        "optimizers to compare: names of nos-optimizers, formulas, or run:RUN#K for the K-th best rule of a search; "
        "append '?base=2' or '?alpha=2&beta=0.8' to set constructor arguments, and @cosine or the like to set the "
        "learning-rate decay",
        nargs="+",
        metavar="NAME",
        default_text="the paper's",
    )
    seeds: Optional[int] = flag(
        None, "trainings at the chosen learning rate", parse=whole_number(1, 1_000), default_text="the scale's"
    )
    data_dir: Optional[pathlib.Path] = flag(
        None,
        "directory of the data sets; at any scale, it may hold your own text for lm, {train,valid,test}.txt, and "
        "your own sentences for nmt, {train,validation,test}.SUFFIX in two languages, one per line",
        parse=path,
    )
    languages: Optional[tuple[str, str]] = flag(
        None,
        "for nmt: the source and the target language, as suffixes of the files, such as fr en",
        parse=_suffix,
        nargs="+",
        metavar="SUFFIX",
        default_text="en de",
    )
    out: pathlib.Path = flag(OUT, "directory of the results", parse=path)
    strategy: str = flag("default", "strategy of tf.distribute", choices=STRATEGIES)
    workers: int = flag(1, "trainings at once, each a process with one thread", parse=whole_number(1, 1_000))

    def __post_init__(self) -> None:
        if self.workers > 1 and self.strategy != "default":
            raise UserError("argument --workers: must be 1 with a --strategy, which has workers of its own")
        if self.languages and (len(self.languages) != 2 or len(set(self.languages)) != 2):
            raise UserError(
                f"argument --languages: must be two different suffixes. Received: {' '.join(self.languages)}"
            )


def run_experiments(names: Sequence[str], config: Config) -> dict[str, Any]:
    """Runs experiments one after another.

    Args:
      names: Names of `EXPERIMENTS`.
      config: The flags.

    Returns:
      A dict with the scale, and the figures of each experiment by name.

    Raises:
      UserError: If an optimizer is unknown, an experiment lacks the scale, the records have another setting, or
        languages are given although no experiment translates.
      FileNotFoundError: If the data are missing.
    """
    if config.languages and NMT not in names:
        raise UserError(f"argument --languages: only {NMT} translates. Leave it out for {', '.join(names)}")
    for name in names:
        find_setting(name, config.scale)  # before the first one runs for hours
    return dict(scale=config.scale, experiments={name: _run_experiment(name, config) for name in names})


def _run_experiment(name, config):
    experiment = load_experiment(name)
    setting, data = _choose_data(experiment, config)
    sweep = setting.sweep
    contenders = _read_contenders(config.optimizers or sweep.contenders, sweep.schedule)
    if config.seeds:
        sweep = dataclasses.replace(sweep, seeds=config.seeds)
    records = Records(config.out / f"{'-'.join(filter(None, (name, config.scale, data)))}.jsonl", setting)
    list_options = functools.partial(_list_options, experiment, setting, contenders)
    with (
        tqdm(total=count_trials(sweep, list(contenders), list_options), unit="training", desc=name) as bar,
        trial_runner(experiment.__name__, setting, config.data_dir, config.strategy, config.workers) as run_trials,
    ):
        measure = measure_trials(contenders, records, run_trials, bar)
        compare(sweep, list(contenders), list_options, experiment.METRIC, records, measure)
    figures = summarize(experiment, records, list(contenders))
    on, table = data and f", data {data}", make_table(experiment, figures, data)
    print(f"\n{experiment.TITLE}, scale {config.scale}{on}\n\n{table}\n", flush=True)
    return figures


def _choose_data(experiment: Any, config: Config) -> tuple[Any, str]:
    setting = experiment.SETTINGS[config.scale]
    if isinstance(experiment, TakesOwnData):
        return experiment.choose_data(setting, config.data_dir, config.languages)
    return setting, ""


def _list_options(experiment, setting, contenders, name):
    """The options that the experiment tunes for a contender, without those that its name already sets."""
    contender = contenders[name]
    said = dict(contender.arguments)
    options = experiment.list_options(setting, str(contender._replace(arguments=())))
    left = [{key: value for key, value in option.items() if key not in said} for option in options]
    return tuple(option for i, option in enumerate(left) if option not in left[:i])


def _read_contenders(texts: Sequence[str], schedule: str) -> dict[str, Contender]:
    try:
        found = [read_contender(text, schedule) for text in texts]
    except ValueError as error:
        # The lines after the first one point at a place in a formula; a command's error is one line.
        raise UserError(f"argument --optimizers: {str(error).splitlines()[0]}") from None
    return {str(one): one for one in found}
