"""The leaderboard of a search: its best rules, each behaviour once, and the known optimizers."""

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import wording
from neural_optimizer_search.report.board_columns import fresh_columns, is_shorter, search_columns
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import scroll_box, section, table
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.search.leaderboard import TUNED, describe_metric, explain_zeros
from neural_optimizer_search.search.ranking import SHOWN, Contender
from neural_optimizer_search.search.verdict import least_probability

# The only row of a table without rules.
NOTHING = "No proposed rule has been measured successfully."


def best_rules(run: RecordedSearch) -> list[Contender]:
    """The rules that a page shows one by one, the best first; no two of them behave alike."""
    return list(run.ranking.found[:SHOWN])


def leaderboard(run: RecordedSearch) -> Element:
    """The section with the best rules and, under them, the known optimizers."""
    top, known = best_rules(run), run.ranking.known
    shown = [*top, *known]
    if not shown:
        return section("Best rules", element("p", "No rule has been measured yet."), id_="best")
    columns = (search_columns if run.ranking.reference is None else fresh_columns)(run, shown)
    found_rows = [[str(rank), *(column.cell(one) for column in columns)] for rank, one in enumerate(top, 1)]
    known_rows = [["", *(column.cell(one) for column in columns)] for one in known]
    rows = table(
        ("", *(column.title for column in columns)),
        found_rows or [["", *(NOTHING if column.is_rule else "" for column in columns)]],
        ["Known optimizers, under the same protocol", *known_rows] if known else [],
        numbers=(0, *(k for k, column in enumerate(columns, 1) if column.is_number)),
    )
    named = [
        *((f"rule {rank}", one.last) for rank, one in enumerate(top, 1)),
        *((one.name, one.last) for one in known),
    ]
    tuned = [TUNED] if any(one.evaluation.form for one in shown) else []
    notes = [*_describe_rewards(run, shown), *tuned, *explain_zeros(named, run.score_words.reward)]
    return section(
        "Best rules",
        element(
            "p",
            "w ← w − learning rate · rule. No two of these rules behave alike.",
            _shortened(run, top),
            class_="note",
        ),
        scroll_box(rows, "Leaderboard"),
        [element("p", wording.begin_sentence(note), class_="note") for note in notes],
        id_="best",
    )


def _describe_rewards(run, shown):
    """Explains the numbers, one paragraph at a time."""
    reference = run.ranking.reference
    if reference is None:
        seen = _seeds([one.evaluation for one in shown], wording.begin_sentence(run.score_words.reward))
        yield (
            f"{seen} All rewards come from the validation data that chose the rules and their "
            "learning rates, so the best are optimistically biased. The known optimizers had the same learning rates "
            "to choose from. "
            f"{_explain_score(run)}"
        )
        return
    count = max(len(one.fresh.rewards) for one in shown if one.fresh)
    mean = "mean reward" if run.score_words.reward == "reward" else run.score_words.reward
    yield (
        f"Fresh seeds: the {mean} of {count_of(count, 'training')} with seeds that the search never saw, "
        "with its 95 % interval, on the same validation data. The dot is the mean, the whisker the interval, the "
        f"ring the reward that the search saw, and the dashed line the mean of {reference.name}, the best known "
        f"optimizer. An arrow points to a mean outside the chart. P(> {reference.name}) is the probability that the "
        f"rule beats {reference.name}, from the paired differences over the fresh seeds."
        f"{_correct(run.ranking.compared)} "
        f"{_explain_score(run)}"
    )


def _explain_score(run):
    return " ".join([wording.begin_sentence(run.score_words.note), *describe_metric(run.ranking, run.score_words)])


def _shortened(run, top):
    if not any(is_shorter(run.shorten(one), one.rule) for one in top):
        return None
    return (
        " Each rule is shown as the shortest formula that behaves alike on the recorded gradients; the rule that was "
        "trained, which the copy buttons copy, follows “found as” or “found with”."
    )


def _correct(compared):
    if compared < 2:
        return ""
    return (
        f" The best of {compared} is partly luck, so a rule counts as better only if this probability is at least "
        f"{least_probability(compared):.3g} (Bonferroni correction)."
    )


def _seeds(evaluations, reward):
    counts = sorted({len(e.rewards) for e in evaluations if e.rewards})
    if counts in ([], [1]):
        return f"{reward}: from a single training seed."
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"{reward}: mean ± standard deviation over {span} training seeds."
