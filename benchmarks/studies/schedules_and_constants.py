"""What do a schedule of the learning rate and other constants add to a rule, at the end of a run?

Each rule with each schedule, and with a linear schedule and one constant changed, and at last with the best schedule and
the best of each constant together. Each has its rate swept anew, over two decades around the best constant rate: one
seed for every rate, two more for the best two. What it is worth is measured with fresh seeds: 1 - (mean validation
cross-entropy in the last third of the run) / log(classes), and the accuracy.

    python -m benchmarks.run schedules_and_constants --workers 2
    python -m benchmarks.run schedules_and_constants --workers 2 --task cifar10 --protocol reduced --data_dir DATA
"""

# `flag` makes a dataclass field.

import csv
import math
import pathlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

from benchmarks.studies.common.means import show_mean, standard_error
from benchmarks.studies.common.shared_flags import (
    data_dir_flag,
    find_protocol,
    protocol_flag,
    results_flag,
    runs_flag,
    task_flag,
)
from benchmarks.studies.common.trainings import FRESH_SEED, Train, Trained, Training, trainings
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.flags import flag
from neural_optimizer_search.tasks import TASKS

TITLE = "what do schedules and constants add to known and to found rules?"
RULES = {
    "Adam": "Adam",
    "Nadam": "nesterov / sqrt(v)",
    "PowerSign": "exp(sign(g) * sign(m)) * g",
    "AddSign": "(1 + sign(g) * sign(m)) * g",
    # Found by evolution and PPO on `digits`, and by PPO on `cifar10`: sections 7 and 8 of benchmarks/results/README.md.
    "evolution 1": "Adam / sign(clip(m, 1e-5) - clip(sign(g), 1e-5))",
    "evolution 2": "drop(Adam, 0.1) * exp(sign(m) * sign(g))",
    "PPO 1": "Adam - drop(-RMSProp, 0.3)",
    "PPO 2": "Adam - drop(-sign(g), 0.5)",
    "PPO 3": "drop(Adam, 0.5)",
}
DECAYS = ("constant", "linear", "cosine", "linear_cosine")
SCHEDULES = (*DECAYS, *(f"{decay}, warm-up 0.1" for decay in DECAYS))
DECAYED = "linear"  # with which constants are changed
CONSTANTS = dict(beta_1=(0.5, 0.8, 0.95), beta_2=(0.9, 0.99), epsilon=(1e-5, 1e-3))
WIDE = tuple(10.0 ** (i / 2) for i in range(-9, 5))
NEAR = tuple(10.0 ** (i / 2) for i in range(-2, 3))  # times the best constant rate
FIRST_SEED, OTHER_SEEDS, FINALISTS = 0, (1, 2), 2


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    task: str = task_flag()
    protocol: str = protocol_flag()
    rules: Sequence[str] = flag(tuple(RULES), "which of the rules", choices=RULES, nargs="+", metavar="NAME")
    fresh_seeds: int = flag(10, "trainings at each chosen rate", parse=whole_number(2, 1_000))
    workers: int = flag(1, "trainings at once, each a process with one thread", parse=whole_number(1, 1_000))
    data_dir: Optional[str] = data_dir_flag()
    runs: pathlib.Path = runs_flag("schedules_and_constants")
    results: pathlib.Path = results_flag()


class Setting(NamedTuple):
    """With what a rule is measured.

    Attributes:
      name: Of the rule, a key of `RULES`.
      constants: What stands after the formula, such as ", beta_1=0.8".
      schedule: As `parse_schedule` reads it.
    """

    name: str
    constants: str = ""
    schedule: str = SCHEDULES[0]


class Measured(NamedTuple):
    """What a setting is worth.

    Attributes:
      rate: The chosen learning rate.
      tuning_loss: The mean loss by which the rate was chosen.
      fresh: The trainings with fresh seeds.
    """

    rate: float
    tuning_loss: float
    fresh: list[Trained]


def run(config: Config) -> dict[str, Any]:
    """Measures every setting; returns the rewards."""
    find_protocol(TASKS[config.task], config.protocol)  # so that what is wrong shows now
    path = config.runs / f"{config.task}-{config.protocol}.jsonl"
    with trainings(path, config.workers, config.data_dir) as train:
        study = _Study(config, train)
        rates = study.sweep({Setting(name): WIDE for name in config.rules})
        near = {setting.name: [rate * factor for factor in NEAR] for setting, (rate, _) in rates.items()}
        measured = study.measure([setting for name in config.rules for setting in list_settings(name)], near)
        best = {name: choose_together(name, measured) for name in config.rules}
        measured.update(study.measure([setting for setting in best.values() if setting not in measured], near))
    write_table(measured, config.results / f"schedules_and_constants_{config.task}.csv")
    print_tables(measured, best)
    rows = [dict(setting._asdict(), rate=one.rate, rewards=list_rewards(one)) for setting, one in measured.items()]
    return dict(task=config.task, protocol=config.protocol, fresh_seeds=config.fresh_seeds, settings=rows)


def list_settings(name: str) -> list[Setting]:
    """Every schedule with the papers' constants, and every other constant that the rule has with one schedule."""
    changed = [
        Setting(name, f", {constant}={value!r}", DECAYED)
        for constant, values in CONSTANTS.items()
        if has_constant(name, constant)
        for value in values
    ]
    return [*(Setting(name, schedule=schedule) for schedule in SCHEDULES), *changed]


