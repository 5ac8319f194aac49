"""What a search was, how it went, and how to repeat it."""

import json

from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report import statistics as stats
from neural_optimizer_search.report.markup import element
from neural_optimizer_search.report.page import copy_button, scrolling, section, table
from neural_optimizer_search.report.run import reproduction

FLATTERED = "Rewards are those of the data that chose the rules: the best are flattered."
_ALGORITHMS = {
    "ppo": "PPO", "reinforce": "REINFORCE", "trpo": "TRPO", "random": "Random search",
    "evolution": "Regularized evolution", "exhaustive": "Exhaustive search",
}  # fmt: skip
_WITH_PRESET = ("ppo", "reinforce", "trpo")
LEAST_WINDOW = 5  # rules in a moving mean


def summary(run):
    """Heading, one paragraph, the figures that matter."""
    best, known = (run.top or [None])[0], (run.baselines or [(None, None)])[0]
    seconds = sum(e.seconds for e in (*run.found, *(e for _, e in run.baselines)) if not e.cached)
    tiles = [
        ("Best rule", *_reward(best)),
        ("Best known optimizer", *_reward(known[1], known[0])),
        ("Rules trained", f"{run.counts['trained']:,}", f"of {run.counts['sampled']:,} sampled"),
        ("Training time", wording.duration(seconds), "known optimizers too, summed over workers"),
    ]
    return element(
        "header",
        element("p", "Neural Optimizer Search", class_="eyebrow"),
        element("h1", run.name),
        element("p", setting(run.config), class_="lead"),
        element("p", _state(run), class_="note"),
        element(
            "dl",
            [
                element("div", element("dt", title), element("dd", figure, element("small", note)))
                for title, figure, note in tiles
            ],
            class_="tiles",
        ),
    )


def setting(config):
    """What was searched, where and how, in a line."""
    algorithm = str(config.get("algorithm", "A search"))
    preset = f" ({config['preset']})" if algorithm in _WITH_PRESET and "preset" in config else ""
    limits = " without the paper's constraints" if config.get("unconstrained") else ""
    task, protocol, seed, space, depth = (
        config.get(name, "?") for name in ("task", "protocol", "seed", "space", "depth")
    )
    who = f"{_ALGORITHMS.get(algorithm, algorithm)}{preset} over {space} at depth {depth}{limits}"
    return wording.shortened(f"{who}, task {task}, protocol {protocol}, seed {seed}")


def rewards(run):
    """The paper's Figure 4."""
    points = stats.history(run.samples)
    if not points:
        return section("Rewards", element("p", "No rule that was sampled has been measured yet."), id_="rewards")
    known = best_known(run)
    window = min(50, len(points) // 4)
    window = window if window >= LEAST_WINDOW else None
    label = (
        f"Reward of {wording.several(len(points), 'sampled rule')}; the best has "
        f"{wording.score(max(point.reward for point in points))}."
    )
    drawn = charts.both_widths(lambda size: charts.rewards(points, len(run.samples), known, window, size), label)
    legend = [
        ("circle", "new", "a rule, the first time"),
        ("circle", "again", "a rule proposed again"),
        *([("line", "mean", f"mean of the last {window}")] if window else []),
        ("line", "best", "best so far"),
        *([("line", "known", f"{known[0]}, the best known optimizer")] if known else []),
    ]
    caption = (
        "The reward of each sampled rule, as in the paper's Figure 4. "
        + f"The {wording.several(run.counts['screened'], 'rule')} that the screen stopped have no dot. "
        * (run.counts["screened"] > 0)
    )
    fewer = f"Of {len(points):,} dots some {charts.WIDE.marks:,} are drawn, and all that were the best." * (
        len(points) > charts.WIDE.marks
    )
    return section(
        "Rewards",
        element("figure", drawn, key(legend), element("figcaption", caption, fewer)),
        id_="rewards",
    )


def best_known(run):
    """(name, reward) of the best known optimizer, or None."""
    plottable = [(name, e.reward) for name, e in run.baselines if stats.is_plottable(e.reward)]
    return plottable[0] if plottable else None


def key(rows):
    """A legend of (mark, class, meaning)s."""
    marks = {
        "circle": lambda class_: element("circle", cx=12, cy=6, r=4, class_=class_),
        "line": lambda class_: element("line", x1=0, x2=24, y1=6, y2=6, class_=f"line {class_}"),
    }
    swatches = [
        element("svg", marks[mark](class_), viewBox="0 0 24 12", width=24, aria_hidden="true")
        for mark, class_, _ in rows
    ]
    lines = [element("li", swatch, meaning) for swatch, (*_, meaning) in zip(swatches, rows)]
    return element("ul", lines, class_="legend")


# -- Settings --------------------------------------------------------------------------------------


def settings(run):
    """What was recorded about the run, and the command that repeats it."""
    rows = [[name, shown(value)] for name, value in run.config.items()]
    rows += [["computed with", shown(versions)] for versions in run.versions]
    cached = run.counts["cached"]
    cache = (
        f"{wording.several(cached, 'evaluation')} came from that cache; without it these rules are trained "
        "again, and count as such."
    )
    return section(
        "Settings",
        element("p", "The command that makes this run again:"),
        element("pre", reproduction(run.config), id="command", class_="command", tabindex=0),
        copy_button("command", "command"),
        element("p", cache, class_="note") if cached else None,
        scrolling(table(("setting", "value"), rows), "Settings"),
        id_="settings",
    )


def shown(value):
    """A recorded value as a person reads it."""
    if value is None:
        return "default"
    if isinstance(value, dict):
        return wording.shortened(", ".join(f"{name} {part}" for name, part in value.items()))
    return wording.shortened(value if isinstance(value, str) else json.dumps(value))


def _reward(e, note=None):
    if e is None:
        return wording.NOTHING, "none measured"
    return wording.with_spread(e.reward, stats.spread(e.rewards)), note or wording.shortened(e.rule.formula(), 60)


def _state(run):
    if run.finished is False:
        return (
            f"Not at its end: {run.counts['trained']:,} of {run.config['budget']:,} rules are trained. "
            "nos-report again brings this page up to date."
        )
    return FLATTERED
