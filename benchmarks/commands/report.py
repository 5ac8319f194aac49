"""Tables and plots of the papers' experiments, made from their records.

    python -m benchmarks.run report --out benchmarks/results

prints a table for each experiment, writes its plots, and updates the part of OUT/README.md between two markers.
"""

import dataclasses
import functools
import os
import pathlib
import shlex
from collections.abc import Iterator
from typing import Any, NamedTuple

from benchmarks.commands.experiment import OUT
from benchmarks.experiments import EXPERIMENTS, load_experiment
from benchmarks.trials import pictures
from benchmarks.trials.comparison import count_missing
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.experiment import SCALES
from benchmarks.trials.records import Records
from benchmarks.trials.summary import correlate, make_table, summarize
from benchmarks.trials.trials import TUNING_SEED
from neural_optimizer_search.command_line import path
from neural_optimizer_search.files import read_text, write_whole
from neural_optimizer_search.flags import flag
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.user_error import UserError

TITLE = "tables and pictures of all experiments that were run"
COMMAND = "python -m benchmarks.run"
BEGIN, END = f"<!-- begin: {COMMAND} report -->", f"<!-- end: {COMMAND} report -->"


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of the report."""

    out: pathlib.Path = flag(OUT, "directory with the results of the experiments", parse=path)


def run(config: Config) -> dict[str, Any]:
    """Writes the report; returns EXPERIMENT-SCALE -> figures.

    Raises:
      UserError: If there are no records.
    """
    figures, sections = {}, []
    for source, records in find_records(config.out):
        text, figures[source.stem] = make_section(source, records, config.out)
        print(f"{text}\n")
        sections.append(text)
    if not figures:
        raise UserError(f"argument --out: {config.out} has no results. Make some: {COMMAND} --help")
    renew(config.out / "README.md", "\n\n".join(sections))
    return figures


class Source(NamedTuple):
    """The experiment that a file of records belongs to.

    Attributes:
      name: A name of `EXPERIMENTS`.
      scale: One of `SCALES`.
      stem: Name of the file without its suffix.
    """

    name: str
    scale: str
    stem: str

    @property
    def data(self) -> str:
        """Name of the user's own data; "" for the scale's data."""
        return self.stem.removeprefix(f"{self.name}-{self.scale}").removeprefix("-")


def find_records(out: pathlib.Path) -> Iterator[tuple[Source, Records]]:
    """Yields the source and the records of each file of records in a directory, except files without any."""
    for name in EXPERIMENTS:
        for scale in SCALES:
            for stem in sorted(file.stem for file in out.glob(f"{name}-{scale}*.jsonl")):
                source = Source(name, scale, stem)
                # Only the records know the setting for the user's own data.
                setting = None if source.data else load_experiment(name).SETTINGS[scale]
                if records := Records(out / f"{stem}.jsonl", setting, reads_only=True):
                    yield source, records


def make_section(source: Source, records: Records, out: pathlib.Path) -> tuple[str, dict[str, Any]]:
    """Writes the plots of an experiment; returns its section in Markdown, and its figures."""
    experiment, stem = load_experiment(source.name), source.stem
    figures = summarize(experiment, records, records.contenders)
    plot = pictures.Plot(experiment, records, figures, pictures.choose_styles(records.contenders))
    paths = pictures.draw(plot, out / stem)
    seconds = sum(record["seconds"] for name in records.contenders for record in records.of(name))
    each = seconds / len(records)
    parts = [
        f"### {experiment.TITLE}, scale `{source.scale}`" + (source.data and f", data `{source.data}`"),
        f"```sh\n{write_command(source, records)}\n```",
        _describe_scale(experiment, source),
        _describe_progress(experiment, source, records),
        make_table(experiment, figures, source.data),
        "" if source.data else _describe_order(experiment, figures),
        f"{len(records)} trainings of {each:.{0 if each >= 10.0 else 1}f} s each on average, {seconds / 60:.0f} min "
        f"of training in total. Each training: [`{stem}.jsonl`]({stem}.jsonl).",
        *(f"![{title}]({path.name})" for title, path in paths.items()),
    ]
    return "\n\n".join(part for part in parts if part), figures


def _describe_scale(experiment, source):
    if source.data or source.scale not in ("small", "medium"):
        return ""
    if source.scale == "small":
        return experiment.SCALED_DOWN
    small, medium = experiment.SETTINGS["small"], experiment.SETTINGS["medium"]
    return (
        f"As at scale `small`, with {medium.steps:,} updates in place of {small.steps:,}, {medium.evaluations} "
        f"evaluations in place of {small.evaluations}, {len(medium.sweep.contenders)} contenders in place of "
        f"{len(small.sweep.contenders)}, and {medium.sweep.seeds} fresh seeds."
    )


def _describe_progress(experiment, source, records):
    """A sentence on the trainings of the scale's own comparison that are missing; "" if none is."""
    setting = experiment.SETTINGS[source.scale]
    sweep = dataclasses.replace(setting.sweep, seeds=_count_seeds(setting.sweep, records))
    own = {str(read_contender(text, sweep.schedule)) for text in sweep.contenders}
    if source.data or set(records.contenders) != own:
        return ""
    list_options = functools.partial(experiment.list_options, setting)
    missing = count_missing(sweep, records, list_options, experiment.METRIC)
    return f"**Not complete: this comparison still lacks {count_of(missing, 'training')}.**" if missing else ""


def _describe_order(experiment, figures):
    if not (found := correlate(experiment, figures)):
        return ""
    heading, correlation, rows = found
    return f"Spearman's rank correlation with the paper's {heading}: {correlation:.2f} ({rows} rows)."


def write_command(source: Source, records: Records) -> str:
    """The command that makes the records; the contenders are among its words unless they are the scale's own."""
    words = [f"{COMMAND} {source.name} --scale {source.scale}"]
    if source.data:
        setting = records.setting
        words += ["--data_dir DATA", *(["--languages", *setting["languages"]] if "languages" in setting else ())]
    sweep = load_experiment(source.name).SETTINGS[source.scale].sweep
    own = {str(read_contender(text, sweep.schedule)) for text in sweep.contenders}
    if set(records.contenders) != own:
        words += ["--optimizers", *map(shlex.quote, records.contenders)]
    if (seeds := _count_seeds(sweep, records)) != sweep.seeds:
        words += ["--seeds", str(seeds)]
    return " ".join(words)


def _count_seeds(sweep, records):
    """The number of fresh seeds, which `--seeds` sets: that of all contenders if it is the same, else the scale's."""
    counts = {len({record["seed"] for record in records.of(name)} - {TUNING_SEED}) for name in records.contenders}
    return counts.pop() if len(counts) == 1 and counts != {0} else sweep.seeds


def renew(path: pathlib.Path, text: str) -> None:
    """Replaces the text between the markers of a file; a file without markers gets them at its end.

    Raises:
      UserError: If it is not a text file, or has only one of the markers, so that the part to replace is unknown.
    """
    before = read_text(path) if path.exists() else "# What was measured\n"
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if bool(begin) != bool(end) or (not begin and END in before):
        raise UserError(f"argument --out: {path} must have the line {BEGIN} with {END} after it, or neither.")
    new = f"{head.rstrip()}\n\n{BEGIN}\n\n{text}\n\n{END}\n{tail.lstrip()}"
    write_whole(os.path.realpath(path), lambda unfinished: unfinished.write_text(new, encoding="utf-8"))
