"""Several searches on one page."""

from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report.markup import element
from neural_optimizer_search.report.mathml import math
from neural_optimizer_search.report.overview import FLATTERED, best_known, key, shown
from neural_optimizer_search.report.page import page, scrolling, section, table
from neural_optimizer_search.report.run import reproduction
from neural_optimizer_search.report.statistics import spread

# Rewards of runs that differ in one of these measure different things.
_MEASURE = ("task", "protocol", "seeds_per_rule")


def comparison_page(runs):
    """The text of a page that lays the `Run`s over one another."""
    return page(
        f"{len(runs)} searches",
        element(
            "header",
            element("p", "Neural Optimizer Search", class_="eyebrow"),
            element("h1", f"{wording.several(len(runs), 'search').replace('searchs', 'searches')} compared"),
            _warning(runs),
        ),
        _curves(runs),
        _bests(runs),
        _settings(runs),
        _commands(runs),
    )


def _curves(runs):
    curves = [(str(run.place), [(n, e.reward) for n, e in enumerate(run.found, 1)]) for run in runs]
    known = best_known(runs[0]) if not _differ(runs) else None
    ends = ", ".join(f"{wording.score(run.top[0].reward) if run.top else 'nothing'} in {run.place}" for run in runs)
    drawn = charts.both_widths(
        lambda size: charts.best_of_runs(curves, known, size),
        f"Best reward so far against trained rules. At the end it is {ends}.",
    )
    legend = [("line", charts.color(k), name) for k, (name, _) in enumerate(curves)]
    legend += [("line", "known", f"{known[0]}, the best known optimizer")] if known else []
    caption = "Rules from the cache count as trained here, so that runs with and without one can be compared."
    return section(
        "Best reward so far", element("figure", drawn, key(legend), element("figcaption", caption)), id_="curves"
    )


def _bests(runs):
    rows = [
        [
            str(run.place),
            wording.with_spread(best.reward, spread(best.rewards)) if best else wording.NOTHING,
            math(best.rule) if best else "",
            wording.rate(best.learning_rate) if best else "",
            f"{run.counts['trained']:,}",
            f"{run.counts['sampled']:,}",
            wording.with_spread(known[1].reward, spread(known[1].rewards)) if known else wording.NOTHING,
            known[0] if known else "",
        ]
        for run, best, known in ((r, (r.top or [None])[0], (r.baselines or [None])[0]) for r in runs)
    ]
    head = ("run", "best reward", "its rule", "learning rate", "trained", "sampled", "best known", "")
    return section("Bests", scrolling(table(head, rows, numbers=(1, 3, 4, 5, 6)), "Best of each run"), id_="bests")


def _settings(runs):
    names = list(dict.fromkeys(name for run in runs for name in run.config))
    rows = [[name, *(shown(run.config[name]) if name in run.config else "" for run in runs)] for name in names]
    head = ("setting", *(str(run.place) for run in runs))
    return section("Settings", scrolling(table(head, rows), "Settings of each run"), id_="settings")


def _commands(runs):
    blocks = [
        (element("h3", str(run.place)), element("pre", reproduction(run.config), class_="command", tabindex=0))
        for run in runs
    ]
    return section("The commands that make them again", blocks, id_="commands")


def _differ(runs):
    return [name for name in _MEASURE if len({str(run.config.get(name)) for run in runs}) > 1]


def _warning(runs):
    differ = _differ(runs)
    if not differ:
        return element("p", FLATTERED, class_="note")
    return element(
        "p", f"The runs differ in {', '.join(differ)}: their rewards do not measure the same thing.", class_="verdict"
    )
