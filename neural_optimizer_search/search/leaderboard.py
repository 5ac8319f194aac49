"""The leaderboard: the best rules of a search, and the known optimizers for comparison."""

from collections.abc import Iterable, Sequence
from typing import Optional

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.measuring.evaluation import Evaluation, shorten_tasks
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.columns import format_columns
from neural_optimizer_search.search.intervals import format_interval, say_probability
from neural_optimizer_search.search.known_optimizers import TITLES
from neural_optimizer_search.search.ranking import NO_FRESH_SEEDS, SHOWN, Ranking
from neural_optimizer_search.search.score_words import Metric, ScoreWords
from neural_optimizer_search.search.step_cost import describe_costs
from neural_optimizer_search.search.verdict import find_verdict, least_probability

FORMULA = "update rule (w <- w - rate * rule)"
FOUND_AS = "found as: "
RULE_1 = "rule 1"  # the best rule, in sentences
LETTERS = 20  # maximum length of a task's name above its column


def format_leaderboard(ranking: Ranking, words: ScoreWords, steps: int) -> str:
    """Formats the leaderboard as text. With fresh seeds, its first line is the verdict.

    Args:
      ranking: A `Ranking`.
      words: The `ScoreWords` of the table.
      steps: Gradient steps of a training.
    """
    shown, is_fresh = ranking.found[:SHOWN], ranking.reference is not None
    contenders = [*shown, *ranking.known]
    header, *rows = _format_rows(ranking, shown, words)
    return "\n".join(
        [
            *(_begin(ranking, steps) if is_fresh else []),
            header,
            *(rows[: len(shown)] or ["      No rule was found other than known optimizers."]),
            "",
            "The same protocol, known optimizers:",
            *rows[len(shown) :],
            "",
            *(_explain_fresh(ranking, words) if is_fresh else _explain_seen(contenders, words)),
            *([SHORTENED] if any(FOUND_AS.strip() in row for row in rows) else []),
            *([ALIKE] if any(one.alike for one in contenders) else []),
            *describe_costs(shown),
            words.note,
            *describe_metric(ranking, words),
            *([TUNED] if any(one.evaluation.form for one in contenders) else []),
            *([SETTINGS] if any(one.evaluation.training_setting for one in contenders) else []),
            OPTIMISM[is_fresh],
            *_explain_fresh_statuses(contenders),
            *explain_zeros(((one.name, one.evaluation) for one in contenders), words.reward),
        ]
    )


# -- Rows ------------------------------------------------------------------------------------------

TITLES_SEEN = ("{reward}",)
FRESH_TITLES = ("fresh {reward}", "P(better)", "search")
ALIKE = "alike: the number of other rules that behave like it, or nearly so; they were not trained, or are not shown."
SHORTENED = (
    "A rule is shown by its shortest formula that behaves alike on the recorded gradients;\n"
    '"found as" is what was trained, with the rate beside it, and what code here uses.'
)
TUNED = (
    "tuned: with the constants, the rate, the schedule and the weight decay that were best among many; the best\n"
    "known optimizers were tuned in the same way."
)
SETTINGS = "In brackets: the schedule of the rate and the weight decay, if any."
OPTIMISM = {
    False: NO_FRESH_SEEDS,
    True: "Only the seeds are fresh: the validation data is the one that chose the rules and rates,\n"
    "so check the winner on data that no search saw.",
}


def _format_rows(ranking, shown, words):
    """The text of the header, and of each row."""
    titles, make_row = (FRESH_TITLES, _fresh_row) if ranking.reference else (TITLES_SEEN, _row)
    tasks = ranking.tasks
    titles = [title.format(reward=words.reward) for title in titles]
    titles += (
        [*(shorten(task, LETTERS) for task in shorten_tasks(tasks).values()), "rates"]
        if tasks
        else [words.title, "rate"]
    )
    names = name_known([(one.name, one.evaluation) for one in ranking.known])
    found = [[f"{place:4d}", *make_row(ranking, one), _describe(ranking, one)] for place, one in enumerate(shown, 1)]
    known = [
        ["", *make_row(ranking, one), "\n".join([name + format_rule(one.evaluation), *filter(None, [one.diverged])])]
        for name, one in zip(names, ranking.known)
    ]
    return format_columns([["", *titles, "alike", FORMULA], *found, *known])


def _row(ranking, one):
    return [format_reward(one.evaluation), *_numbers(ranking, one.evaluation, one)]


def _fresh_row(ranking, one):
    probability = ranking.find_probability(one) if one.place else None
    return [
        "-" if one.interval is None else format_interval(one.interval),
        "" if probability is None else say_probability(probability),
        f"{one.evaluation.reward:.4f}",
        *_numbers(ranking, one.last, one),
    ]


def _numbers(ranking, evaluation, one):
    alike = f"+{one.alike}" if one.alike else ""
    if not ranking.tasks:
        return [f"{evaluation.accuracy:.4f}", format_rate(evaluation.learning_rate), alike]
    parts = {part.task: part for part in evaluation.parts}
    scores = [f"{parts[task].score:.4f}" if task in parts else "-" for task in ranking.tasks]
    return [*scores, " ".join(format_rate(part.learning_rate) for part in evaluation.parts) or "-", alike]


def format_rate(rate: Optional[float]) -> str:
    """A learning rate as text; "-" if every rate diverged."""
    return "-" if rate is None else f"{rate:.3g}"


