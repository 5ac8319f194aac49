"""Tables and pictures of the papers' experiments, made of the records that `benchmarks.run` keeps.

    python -m benchmarks.report --out benchmarks/results

prints a table for each experiment, writes its pictures, and renews the part of OUT/README.md between its two markers.
"""

import json
import pathlib
import statistics

from benchmarks import figures
from benchmarks.experiments import EXPERIMENTS, SCALES, experiment
from benchmarks.protocol import Records, chosen_and_rest, merit
from neural_optimizer_search.command_line import Parser

BEGIN, END = "<!-- begin: python -m benchmarks.report -->", "<!-- end: python -m benchmarks.report -->"
REFERENCE = "adam"  # what speed-ups are counted against


def summary(module, records, contenders):
    """Contender -> what its trials say: figures that JSON can hold."""
    chosen = {name: chosen_and_rest(records, name, module.METRIC) for name in contenders}
    adam = reference(module.METRIC, [final for name, (*_, final) in chosen.items() if name.startswith(REFERENCE)])
    return {
        name: dict(
            learning_rate=best.learning_rate,
            options=dict(best.options),
            trials=len(tuned),
            diverged_in_tuning=sum(r["diverged"] for r in tuned),
            diverged=sum(r["diverged"] for r in final),
            seeds=len(final),
            **{key: spread([r.get(key) for r in final]) for key in ("best", *module.COLUMNS)},
            **steps_to(module.METRIC, final, adam),
            seconds=round(sum(r["seconds"] for r in (*tuned, *final))),
        )
        for name, (best, tuned, final) in chosen.items()
    }


def spread(values):
    """[mean, standard deviation] of what is there; None without."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    return [statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0]


def reference(metric, candidates):
    """Of the lists of records, each at a tuned Adam's rate, the one with the best mean validation; [] of none."""
    sound = [records for records in candidates if not any(r["diverged"] for r in records)]
    return max(sound, default=[], key=lambda records: statistics.fmean(merit(r, metric) for r in records))


def steps_to(metric, final, adam):
    """How many updates it takes to where every Adam came, and how many times faster that is than Adam."""
    if not adam:
        return dict(reached=None, steps=None, speed_up=None)
    target = min(adam, key=lambda r: merit(r, metric))["best"]
    steps, theirs = first_steps(metric, target, final), first_steps(metric, target, adam)
    mean = statistics.fmean(steps) if steps and None not in steps else None
    reached = sum(step is not None for step in steps)
    return dict(reached=reached, steps=mean, speed_up=mean and statistics.fmean(theirs) / mean)


def first_steps(metric, target, records):
    return [
        next((step for step, value in record["curve"] if metric.reached(value, target)), None) for record in records
    ]


def table(module, figures_by_name):
    """A Markdown table that is also readable as it is."""
    head = ["optimizer", "rate"]
    head += [heading for heading, _ in module.COLUMNS.values()]
    paper = {key for row in module.PAPER.values() for key in row}
    head += [f"paper: {module.COLUMNS[key][0]}" for key in module.COLUMNS if key in paper]
    head += ["steps to Adam's worst", "speed-up", "diverged"]
    rows = [_row(module, name, row, paper) for name, row in figures_by_name.items()]
    widths = [max(len(line[i]) for line in (head, *rows)) for i in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join("| " + " | ".join(x.ljust(w) for x, w in zip(line, widths)) + " |" for line in lines)


def _row(module, name, row, paper):
    options = "".join(f", {key} {value:.0e}" for key, value in row["options"].items() if value)
    cells = [f"`{name}`", f"{row['learning_rate']:.2g}{options}"]
    cells += ["–" if row[key] is None else _cell(row[key], form) for key, (_, form) in module.COLUMNS.items()]
    known = module.PAPER.get(name, {})
    cells += [format(known[k], f) if k in known else "" for k, (_, f) in module.COLUMNS.items() if k in paper]
    steps = "–" if row["reached"] is None else f"{row['reached']} of {row['seeds']} reach it"
    if row["steps"] is not None:
        steps = f"{row['steps']:.0f}"
    speed_up = f"{row['speed_up']:.2f}" if row["speed_up"] else "–"
    diverged = f"{row['diverged_in_tuning']} of {row['trials']}, {row['diverged']} of {row['seeds']}"
    return [*cells, steps, speed_up, diverged]


def _cell(mean_and_deviation, form):
    return " ± ".join(format(value, form) for value in mean_and_deviation)


def show(name, scale, records, contenders):
    """Prints the table of an experiment; returns its figures."""
    module = experiment(name)
    found = summary(module, records, contenders)
    print(f"\n{module.TITLE}, scale {scale}\n\n{table(module, found)}\n", flush=True)
    return found


def section(name, scale, records, out):
    """The Markdown about an experiment, and its pictures."""
    module = experiment(name)
    contenders = records.contenders
    found = summary(module, records, contenders)
    pictures = figures.draw(module, name, scale, records, contenders, found, out)
    seconds = sum(row["seconds"] for row in found.values())
    lines = [
        f"### {module.TITLE}, scale `{scale}`",
        f"```sh\npython -m benchmarks.run {name} --scale {scale}\n```",
        module.SCALED_DOWN if scale == "small" else "",
        table(module, found),
        f"{len(records)} trainings of {seconds / len(records):.0f} s each in the mean, {seconds / 60:.0f} minutes of "
        f"training in all. Each training: [`{name}-{scale}.jsonl`]({name}-{scale}.jsonl).",
        *(f"![{title}]({path.name})" for title, path in pictures.items()),
    ]
    return "\n\n".join(line for line in lines if line), found


def main(argv=None):
    p = Parser("python -m benchmarks.report", description="Tables and pictures of what benchmarks.run has measured.")
    p.add_argument("--out", type=pathlib.Path, default=pathlib.Path("runs", "benchmarks"), help="the same as of run")
    arguments = p.parse_args(argv)
    found, sections = {}, []
    for name, scale, records in stored(arguments.out):
        text, found[f"{name}-{scale}"] = section(name, scale, records, arguments.out)
        print(f"{text}\n")
        sections.append(text)
    if not found:
        p.error(f"argument --out: {arguments.out} has no results. Make some: python -m benchmarks.run --help")
    renew(arguments.out / "README.md", "\n\n".join(sections))
    print(json.dumps(found))


def stored(out):
    """(name, scale, records) of each file of records in a directory."""
    for name in EXPERIMENTS:
        for scale in SCALES:
            path = out / f"{name}-{scale}.jsonl"
            if path.exists():
                yield name, scale, Records(path, experiment(name).SETTINGS[scale])


def renew(path, text):
    """Replaces what stands between the markers of a file; a file without them gets them at its end."""
    before = path.read_text() if path.exists() else "# What was measured\n"
    head, _, rest = before.partition(BEGIN)
    _, _, tail = rest.partition(END)
    path.write_text(f"{head.rstrip()}\n\n{BEGIN}\n\n{text}\n\n{END}\n{tail.lstrip()}")


if __name__ == "__main__":
    main()
