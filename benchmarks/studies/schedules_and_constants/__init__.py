"""What do a schedule of the learning rate and other constants add to a rule, at the end of a run?

Each rule is measured with each schedule, with a linear schedule and one constant changed, and with the best schedule
and the best value of each constant together. The rate of each setting is swept again, over two decades around the
best constant rate: one seed for every rate, two more for the best two. Fresh seeds then give the results: 1 - (mean
validation cross-entropy in the last third of the run) / log(classes), and the accuracy.

    python -m benchmarks.run schedules_and_constants --workers 2
    python -m benchmarks.run schedules_and_constants --workers 2 --task cifar10 --protocol reduced --data_dir DATA
"""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from benchmarks.studies.common.shared_flags import (
    data_dir_flag,
    find_protocol,
    protocol_flag,
    results_flag,
    runs_flag,
    task_flag,
)
from benchmarks.studies.common.trainings import trainings
from benchmarks.studies.schedules_and_constants.measurement import RATES, Measurement
from benchmarks.studies.schedules_and_constants.settings import RULES, Setting, list_settings, put_together
from benchmarks.studies.schedules_and_constants.tables import print_tables, write_table
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks import TASKS

TITLE = "what do schedules and constants add to known and found rules?"


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    protocol: str = protocol_flag()
    rules: Sequence[str] = flag(tuple(RULES), "rules to measure", choices=RULES, nargs="+", metavar="NAME")
    fresh_seeds: int = flag(10, "trainings at each chosen rate", parse=whole_number(2, 1_000))
    workers: int = flag(1, "trainings at once, each a process with one thread", parse=whole_number(1, 1_000))
    data_dir: Optional[str] = data_dir_flag()
    runs: pathlib.Path = runs_flag("schedules_and_constants")
    results: pathlib.Path = results_flag()


def run(config: Config) -> dict[str, Any]:
    """Measures every setting; returns the rewards."""
    find_protocol(TASKS[config.task], config.protocol)  # fails early if the protocol is unknown
    config.results.mkdir(parents=True, exist_ok=True)  # before the work, which would be lost
    with trainings(config.runs / f"{config.task}-{config.protocol}.jsonl", config.workers, config.data_dir) as train:
        measurement = Measurement(config, train)
        swept = measurement.sweep({Setting(name): RATES for name in config.rules})
        rates = {setting.name: rate for setting, (rate, _) in swept.items()}
        measured = measurement.measure([one for name in config.rules for one in list_settings(name)], rates)
        losses = {setting: one.loss for setting, one in measured.items()}
        together = [put_together(name, losses) for name in config.rules]
        measured.update(measurement.measure([one for one in together if one not in measured], rates))
    write_table(measured, config.results / f"schedules_and_constants_{config.task}.csv")
    print_tables(measured)
    rows = [dict(setting._asdict(), rate=one.rate, rewards=one.rewards) for setting, one in measured.items()]
    return dict(task=config.task, protocol=config.protocol, fresh_seeds=config.fresh_seeds, settings=rows)
