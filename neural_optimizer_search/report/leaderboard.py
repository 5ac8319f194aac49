"""The best rules of a search in a table, beside the known optimizers."""

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.report import marks, wording
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.mathml import math
from neural_optimizer_search.report.page import scroll_box, section, table
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.report.statistics import deviation
from neural_optimizer_search.search.leaderboard import explain_zeros

TOP = 10  # rules that are shown one by one


def best_rules(run: RecordedSearch) -> list[Evaluation]:
    """The rules that a page shows one by one, the best first."""
    return run.top[:TOP]


def leaderboard(run: RecordedSearch) -> Element:
    """The section with the best rules and, under them, the known optimizers."""
    top = best_rules(run)
    if not top and not run.baselines:
        return section("Best rules", element("p", "No rule has been measured yet."), id_="best")
    evaluations = [*top, *(e for _, e in run.baselines)]
    named = [*((f"rule {rank}", e) for rank, e in enumerate(top, 1)), *run.baselines]
    ends = _ends(evaluations)
    head = (
        "",
        "reward",
        "update rule",
        *(("reward of each seed",) if ends else ()),
        run.score_words.title,
        "learning rate",
    )
    found = [[str(rank), *_row(e, ends)] for rank, e in enumerate(top, 1)]
    known = [["", *_row(e, ends, name)] for name, e in run.baselines]
    nothing = ["", "", "No proposed rule has been measured with success.", *[""] * (len(head) - 3)]
    note = (
        f"{_seeds(evaluations)} All on the validation data that chose the rules and their learning rates, so the "
        "best are flattered; known optimizers had the same learning rates to choose from. "
        f"{wording.begin_sentence(run.score_words.note)}"
    )
    rows = table(
        head,
        found or [nothing],
        ["Known optimizers, by the same protocol", *known] if known else [],
        numbers=(0, 1, len(head) - 2, len(head) - 1),
    )
    return section(
        "Best rules",
        element("p", "w ← w − learning rate · rule", class_="note"),
        scroll_box(rows, "Leaderboard"),
        element("p", note, class_="note"),
        [element("p", wording.begin_sentence(line), class_="note") for line in explain_zeros(named)],
        id_="best",
    )


def _ends(evaluations):
    """(least, largest) reward for the picture of the seeds; None if it would show nothing."""
    rewards = [reward for e in evaluations for reward in (*e.rewards, e.reward) if is_plottable(reward)]
    # Of one seed there is nothing to see that the number does not say.
    has_seeds = max(len(e.rewards) for e in evaluations) > 1
    return (min(rewards), max(rewards)) if has_seeds and rewards else None


def _row(e, ends, name=None):
    status = [" ", element("span", e.status, class_="status")] if e.status != "ok" else None
    setting = [" ", element("span", e.training_setting, class_="setting")] if e.training_setting else None
    called = [element("span", name, class_="name"), " "] if name and name != e.rule.formula() else None
    return [
        wording.score_with_deviation(e.reward, deviation(e.rewards)),
        element("td", called, math(e.rule), setting, status, class_="rule"),
        *([marks.seeds(e.rewards, e.reward, *ends)] if ends else []),
        wording.score(e.accuracy),
        wording.rate(e.learning_rate),
    ]


def _seeds(evaluations):
    counts = sorted({len(e.rewards) for e in evaluations if e.rewards})
    if counts in ([], [1]):
        return "Reward: from a single training seed."
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"Reward: mean ± standard deviation over {span} training seeds."