def _describe(ranking, one):
    """The rule in its shortest form; below it, how it was found, if that differs, and whether it diverged."""
    shortest, rule = ranking.shorten(one).formula(), one.rule.formula()
    found = [] if shortest == rule else [f"{FOUND_AS}{rule}"]
    diverged = [one.diverged] if one.diverged else []
    return "\n".join([format_rule(one.evaluation, shortest), *found, *diverged])


def name_known(known: Sequence[tuple[str, Evaluation]]) -> list[str]:
    """The text before the rule of each known optimizer: its name, padded with spaces; "" if it has none.

    Args:
      known: The (name, evaluation) of each.
    """
    titles = {name for name, e in known if name != e.rule.formula() or name in TITLES.values()}
    width = max(map(len, titles), default=0)
    return [f"{name:{width}s} " if name in titles else "" for name, _ in known]


def describe_known(known: Sequence[tuple[str, Evaluation]]) -> list[tuple[Evaluation, str]]:
    """The known optimizers, best first, each with the text of its row: its name, if it has one, and its rule.

    Args:
      known: The (name, evaluation) of each.
    """
    named = {id(e): name for (_, e), name in zip(known, name_known(known))}
    return [(e, named[id(e)] + format_rule(e)) for e in rank(e for _, e in known)]


def format_rule(evaluation: Evaluation, formula: str = "") -> str:
    """The rule's formula, and in brackets how it was trained, unless with a constant rate and no weight decay.

    Args:
      evaluation: The `Evaluation`.
      formula: The text for the rule; by default its own formula.
    """
    setting = evaluation.training_setting
    return f"{formula or evaluation.rule.formula()}{f'  ({setting})' if setting else ''}"


def format_reward(evaluation: Evaluation) -> str:
    """The reward, and its standard deviation over seeds if there are several: "0.8872 ± 0.0141"."""
    spread = "" if evaluation.deviation is None else f" ± {evaluation.deviation:.4f}"
    return f"{evaluation.reward:.4f}{spread}"


# -- Text above and below --------------------------------------------------------------------------


def _begin(ranking, steps):
    verdict = find_verdict(ranking, steps)
    return [verdict.sentence, *(f"    {line}" for line in verdict.code.splitlines()), ""]


def _explain_fresh(ranking, words):
    reference, compared = ranking.reference, ranking.compared
    count = len(reference.fresh.seeds)
    seeds = f"mean and 95 % interval over {count} seeds" if count > 1 else "from a single seed"
    reward = words.reward
    lines = [f"fresh {reward}: {seeds} that the search never saw. search: the {reward} that the search saw."]
    if count > 1 and compared:
        lines.append(
            f"P(better): the probability that the rule is better than {reference.name}, from the paired differences "
            f"over the fresh seeds."
            + (
                f"\nThe best of {compared} is partly luck, so a rule counts as better only from "
                f"{least_probability(compared):.3g} on (Bonferroni's correction)."
                if compared > 1
                else ""
            )
        )
    return lines


def _explain_seen(contenders, words):
    seeds = len(contenders[0].evaluation.rewards) if contenders else 0
    of = f"mean ± standard deviation over {seeds} training seeds" if seeds > 1 else "from a single training seed"
    return [f"{words.reward}: {of}."]


def describe_metric(ranking: Ranking, words: ScoreWords) -> list[str]:
    """A sentence with the score of the best rule and of the best known optimizer as values of the task's metric.

    Runs that ended with the score 0 have no such value. Without a `Metric`, there is no sentence.
    """
    best = [
        *((RULE_1, one.last) for one in ranking.found[:1]),
        *((one.name, one.last) for one in ranking.known[:1]),
    ]
    return write_metric("At the end of the final run", best, words.metric)


def write_metric(when: str, best: Sequence[tuple[str, Evaluation]], metric: Optional[Metric]) -> list[str]:
    """A sentence with the scores of some rules as values of the task's metric; none without a value.

    Args:
      when: The beginning of the sentence: which validation the scores are of.
      best: The (name, evaluation) of each rule.
      metric: The `Metric`; None if the scores stand for no metric.
    """
    if metric is None:
        return []
    values = [
        f"{metric.write_value([e.accuracy])} with {name}"
        for name, e in best
        if e.accuracy > 0.0 and min(e.rewards, default=0.0) > 0.0
    ]
    return [f"{when}, {metric.name} is {', '.join(values)}."] if values else []


def _explain_fresh_statuses(contenders):
    wrong = [(one.name, one.fresh) for one in contenders if one.fresh and one.fresh.status != "ok"]
    return [f"fresh seeds of {name}: {shorten(fresh.message, 200)} {_say_worth(fresh)}" for name, fresh in wrong]


def _say_worth(fresh):
    if fresh.parts:
        return "Those runs have the reward 0 on their task."
    return "Those runs score 0." if fresh.status == "diverged" else "That scores 0."


def explain_zeros(shown: Iterable[tuple[str, Evaluation]], reward: str = "reward") -> list[str]:
    """A line for each evaluation with the reward 0, with its name and its message.

    On several tasks, tuned SGD has a reward of 0, which needs no explanation.

    Args:
      shown: The (name, evaluation) of each.
      reward: The name of the reward.
    """
    rows = [(name, e) for name, e in shown if not (e.parts and e.status == "ok")]
    lines = [f"{reward} 0 of {name}: {shorten(e.message, 200)}" for name, e in rows if not e.reward]
    late = any(not e.reward and e.status == "timeout" for _, e in rows)
    return [*lines, *(["Rules took longer than the time limit: give a longer --timeout."] if late else [])]
