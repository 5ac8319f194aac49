"""The table of a promotion: how far each rule got, and how the search ranked it."""

from collections.abc import Mapping, Sequence

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.promotion.candidates import Candidate
from neural_optimizer_search.promotion.halving import Rung
from neural_optimizer_search.search.columns import format_columns
from neural_optimizer_search.search.known_optimizers import name_known_optimizer
from neural_optimizer_search.search.leaderboard import (
    FORMULA,
    RULE_1,
    describe_known,
    explain_zeros,
    format_rate,
    format_reward,
    format_rule,
    write_metric,
)
from neural_optimizer_search.search.score_words import ScoreWords

NOTE = (
    "now, search: rank here and among all rules of the search. rung: how far it got. Each rung has longer\n"
    "trainings than the one before, so rewards of different rungs cannot be compared. All are measured on the\n"
    "validation data that chose the rules and rates, so the best are optimistically biased.\n"
    "The test set was not touched."
)


def rank_rules(rungs: Sequence[Rung]) -> list[tuple[int, Evaluation]]:
    """(number of the last rung that it was in, its `Evaluation` there) for each rule, the best first.

    Args:
      rungs: The `Rung`s, in order.
    """
    last = {e.rule: (rung.number, e) for rung in rungs for e in rung.found}
    return sorted(last.values(), key=lambda row: (-row[0], row[1].status != "ok", -row[1].reward))


def promotion_table(
    rungs: Sequence[Rung], candidates: Sequence[Candidate], in_all: int, words: ScoreWords, known: Mapping[str, Rule]
) -> str:
    """Formats the table as text.

    Args:
      rungs: The `Rung`s so far.
      candidates: The `Candidate`s.
      in_all: Number of rungs of the promotion.
      words: The name and the explanation of the score in the column next to the reward.
      known: The known optimizers, by name.
    """
    titles = ["now", "search", "rung", "reward", words.title, "rate", FORMULA]
    before, ranked, last = {c.rule: str(c.rank) for c in candidates}, rank_rules(rungs), rungs[-1]
    found = [
        _row(str(now), before[e.rule], f"{number}/{in_all}", e, format_rule(e))
        for now, (number, e) in enumerate(ranked, 1)
    ]
    named = [(name_known_optimizer(e.rule, known), e) for e in last.known]
    beside = [_row("", "", f"{last.number}/{in_all}", e, text) for e, text in describe_known(named)]
    header, *lines = format_columns([titles, *found, *beside])
    above, below = lines[: len(found)], lines[len(found) :]
    best = [(RULE_1, ranked[0][1]), *sorted(named, key=lambda one: -one[1].reward)[:1]]
    metric = write_metric(f"At the end of rung {last.number}", best, words.metric)
    zeros = explain_zeros([*((e.rule.formula(), e) for _, e in ranked), *named])
    return "\n".join(
        [
            header,
            *above,
            "",
            "The same trainings with known optimizers:",
            *below,
            "",
            NOTE,
            words.note,
            *metric,
            *zeros,
        ]
    )


def _row(now, search, rung, e, formula):
    reward = format_reward(e) if e.status == "ok" else e.status
    return [now, search, rung, reward, f"{e.accuracy:.4f}", format_rate(e.learning_rate), formula]