def has_constant(name: str, constant: str) -> bool:
    """Whether a rule's values depend on a constant."""
    formula = RULES[name]
    if constant == "epsilon":
        return any(word in formula for word in ("/", "Adam", "RMSProp"))
    return {"beta_1": "m", "beta_2": "v"}[constant] in parse_formula(formula).averages


def choose_together(name: str, measured: dict[Setting, Measured]) -> Setting:
    """The best schedule with the best value of each constant, by the losses that rates are chosen by."""

    def best(settings):
        return min(settings, key=lambda setting: measured[setting].tuning_loss)

    mine = [setting for setting in measured if setting.name == name]
    papers = Setting(name, schedule=DECAYED)
    chosen = [best([papers, *(s for s in mine if s.constants.startswith(f", {c}="))]) for c in CONSTANTS]
    schedule = best([setting for setting in mine if not setting.constants]).schedule
    return Setting(name, "".join(setting.constants for setting in chosen), schedule)


class _Study:
    """Sweeps and measures settings, all trainings of a stage at once.

    Args:
      config: The flags.
      train: Trains.
    """

    def __init__(self, config: Config, train: Train):
        self._config, self._train = config, train

    def sweep(self, rates):
        """Setting -> (the best of its rates, that rate's mean loss)."""
        tried = [(setting, rate) for setting, several in rates.items() for rate in several]
        first = self._losses(tried, (FIRST_SEED,))
        finalists = [
            (setting, rate)
            for setting, several in rates.items()
            for rate in sorted(several, key=lambda rate: first[setting, rate])[:FINALISTS]
        ]
        losses = self._losses(finalists, (FIRST_SEED, *OTHER_SEEDS))
        best = {
            s: min((rate for one, rate in finalists if one == s), key=lambda rate: losses[s, rate]) for s in rates
        }
        return {setting: (rate, losses[setting, rate]) for setting, rate in best.items()}

    def measure(self, settings, near):
        """Setting -> `Measured`; `near` are the rates to choose from, by the rule's name."""
        chosen = self.sweep({setting: near[setting.name] for setting in settings})
        seeds = range(FRESH_SEED, FRESH_SEED + self._config.fresh_seeds)
        pairs = [(setting, rate) for setting, (rate, _) in chosen.items()]
        trained = self._train_all(pairs, seeds)
        return {setting: Measured(*chosen[setting], trained[setting, rate]) for setting, rate in pairs}

    def _losses(self, pairs, seeds):
        return {
            pair: statistics.fmean(math.inf if one.loss is None else one.loss for one in several)
            for pair, several in self._train_all(pairs, seeds).items()
        }

    def _train_all(self, pairs, seeds):
        c = self._config
        wanted = [
            Training(c.task, RULES[s.name] + s.constants, rate, seed, s.schedule, protocol=c.protocol)
            for s, rate in pairs
            for seed in seeds
        ]
        trained = self._train(wanted)
        return {pair: trained[i * len(seeds) : (i + 1) * len(seeds)] for i, pair in enumerate(pairs)}


def list_rewards(measured: Measured, classes: int = 10) -> list[float]:
    """1 - cross-entropy / log(classes) of each fresh seed, at least 0; 0 if it diverged."""
    losses = [math.log(classes) if one.loss is None else one.loss for one in measured.fresh]
    return [max(0.0, 1.0 - loss / math.log(classes)) for loss in losses]


def print_tables(measured: dict[Setting, Measured], best: dict[str, Setting]) -> None:
    """Prints what each setting is worth, and the best one beside the rule as it was."""

    def show(setting):
        return show_mean(list_rewards(measured[setting])) if setting in measured else ""

    print("\nReward at the end of the run, mean and standard error over fresh seeds, by schedule\n")
    print(f"{'rule':12s}" + "".join(f"{schedule:>24s}" for schedule in SCHEDULES))
    for name in best:
        print(f"{name:12s}" + "".join(f"{show(Setting(name, schedule=schedule)):>24s}" for schedule in SCHEDULES))
    constants = [f", {name}={value!r}" for name, values in CONSTANTS.items() for value in values]
    print(f"\nWith the schedule {DECAYED} and another constant\n")
    print(f"{'rule':12s}" + "".join(f"{text.strip(', '):>20s}" for text in constants))
    for name in best:
        print(f"{name:12s}" + "".join(f"{show(Setting(name, text, DECAYED)):>20s}" for text in constants))
    print("\nAs it was, and with the best schedule and the best of each constant\n")
    for name, setting in best.items():
        print(f"{name:12s}{show(Setting(name)):>20s}{show(setting):>20s}   {setting.schedule}{setting.constants}")


def write_table(measured: dict[Setting, Measured], path: pathlib.Path) -> None:
    """Keeps all figures as a table."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["rule", "formula", "schedule", "rate", "reward", "standard_error", "accuracy", "diverged"])
        for setting, one in measured.items():
            rewards = list_rewards(one)
            numbers = (
                statistics.fmean(rewards),
                standard_error(rewards),
                statistics.fmean(t.score for t in one.fresh),
            )
            diverged = sum(trained.loss is None for trained in one.fresh)
            formula = RULES[setting.name] + setting.constants
            cells = [f"{one.rate:.4g}", *(f"{number:.5f}" for number in numbers), diverged]
            table.writerow([setting.name, formula, setting.schedule, *cells])
