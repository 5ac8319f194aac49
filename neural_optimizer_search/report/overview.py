"""The head of a page: a description of the search, its key figures, and the command that reproduces it."""

from collections.abc import Mapping
from typing import Any

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import wording
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import copy_button, scroll_box, section, table
from neural_optimizer_search.report.run import RecordedSearch, reproduction
from neural_optimizer_search.report.statistics import deviation
from neural_optimizer_search.search.ranking import NO_FRESH_SEEDS, Contender
from neural_optimizer_search.search.registry import title_of
from neural_optimizer_search.search.verdict import find_verdict

BIASED = NO_FRESH_SEEDS
FRESH = (
    "Rewards here are means over seeds that the search never saw, ± half the 95 % interval. Only the seeds are "
    "fresh: the validation data is what chose the rules and rates, so check the winner on data that no search saw."
)


# -- The head of the page --------------------------------------------------------------------------


def summary(run: RecordedSearch) -> Element:
    """The heading, a short description and the key figures."""
    best, known = (next(iter(those), None) for those in (run.ranking.found, run.ranking.known))
    tiles = [
        ("Best rule", *_reward(best, best and run.shorten(best).formula())),
        ("Best known optimizer", *_reward(known, known and known.name)),
        ("Rules trained", f"{run.counts['trained']:,}", f"of {run.counts['sampled']:,} sampled"),
        ("Training time", *_training_time(run)),
    ]
    return element(
        "header",
        element("p", "Neural Optimizer Search", class_="eyebrow"),
        element("h1", run.name),
        element("p", describe(run.config), class_="lead"),
        _verdict(run),
        element("p", _state(run), class_="note"),
        element("dl", [_tile(*tile) for tile in tiles], class_="tiles"),
    )


def describe(config: Mapping[str, Any]) -> str:
    """Describes the search in one line.

    Example:
      >>> from neural_optimizer_search.report.overview import describe
      >>> describe({"algorithm": "random", "space": "arxiv2017", "depth": 2, "task": "digits", "seed": 0})
      'Random search over arxiv2017 at depth 2, task digits, protocol ?, seed 0'
    """
    protocol, seed, space, depth = (config.get(name, "?") for name in ("protocol", "seed", "space", "depth"))
    task = wording.setting(config.get("task", "?"))
    limits = " without the paper's constraints" if config.get("unconstrained") else ""
    of_depth = "" if depth is None else f" at depth {depth}"
    who = f"{_describe_algorithm(config)} over {space}{of_depth}{limits}"
    return wording.shorten(f"{who}, task {task}, protocol {protocol}, seed {seed}")


def _describe_algorithm(config):
    preset = config.get("preset")
    return title_of(str(config.get("algorithm", "A search")), None if preset is None else str(preset))


def _state(run):
    if run.is_finished is False:
        of = f" of {run.config['budget']:,}" if isinstance(run.config.get("budget"), int) else ""
        return (
            f"Not finished: {run.counts['trained']:,}{of} rules have been trained. "
            "Run nos-report again to update this page."
        )
    return BIASED if run.ranking.reference is None else FRESH


def _verdict(run):
    """The verdict of the search's leaderboard: whether a rule beats the best known optimizer."""
    if run.ranking.reference is None:
        return None
    verdict = find_verdict(run.ranking, run.final_steps)
    code = element("pre", verdict.code, id="best-code", class_="command", tabindex=0, aria_label="Code")
    return [element("p", verdict.sentence, class_="verdict"), code, copy_button("best-code", "the code")]


def _training_time(run):
    """The duration of all trainings, and what it includes: a run does not record that of the trials of constants."""
    others = [*(e for _, e in run.baselines), *run.tuned, *run.fresh.values()]
    seconds = sum([*run.measured.seconds, *(e.seconds for e in others if not e.cached)])
    included = "known optimizers and fresh seeds" if run.fresh else "known optimizers"
    without = ", without the trials of constants" if run.tunings else ""
    return wording.duration(seconds), f"including {included}{without}, summed over workers"


def _reward(one, name):
    if one is None:
        return wording.NOTHING, "none measured"
    return describe_reward(one), wording.shorten(name, 60)


def describe_reward(one: Contender) -> str:
    """The mean over fresh seeds ± half its interval; without any, the search's reward ± its standard deviation."""
    if one.fresh is not None:
        return wording.interval(one.interval)
    return wording.score_with_deviation(one.evaluation.reward, deviation(one.evaluation))


def _tile(title, figure, note):
    return element("div", element("dt", title), element("dd", figure, element("small", note)))


# -- Settings --------------------------------------------------------------------------------------


def settings(run: RecordedSearch) -> Element:
    """The section with the recorded settings of the run and the command that reproduces it."""
    rows = [[name, wording.setting(value)] for name, value in run.config.items()]
    rows += [["computed with", wording.setting(versions)] for versions in run.versions]
    return section(
        "Settings",
        element("p", "The command that reproduces this run:"),
        element("pre", reproduction(run.config), id="command", class_="command", tabindex=0),
        copy_button("command", "command"),
        _sizes_note(run.earlier_batch_sizes),
        _cache_note(run.counts["cached"]),
        scroll_box(table(("setting", "value"), rows), "Settings"),
        id_="settings",
    )


def _sizes_note(sizes):
    if not sizes:
        return None
    earlier = ", ".join(f"{size or 'its own size'} before batch {number + 1}" for number, size in sizes)
    note = f"The batch size was different earlier ({earlier}), which this command does not reproduce."
    return element("p", note, class_="note")


def _cache_note(cached):
    if not cached:
        return None
    note = (
        f"{count_of(cached, 'evaluation')} came from the cache; without it, these rules are trained "
        "again and count as trained."
    )
    return element("p", note, class_="note")
