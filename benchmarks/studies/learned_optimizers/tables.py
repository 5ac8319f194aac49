"""Tables of the comparisons, in Markdown and CSV."""

import csv
import pathlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies.learned_optimizers.comparison import (
    FIXED,
    ITERATIONS,
    LEARNED,
    SHOWN,
    USUAL,
    Comparison,
)
from neural_optimizer_search.files import write_whole
from neural_optimizer_search.l2o.trajectories import cap

FIELDS = ("family", "preset", "optimizer", "seed", "iteration", "value", "margin_fixed_steps", "margin_all")


def make_comparison_table(title: str, figures: Mapping[str, Mapping[str, Any]]) -> str:
    """A title and a Markdown table."""
    head = ["optimizer", "setting", *(f"value at {t}" for t in SHOWN), "computations", "diverged"]
    lines = [[*head, "learned one is ahead in", "its lead at 100"]]
    lines.append(["---"] * len(lines[0]))
    for name, row in figures.items():
        setting = ", ".join(f"{key} {value:.3g}" for key, value in row["setting"].items() if value is not None)
        values = _write_values(row) if name == LEARNED else [f"{mean:.4g}" for mean, _ in row["values"].values()]
        ahead = ["", ""]
        if name != LEARNED:
            lead, low, high = row["lead"]
            ahead = [_write_shares(row), f"{lead:.3g} ({low:.3g} to {high:.3g})"]
        lines.append([name, setting, *values, f"{row['evaluations']:.1f}", str(row["diverged"]), *ahead])
    return _make_table(title, lines)


def make_preset_table(title: str, figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """A title and a Markdown table of the learned optimizers: preset -> figures of `summarize_comparison`."""
    head = ["preset", *(f"value at {t}" for t in SHOWN), "diverged", *(f"ahead of {name} in" for name in FIXED)]
    lines = [head, ["---"] * len(head)]
    for preset, rows in figures.items():
        ours = rows[LEARNED]
        shares = [_write_shares(rows[name]) for name in FIXED]
        lines.append([preset, *_write_values(ours), str(ours["diverged"]), *shares])
    return _make_table(title, lines)


def _write_values(row):
    return [
        f"{mean:.4g}" if deviation is None else f"{mean:.4g} ± {deviation:.2g}"
        for mean, deviation in row["values"].values()
    ]


def _write_shares(row):
    return " ".join(f"{100 * part:.0f} %" for part in row["share"])


def _make_table(title, lines):
    return f"\n{title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def read_curves(path: pathlib.Path) -> dict[str, dict[str, np.ndarray]]:
    """Family -> optimizer -> the mean value at each iteration, for each seed: `[seeds, ITERATIONS + 1]`.

    Args:
      path: What `write_comparisons` wrote. Only the usual preset of `nos-learn` is read.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for row in _read_rows(path):
        if row["preset"] == USUAL:
            found.setdefault(row["family"], {}).setdefault(row["optimizer"], []).append(float(row["value"]))
    return {
        family: {name: np.reshape(values, [-1, ITERATIONS + 1]) for name, values in by_optimizer.items()}
        for family, by_optimizer in found.items()
    }


def find_lost(path: pathlib.Path, family: str, preset: str, seeds: int, optimizers: Collection[str]) -> str:
    """What a file has of a comparison that a new one with fewer seeds or optimizers would replace; "" for nothing."""
    rows = _read_rows(path) if path.exists() else []
    rows = [row for row in rows if (row["family"], row["preset"]) == (family, preset)]
    had = len({row["seed"] for row in rows})
    lost = [f"{had} seeds"] if had > seeds else []
    return ", ".join([*lost, *sorted({row["optimizer"] for row in rows} - set(optimizers))])


def write_comparisons(path: pathlib.Path, comparisons: Sequence[Comparison]) -> None:
    """Writes the mean value and mean margin of each optimizer at each iteration as CSV.

    Rows of other families and presets, which the file may have from earlier commands, are kept.
    """
    new = {(comparison.name, comparison.preset) for comparison in comparisons}
    kept = [row for row in _read_rows(path) if (row["family"], row["preset"]) not in new] if path.exists() else []
    rows = [*kept, *(row for comparison in comparisons for row in _list_rows(comparison))]

    def write(unfinished):
        with open(unfinished, "w", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            writer.writeheader()
            writer.writerows(rows)

    write_whole(path, write)


def _read_rows(path):
    with open(path, newline="") as file:
        return [{"preset": USUAL, **row} for row in csv.DictReader(file)]  # older files lack the preset


def _list_rows(comparison):
    place = comparison.name, comparison.preset
    fixed = comparison.margins(FIXED)
    every = comparison.margins([name for name in comparison.values if name != LEARNED])
    for name in comparison.values:
        for place_of_seed, seed in enumerate(comparison.seeds):
            values = comparison.values[name][place_of_seed] if name == LEARNED else comparison.values[name]
            for t, value in enumerate(cap(values).mean(axis=0)):
                among = [f"{m[name][place_of_seed, t]:.6g}" if name in m else "" for m in (fixed, every)]
                yield dict(zip(FIELDS, [*place, name, seed, t, f"{value:.6g}", *among]))
