"""Tables and pictures of the papers' experiments, made of the records that they keep.

    python -m benchmarks.run report --out benchmarks/results

prints a table for each experiment, writes its pictures, and renews the part of OUT/README.md between its two markers.
"""

# `flag` makes a dataclass field.

import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.commands.experiment import OUT
from benchmarks.experiments import EXPERIMENTS, load_experiment
from benchmarks.trials import pictures
from benchmarks.trials.experiment import SCALES
from benchmarks.trials.records import Records
from benchmarks.trials.summary import make_table, summarize
from neural_optimizer_search.command_line import path
from neural_optimizer_search.files import read_text, write_whole
from neural_optimizer_search.flags import flag

TITLE = "tables and pictures of all experiments that were run"
COMMAND = "python -m benchmarks.run"
BEGIN, END = f"<!-- begin: {COMMAND} report -->", f"<!-- end: {COMMAND} report -->"


@dataclass(frozen=True)
class Config:
    """The flags of the report."""

    out: pathlib.Path = flag(OUT, "directory of the results, the same as of the experiments", parse=path)


def run(config: Config) -> dict[str, Any]:
    """Writes the report; returns EXPERIMENT-SCALE -> figures.

    Raises:
      ValueError: If there are no records.
    """
    figures, sections = {}, []
    for name, scale, records in find_records(config.out):
        text, figures[f"{name}-{scale}"] = make_section(name, scale, records, config.out)
        print(f"{text}\n")
        sections.append(text)
    if not figures:
        raise ValueError(f"argument --out: {config.out} has no results. Make some: {COMMAND} --help")
    renew(config.out / "README.md", "\n\n".join(sections))
    return figures


def find_records(out: pathlib.Path) -> Iterator[tuple[str, str, Records]]:
    """(name, scale, records) of each file of records in a directory."""
    for name in EXPERIMENTS:
        for scale in SCALES:
            path = out / f"{name}-{scale}.jsonl"
            if path.exists():
                yield name, scale, Records(path, load_experiment(name).SETTINGS[scale])


def make_section(name: str, scale: str, records: Records, out: pathlib.Path) -> tuple[str, dict[str, Any]]:
    """The Markdown about an experiment, whose pictures it writes, and its figures."""
    experiment, stem = load_experiment(name), f"{name}-{scale}"
    figures = summarize(experiment, records, records.contenders)
    plot = pictures.Plot(experiment, records, figures, pictures.choose_styles(records.contenders))
    paths = pictures.draw(plot, out / stem)
    seconds = sum(row["seconds"] for row in figures.values())
    parts = [
        f"### {experiment.TITLE}, scale `{scale}`",
        f"```sh\n{COMMAND} {name} --scale {scale}\n```",
        experiment.SCALED_DOWN if scale == "small" else "",
        make_table(experiment, figures),
        f"{len(records)} trainings of {seconds / len(records):.0f} s each in the mean, {seconds / 60:.0f} minutes of "
        f"training in all. Each training: [`{stem}.jsonl`]({stem}.jsonl).",
        *(f"![{title}]({path.name})" for title, path in paths.items()),
    ]
    return "\n\n".join(part for part in parts if part), figures


def renew(path: pathlib.Path, text: str) -> None:
    """Replaces what stands between the markers of a file; a file without them gets them at its end.

    Raises:
      ValueError: If it is no text file, or has one of the markers alone: nobody knows what of it to replace.
    """
    before = read_text(path) if path.exists() else "# What was measured\n"
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if bool(begin) != bool(end) or (not begin and END in before):
        raise ValueError(f"argument --out: {path} must have the line {BEGIN} with {END} after it, or none of both.")
    new = f"{head.rstrip()}\n\n{BEGIN}\n\n{text}\n\n{END}\n{tail.lstrip()}"
    write_whole(os.path.realpath(path), lambda unfinished: unfinished.write_text(new, encoding="utf-8"))
