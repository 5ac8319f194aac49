"""How optimizers are compared: the same trials for each, selection on validation data, the test data once.

Each contender is tried at every learning rate of one grid, the same for all, with one seed; then at the two rates
around its best one. The rate that is best on the validation data is trained again with fresh seeds, and these
trainings alone are measured on the test data.
"""

import dataclasses
import json
import math
from typing import NamedTuple

TUNING_SEED = 0


@dataclasses.dataclass(frozen=True)
class Sweep:
    """The trials of one comparison.

    Args:
      contenders: Who takes part if nobody says otherwise, as `contenders.contender` reads them.
      learning_rates: The grid.
      refine: Factor; the best rate times and divided by it are tried too. None: they are not.
      seeds: Number of trainings at the chosen rate.
      schedule: The decay of a contender's learning rate that names none.
    """

    contenders: tuple
    learning_rates: tuple
    refine: float = None
    seeds: int = 5
    schedule: str = "constant"


class Trial(NamedTuple):
    """One training. `options` are pairs of what is tuned beside the learning rate, such as ("epsilon", 1e-3)."""

    contender: str
    learning_rate: float
    options: tuple
    seed: int

    @property
    def tests(self):
        """Whether it is measured on the test data: tuning is not."""
        return self.seed != TUNING_SEED


class Metric(NamedTuple):
    """What a comparison measures.

    Attributes:
      name: What it is called in tables.
      larger_is_better: Or smaller.
      format: Of a number in a table.
    """

    name: str
    larger_is_better: bool
    format: str = ".4f"

    def best(self, values):
        """The best of the values; of none, the worst there is."""
        worst = -math.inf if self.larger_is_better else math.inf
        return (max if self.larger_is_better else min)(values, default=worst)

    def reached(self, value, target):
        return value >= target if self.larger_is_better else value <= target


def compare(sweep, contenders, options, metric, records, measure):
    """Makes all trials of a comparison, one wave after the other.

    Args:
      sweep: A `Sweep`.
      contenders: Names.
      options: Contender -> tuple of dicts, the options to try it with.
      metric: The `Metric` that the validation is measured by.
      records: `Records`; what is there is not done again.
      measure: Called with the list of `Trial`s to make; adds each record as it comes.
    """

    def wave(trials):
        missing = [trial for trial in dict.fromkeys(trials) if trial not in records]
        if missing:
            measure(missing)

    tried = [(name, tuple(sorted(option.items()))) for name in contenders for option in options(name)]
    wave(Trial(name, rate, option, TUNING_SEED) for name, option in tried for rate in sweep.learning_rates)
    if sweep.refine:
        wave(
            trial._replace(learning_rate=trial.learning_rate * factor)
            for trial in [choose(records, name, metric, sweep.learning_rates) for name in contenders]
            for factor in (1 / sweep.refine, sweep.refine)
        )
    wave(
        choose(records, name, metric)._replace(seed=TUNING_SEED + 1 + seed)
        for name in contenders
        for seed in range(sweep.seeds)
    )


def trial_count(sweep, contenders, options):
    """The number of trials that `compare` makes."""
    tuned = sum(len(options(name)) for name in contenders) * len(sweep.learning_rates)
    return tuned + len(contenders) * ((2 if sweep.refine else 0) + sweep.seeds)


def choose(records, contender, metric, rates=None):
    """The tuning trial of a contender, at one of these rates, with the best validation; a diverged one if all did."""
    tuned = [r for r in records.of(contender) if r["seed"] == TUNING_SEED]
    if rates:
        tuned = [r for r in tuned if r["learning_rate"] in rates]
    return trial_of(sorted(tuned, key=lambda r: merit(r, metric))[-1])


def chosen_and_rest(records, contender, metric):
    """(the chosen trial, the records of the tuning, those of the trials at the chosen rate)."""
    best = choose(records, contender, metric)
    tuned = [r for r in records.of(contender) if not trial_of(r).tests]
    final = [r for r in records.of(contender) if trial_of(r).tests and trial_of(r)._replace(seed=best.seed) == best]
    return best, tuned, final


def merit(record, metric):
    """The best validation of a training, so that more is better; of one that diverged, the worst there is."""
    if record["diverged"] or record["best"] is None:
        return -math.inf
    return record["best"] if metric.larger_is_better else -record["best"]


def trial_of(record):
    options = tuple(tuple(pair) for pair in record["options"])
    return Trial(record["contender"], record["learning_rate"], options, record["seed"])


class OtherSetting(ValueError):
    """Records that were made with another setting than this one."""


class Records:
    """The finished trials of one comparison: a file of JSON lines, a line each, written as they come.

    Args:
      path: The file; made with the first record.
      setting: A frozen dataclass with all that a result depends on beside the trial.

    Attributes:
      setting: The setting without its sweep, as JSON has it.

    Raises:
      OtherSetting: If the file's records were made with another setting.
    """

    def __init__(self, path, setting):
        self._path, self.setting = path, json.loads(json.dumps(_trained(setting)))
        self._records = {}
        if path.exists():
            self._read()

    def _read(self):
        *lines, torn = self._path.read_text().split("\n")
        if torn:  # a line without an end was cut off by a kill: that trial is done again
            self._path.write_text("".join(f"{line}\n" for line in lines))
        for line in lines:
            record = json.loads(line)
            if record["setting"] != self.setting:
                other = {k for k, v in record["setting"].items() if self.setting.get(k) != v}
                raise OtherSetting(
                    f"{self._path} holds results of another setting ({', '.join(sorted(other))}). Delete it, or "
                    "choose another directory with --out"
                )
            self._records[trial_of(record)] = record

    def __contains__(self, trial):
        return trial in self._records

    def __len__(self):
        return len(self._records)

    def add(self, trial, result):
        record = {**trial._asdict(), **result, "setting": self.setting}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as file:
            # One write: a kill leaves a whole line, or a torn one at the end.
            file.write(json.dumps(record) + "\n")
        self._records[trial] = json.loads(json.dumps(record))

    def of(self, contender):
        """The records of a contender, in the order of the trials."""
        return [record for trial, record in self._records.items() if trial.contender == contender]

    @property
    def contenders(self):
        return list(dict.fromkeys(trial.contender for trial in self._records))


def _trained(setting):
    """What a result depends on: who else takes part, and how often, is none of it."""
    return {field: value for field, value in dataclasses.asdict(setting).items() if field != "sweep"}
