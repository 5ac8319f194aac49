import dataclasses

import fakes

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.leaderboard import format_leaderboard
from neural_optimizer_search.search.score_words import score_words

ACCURACY = score_words("digits")
FOUND = [
    fakes.fake_evaluation(parse_formula(text), reward)
    for text, reward in (("g * m", 0.3), ("exp(g)", 0.7), ("log(g)", 0.5))
]
KNOWN = [fakes.fake_evaluation(rule, 0.1) for rule in KNOWN_OPTIMIZERS.values()]


def test_best():
    assert [e.reward for e in rank(FOUND)[:2]] == [0.7, 0.5]
    assert rank(FOUND[:1] * 3) == FOUND[:1] * 3


def test_leaderboard_shows_the_best_and_the_known():
    lines = format_leaderboard(FOUND, KNOWN, ACCURACY, count=2).splitlines()
    assert lines[0].split()[:2] == ["reward", "accuracy"]
    assert lines[1].split() == ["1", "0.7000", "0.7000", "0.1", "exp(g)"]
    assert "log(|g|)" in lines[2]
    assert not any("g * m" in line for line in lines[:4])
    known = {line.split()[3]: line.split(maxsplit=4)[4] for line in lines[lines.index("") + 2 : -4]}
    assert known == {name: rule.formula() for name, rule in KNOWN_OPTIMIZERS.items()}


def test_schedule_and_weight_decay_are_shown_where_there_are_any():
    trained = dataclasses.replace(FOUND[1], schedule="cosine, warm-up 0.1", weight_decay=0.01)
    known = [dataclasses.replace(KNOWN[0], schedule="linear"), *KNOWN[1:]]
    lines = format_leaderboard([trained, FOUND[0]], known, ACCURACY).splitlines()
    assert lines[1].endswith("exp(g)  (cosine, warm-up 0.1, weight decay 0.01)")
    assert lines[2].endswith("g * m")
    assert sum(line.endswith("  (linear)") for line in lines) == 1
    assert sum("weight decay 0.01" in line for line in lines) == 1
    assert sum(line.startswith("In brackets: ") for line in lines) == 1


def test_numbers_that_are_none_are_shown_as_what_they_are():
    """As a ledger that somebody sent may hold them."""
    odd = dataclasses.replace(FOUND[0], rewards=(0.5, float("nan")))
    assert "0.3000 ± nan" in format_leaderboard([odd], KNOWN, ACCURACY)


def test_the_words_fit_the_task():
    words = score_words("mine:task", Fingerprint({}, {}, 2.0, 1.0, "mae", 1.5, 0.0))
    table = format_leaderboard(FOUND, KNOWN, words)
    assert table.splitlines()[0].split()[:2] == ["reward", "score"] and "accuracy" not in table
    assert words.note in table and words.note.endswith(" It is 0 where mae is 1.5, and 1 where it is 0.")
    assert score_words("mine:task").note.endswith("1 is the best, 0 is worth nothing.")
    assert "score" not in format_leaderboard(FOUND, KNOWN, ACCURACY)


def test_a_reward_of_0_is_explained():
    *others, last = KNOWN
    worse = dataclasses.replace(last, reward=0.0, message="The metric is 3 at the end,\nwhich is paid nothing.")
    lines = format_leaderboard(FOUND, [*others, worse], ACCURACY).splitlines()
    *_, name = KNOWN_OPTIMIZERS
    assert lines[-1] == f"reward 0 of {name}: The metric is 3 at the end,\\nwhich is paid nothing."
    assert not any("reward 0 of" in line for line in lines[:-1])
    late = dataclasses.replace(worse, status="timeout", message="It took longer than the limit of 1 s. Tried twice.")
    assert format_leaderboard([late], KNOWN, ACCURACY).endswith(
        "of 1 s. Tried twice.\nRules took longer than the time limit: give a longer --timeout."
    )
