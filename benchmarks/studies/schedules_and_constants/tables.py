"""Tables of the figures: printed, and in a CSV file."""

import csv
import pathlib
import statistics
from collections.abc import Callable, Sequence

from benchmarks.studies.common.means import show_mean, standard_error
from benchmarks.studies.schedules_and_constants.measurement import Measured
from benchmarks.studies.schedules_and_constants.settings import CONSTANTS, DECAYED, WARM_UPS, Setting, list_schedules

COLUMNS = ("rule", "formula", "schedule", "rate", "reward", "standard_error", "accuracy", "diverged")


def print_tables(measured: dict[Setting, Measured]) -> None:
    """Prints the result of each setting, and for each rule the best setting next to the rule as it was."""
    names = list(dict.fromkeys(setting.name for setting in measured))

    def show(setting):
        return show_mean(measured[setting].rewards) if setting in measured else ""

    print("\nReward at the end of the run: mean and standard error over fresh seeds")
    for warm_up in WARM_UPS:
        _print_table(names, list_schedules(warm_up), lambda name, text: show(Setting(name, text)))
    constants = [f"{DECAYED}, {text}" for text in CONSTANTS]
    _print_table(names, constants, lambda name, text: show(Setting(name, DECAYED, (text.partition(", ")[2],))))
    print("\nThe rule as it was, and with the setting of least loss in the choice of rates\n")
    for name in names:
        best = min((one for one in measured if one.name == name), key=lambda one: measured[one].loss)
        what = ", ".join([best.schedule, *best.constants])
        print(f"{name:12s}{show(Setting(name)):>24s}{show(best):>24s}   {what}")


def _print_table(names: Sequence[str], columns: Sequence[str], show: Callable[[str, str], str]):
    print(f"\n{'rule':12s}" + "".join(f"{column:>28s}" for column in columns))
    for name in names:
        print(f"{name:12s}" + "".join(f"{show(name, column):>28s}" for column in columns))


def write_table(measured: dict[Setting, Measured], path: pathlib.Path) -> None:
    """Writes all figures to a CSV file."""
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for setting, one in measured.items():
            accuracy = statistics.fmean(trained.score for trained in one.fresh)
            numbers = (statistics.fmean(one.rewards), standard_error(one.rewards), accuracy)
            diverged = sum(trained.loss is None for trained in one.fresh)
            cells = [f"{one.rate:.4g}", *(f"{number:.5f}" for number in numbers), diverged]
            table.writerow([setting.name, setting.formula, setting.schedule, *cells])
