"""The page that compares several searches."""

from collections.abc import Sequence

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report.formulas import formula
from neural_optimizer_search.report.markup import element
from neural_optimizer_search.report.overview import BIASED, FRESH, describe_reward
from neural_optimizer_search.report.page import page, scroll_box, section, table
from neural_optimizer_search.report.pictures import LegendRow, both_widths, color, legend
from neural_optimizer_search.report.rewards import BEST_KNOWN, find_references
from neural_optimizer_search.report.run import RecordedSearch, reproduction
from neural_optimizer_search.report.statistics import improvements

MIXED = (
    "Where the table says so, rewards are means over seeds that the search never saw, ± half the 95 % interval. The "
    "others come from the data and seeds that chose the rules, so the best are optimistically biased."
)
# Settings that determine what a reward measures.
_MEASURE = ("task", "protocol", "seeds_per_rule")


def comparison_page(runs: Sequence[RecordedSearch]) -> str:
    """Returns the HTML of a page that compares several searches.

    Args:
      runs: The searches, at least one.
    """
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        names = [str(run.place) for run in runs]
    searches = count_of(len(runs), "search", "searches")
    return page(
        searches,
        element(
            "header",
            element("p", "Neural Optimizer Search", class_="eyebrow"),
            element("h1", f"{searches} compared"),
            _warning(runs),
        ),
        _curves(names, runs),
        _bests(names, runs),
        _settings(names, runs),
        _commands(names, runs),
    )


def _warning(runs):
    differ = _differ(runs)
    if not differ:
        return element("p", _say_which([run.ranking.reference is not None for run in runs]), class_="note")
    return element(
        "p", f"The runs differ in {', '.join(differ)}: their rewards do not measure the same thing.", class_="verdict"
    )


def _say_which(fresh):
    if all(fresh):
        return FRESH
    return MIXED if any(fresh) else BIASED


def _differ(runs):
    """The differing settings that make the rewards of the runs incomparable."""
    return [name for name in _MEASURE if len({wording.setting(run.config.get(name)) for run in runs}) > 1]


def _curves(names, runs):
    bests = [improvements(_full_rewards(run)) for run in runs]
    curves = [charts.Curve(name, best) for name, best in zip(names, bests)]
    known = next(iter(find_references(runs[0])), None) if not _differ(runs) else None
    ends = ", ".join(
        f"{wording.score(best[-1][1]) if best else 'nothing'} in {name}" for name, best in zip(names, bests)
    )
    drawn = both_widths(
        lambda size: charts.draw_best_of_runs(curves, known, size),
        f"Best reward so far against the number of trained rules. At the end it is {ends}.",
    )
    rows = [LegendRow("line", color(k), name) for k, name in enumerate(names)]
    rows += [LegendRow("line", "known", f"{known.title}, {BEST_KNOWN}")] if known else []
    caption = (
        "Rewards as the search saw them, of rules measured in full, including those with tuned constants. Rules from "
        "the cache count as trained here, so that runs with and without a cache can be compared."
    )
    return section(
        "Best reward so far", element("figure", drawn, legend(rows), element("figcaption", caption)), id_="curves"
    )


def _full_rewards(run):
    """(number, reward) of the rules measured in full and of tuned ones; the last pair marks the end of the run."""
    rewards = run.measured.rewards
    points = [(place + 1, rewards[place]) for place in run.measured.working]
    tuned = [(min(measured, len(rewards)), point.reward) for point, measured in run.history.tuned]
    points = sorted([*points, *tuned], key=lambda point: point[0])
    return [*points, (len(rewards), points[0][1])] if points else []


def _bests(names, runs):
    head = (
        "run", "reward", "measured with", "update rule", "search saw", "P(> best known)", "learning rate",
        "rules trained", "best known",
    )  # fmt: skip
    rows = [_best(name, run) for name, run in zip(names, runs)]
    return section(
        "Best rules", scroll_box(table(head, rows, numbers=(1, 4, 5, 6, 7)), "Best rule of each run"), id_="bests"
    )


def _best(name, run):
    best, known = (next(iter(those), None) for those in (run.ranking.found, run.ranking.known))
    rule = [
        describe_reward(best),
        _say_seeds(best),
        element("td", formula(run.shorten(best)), class_="rule"),
        wording.score(best.evaluation.reward),
        wording.probability(run.ranking.find_probability(best)),
        wording.rate(best.evaluation.learning_rate),
    ] if best else [wording.NOTHING, *[""] * 5]  # fmt: skip
    return [
        name,
        *rule,
        f"{run.counts['trained']:,} of {run.counts['sampled']:,}",
        f"{known.name}, {describe_reward(known)}" if known else wording.NOTHING,
    ]


def _say_seeds(one):
    if one.fresh is None:
        return "the search's seeds"
    return count_of(len(one.fresh.rewards), "fresh seed")


def _settings(names, runs):
    rows = []
    for setting in dict.fromkeys(setting for run in runs for setting in run.config):
        values = [wording.setting(run.config[setting]) if setting in run.config else "" for run in runs]
        differ = len(set(values)) > 1
        rows.append([setting, *(element("strong", value) if differ else value for value in values)])
    return section(
        "Settings",
        element("p", "Settings that differ between runs are in bold.", class_="note"),
        scroll_box(table(("setting", *names), rows), "Settings of each run"),
        id_="settings",
    )


def _commands(names, runs):
    blocks = [
        (element("h3", name), element("pre", reproduction(run.config), class_="command", tabindex=0))
        for name, run in zip(names, runs)
    ]
    return section("Commands that reproduce the runs", blocks, id_="commands")
