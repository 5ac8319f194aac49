"""The columns of the leaderboard, with and without fresh seeds."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation, shorten_tasks
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import marks, wording
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.formulas import formula
from neural_optimizer_search.report.markup import Content, Element, element
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.report.statistics import deviation
from neural_optimizer_search.search.ranking import Contender

WITHIN = 0.75  # share of the rows, best first, whose intervals set the range of the charts


class Column(NamedTuple):
    """A column of the leaderboard.

    Attributes:
      title: Its title.
      cell: Function that makes the cell of a `Contender`.
      is_number: Whether it holds numbers.
      is_rule: Whether it holds the rules.
    """

    title: str
    cell: Callable[[Contender], Content]
    is_number: bool = False
    is_rule: bool = False


def search_columns(run: RecordedSearch, shown: Sequence[Contender]) -> list[Column]:
    """The leaderboard columns with the rewards that the search saw.

    Args:
      run: The search.
      shown: The contenders that have rows.
    """
    ends, title = _find_ends([one.evaluation for one in shown]), run.score_words.reward
    if ends:
        title = f"{'mean' if title == 'reward' else title} and reward of each seed"

    def say(one):
        seeds = _draw_seeds(one.evaluation, ends) if ends else None
        return [wording.score_with_deviation(one.evaluation.reward, _spread(one)), seeds]

    return [
        Column(title, say, True),
        Column("update rule", lambda one: rule_cell(run, one), is_rule=True),
        *_score_columns(run, lambda one: one.evaluation),
        Column(_name_rates(run), lambda one: say_rates(one.evaluation), True),
    ]


def _score_columns(run, choose):
    """One column per task with its score; with a single task, one with the score at the end of the final run."""
    if not run.ranking.tasks:
        return [Column(run.score_words.title, lambda one: wording.score(choose(one).accuracy), True)]

    def make(task):
        def say(one):
            scores = [part.score for part in choose(one).parts if part.task == task]
            return wording.score(scores[0]) if scores else wording.NOTHING

        return Column(wording.shorten(short[task], 20), say, True)

    short = shorten_tasks(run.ranking.tasks)
    return list(map(make, run.ranking.tasks))


def _name_rates(run):
    return "learning rates" if run.ranking.tasks else "learning rate"


def say_rates(evaluation: Evaluation) -> str:
    """The learning rate; with several tasks, one per task in their order."""
    return ", ".join(wording.rate(one.learning_rate) for one in evaluation.parts or [evaluation])


def _draw_seeds(evaluation, ends):
    return marks.seeds(evaluation.rewards, evaluation.reward, *ends)


def fresh_columns(run: RecordedSearch, shown: Sequence[Contender]) -> list[Column]:
    """The leaderboard columns with rewards over fresh seeds; see `search_columns` for the arguments."""
    intervals = {id(one): one.interval for one in shown if one.interval}
    low, high = _find_room(list(intervals.values()))
    reference = run.ranking.reference
    assert reference is not None and reference.fresh is not None
    line = reference.fresh.reward

    def draw(one):
        interval = intervals.get(id(one))
        return marks.whisker(*interval, one.evaluation.reward, line, low, high) if interval else None

    def compare(one):
        return wording.NOTHING if one is reference else wording.probability(run.ranking.find_probability(one))

    return [
        Column("fresh seeds, 95 % interval", lambda one: [wording.interval(intervals.get(id(one))), draw(one)], True),
        Column(f"P(> {wording.shorten(reference.name, 14)})", compare, True),
        Column("update rule", lambda one: rule_cell(run, one, _say_numbers(run, one)), is_rule=True),
        Column("search saw", lambda one: wording.score(one.evaluation.reward), True),
        *(_score_columns(run, lambda one: one.last) if run.ranking.tasks else []),
    ]


def rule_cell(run: RecordedSearch, one: Contender, numbers: str = "") -> Element:
    """The cell of a rule: its shortest formula, its status, the formula that was trained, and notes."""
    e, is_known = one.evaluation, one.place == 0
    status = [" ", element("span", e.status, class_="status")] if e.status != "ok" else None
    setting = (
        [" ", element("span", e.training_setting, class_="setting")] if e.training_setting and not numbers else None
    )
    called = [element("span", one.name, class_="name"), " "] if is_known and one.name != e.rule.formula() else None
    shortest = e.rule if is_known else run.shorten(one)
    found = element("div", _say_found(shortest, e.rule), class_="under") if is_shorter(shortest, e.rule) else None
    says = [element("div", text, class_="under") for text in (numbers, one.diverged, say_alike(one)) if text]
    return element("td", called, formula(shortest), setting, status, found, says, class_="rule")


def _say_found(shortest, rule):
    """The formula that was trained; only its constants if nothing else differs."""
    if rule.constants != PAPER and is_spelled_alike(shortest, rule):
        return "found with ", element("code", rule.constants.text().lstrip(", "))
    return "found as ", element("code", rule.formula())


def is_spelled_alike(one: Rule, other: Rule) -> bool:
    """Whether two rules are the same apart from their constants."""
    return (
        dataclasses.replace(one, constants=PAPER).canonical()
        == dataclasses.replace(other, constants=PAPER).canonical()
    )


def _say_numbers(run, one):
    rates = [f"{_name_rates(run)} {say_rates(one.evaluation)}", one.evaluation.training_setting]
    score = "" if run.ranking.tasks else f"{run.score_words.title} {wording.score(one.last.accuracy)}"
    return ", ".join(filter(None, [*rates, score]))


def is_shorter(shortest: Rule, found: Rule) -> bool:
    """Whether a rule's shortest formula differs from the one that was found."""
    return shortest.canonical() != found.canonical()


def say_alike(one: Contender) -> str:
    """The number of rules that behave like this one, in words; "" if there are none."""
    if not one.alike:
        return ""
    behave = "behaves" if one.alike == 1 else "behave"
    return f"{count_of(one.alike, 'more rule')} {behave} like {'it' if one.place else one.name}"


def _spread(one):
    return deviation(one.evaluation)


def _find_ends(evaluations):
    """(smallest, largest) reward for the charts of the seeds; None if these would show nothing."""
    rewards = [reward for e in evaluations for reward in (*e.rewards, e.reward) if is_plottable(reward)]
    # The chart of a single seed shows nothing that the number does not.
    has_seeds = max(len(e.rewards) for e in evaluations) > 1
    return (min(rewards), max(rewards)) if has_seeds and rewards else None


def _find_room(intervals):
    """(smallest, largest) reward for the charts of intervals, without the worst rows, which would squeeze them."""
    best = sorted(intervals, key=lambda interval: -interval.mean)[: max(2, round(WITHIN * len(intervals)))]
    ends = [(mean - (half or 0.0), mean + (half or 0.0)) for mean, half in best]
    return min((low for low, _ in ends), default=0.0), max((high for _, high in ends), default=1.0)
