"""What a person reads when a search is over."""

import dataclasses

import fakes
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search import leaderboard
from neural_optimizer_search.search.columns import WIDTH
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.leaderboard import format_leaderboard
from neural_optimizer_search.search.progress import describe_counts, describe_steps
from neural_optimizer_search.search.ranking import make_ranking
from neural_optimizer_search.search.score_words import describe_reward, score_words
from neural_optimizer_search.tasks.protocol import REWARDS

ACCURACY = score_words("digits")
PROBES = [Screen().probe]
FOUND = [
    fakes.fake_evaluation(parse_formula(text), reward)
    for text, reward in (("g * m", 0.3), ("g^3", 0.7), ("log(g)", 0.5))
]
KNOWN = [fakes.fake_evaluation(rule, 0.1) for rule in KNOWN_OPTIMIZERS.values()]


def show(found, known=KNOWN, words=ACCURACY, fresh=None, steps=24):
    ranking = make_ranking(found, known, KNOWN_OPTIMIZERS, PROBES, fresh)
    return format_leaderboard(ranking, words, steps)


def test_best():
    assert [e.reward for e in rank(FOUND)[:2]] == [0.7, 0.5]
    assert rank(FOUND[:1] * 3) == FOUND[:1] * 3


# -- Without fresh seeds ---------------------------------------------------------------------------


def test_leaderboard_shows_the_best_and_the_known(monkeypatch):
    monkeypatch.setattr(leaderboard, "SHOWN", 2)
    lines = show(FOUND).splitlines()
    assert lines[0].split()[:4] == ["reward", "accuracy", "rate", "alike"]
    assert lines[1].split() == ["1", "0.7000", "0.7000", "0.1", "g^3"]
    assert "log(|g|)" in lines[2]
    assert not any("g * m" in line for line in lines[:4])
    known = {line.split()[3]: line.split(maxsplit=4)[4] for line in lines[lines.index("") + 2 : -4]}
    assert known == {name: rule.formula() for name, rule in KNOWN_OPTIMIZERS.items()}
    assert lines[-1] == (
        "No fresh seeds: these rewards are optimistically biased. "
        "For a verdict: nos-search --resume RUN --fresh_seeds 10"
    )


def test_schedule_and_weight_decay_are_shown_where_there_are_any():
    trained = dataclasses.replace(FOUND[1], schedule="cosine, warm-up 0.1", weight_decay=0.01)
    known = [dataclasses.replace(KNOWN[0], schedule="linear"), *KNOWN[1:]]
    lines = show([trained, FOUND[0]], known).splitlines()
    assert lines[1].endswith("g^3  (cosine, warm-up 0.1, weight decay 0.01)")
    assert lines[2].endswith("g * m")
    assert sum(line.endswith("  (linear)") for line in lines) == 1
    assert sum("weight decay 0.01" in line for line in lines) == 1
    assert sum(line.startswith("In brackets: ") for line in lines) == 1


def test_numbers_that_are_none_are_shown_as_what_they_are():
    """As a ledger that somebody sent may hold them."""
    odd = dataclasses.replace(FOUND[0], rewards=(0.5, float("nan")))
    assert "0.3000 ± nan" in show([odd])


def test_the_words_fit_the_task():
    words = score_words("mine:task", Fingerprint({}, {}, 2.0, 1.0, "mae", 1.5, 0.0))
    table = show(FOUND, words=words)
    assert table.splitlines()[0].split()[:2] == ["reward", "score"] and "accuracy" not in table
    assert words.note in table and words.note.endswith("run: 0 where mae is 1.5, 1 where it is 0.")
    found, known = FOUND[1].accuracy, max(KNOWN, key=lambda e: e.reward)
    told = (
        f"At the end of the final run, mae is {1.5 * (1 - found):.4g} with rule 1, {1.5 * (1 - known.accuracy):.4g} "
    )
    assert sum(line.startswith(told) for line in table.splitlines()) == 1
    diverged = dataclasses.replace(KNOWN[0], accuracy=0.4, rewards=(0.8, 0.0), reward=0.9)
    table = show(FOUND, [diverged, *KNOWN[1:]], words=words)
    assert f"mae is {1.5 * (1 - found):.4g} with rule 1.\n" in table
    changed = score_words("mine:task", Fingerprint({}, {}, 2.0, 1.0, "mae", 1.5, 0.0), ["its data"])
    assert "Some rewards are of an earlier task" in changed.note and changed.metric is None
    itself = score_words("mine:task", Fingerprint({}, {}, 2.0, 1.0, "accuracy", 0.0, 1.0))
    assert itself.note == "score: validation accuracy at the end of the final run."
    assert score_words("mine:task").note.endswith("from 0 to 1 (the best).")
    assert "score" not in show(FOUND) and "final run, " not in show(FOUND, words=itself)


@pytest.mark.parametrize("reward", REWARDS)
def test_what_a_training_is_paid_is_said(reward):
    assert describe_reward(reward).startswith("reward of a training: ")


def test_a_reward_of_0_is_explained():
    *others, last = KNOWN
    worse = dataclasses.replace(last, reward=0.0, message="The metric is 3 at the end,\nwhich is paid nothing.")
    lines = show(FOUND, [*others, worse]).splitlines()
    *_, name = KNOWN_OPTIMIZERS
    assert lines[-1] == f"reward 0 of {name}: The metric is 3 at the end,\\nwhich is paid nothing."
    assert not any("reward 0 of" in line for line in lines[:-1])
    late = dataclasses.replace(worse, status="timeout", message="It took longer than the limit of 1 s. Tried twice.")
    assert show([dataclasses.replace(late, rule=FOUND[0].rule)]).endswith(
        "of 1 s. Tried twice.\nRules took longer than the time limit: give a longer --timeout."
    )


def test_a_disguise_is_counted_and_not_shown():
    disguises = [fakes.fake_evaluation(parse_formula(f"Adam - clip(clip({x}, 1e-3), 1e-4)"), 0.9) for x in "gv"]
    lines = show([*FOUND, *disguises]).splitlines()
    assert lines[1].endswith("g^3") and not any("clip" in line for line in lines)
    assert [line.split()[4] for line in lines if "  +2  " in line] == ["Adam"]
    assert sum(line.startswith("alike: ") for line in lines) == 1


def test_without_a_rule_there_are_the_known_optimizers():
    assert "No rule was found other than known optimizers." in show([])


# -- With fresh seeds ------------------------------------------------------------------------------


def freshly(found, known, noise=0.01, seeds=10):
    """Fresh evaluations by key, given (evaluation, mean reward)."""
    rng = np.random.default_rng(0)
    rows = {}
    for evaluation, mean in (*found, *known):
        rewards = tuple((mean + noise * rng.normal(size=seeds)).tolist())
        rows[evaluation.key] = dataclasses.replace(
            evaluation, reward=sum(rewards) / seeds, rewards=rewards, seeds=tuple(range(1000, 1000 + seeds))
        )
    return rows


SGD, *OTHERS = KNOWN
FRESH_KNOWN = [(SGD, 0.6), *((e, 0.2) for e in OTHERS)]


def test_if_nothing_is_better_the_first_line_says_so_and_what_to_use():
    fresh = freshly([(FOUND[0], 0.55), (FOUND[1], 0.59), (FOUND[2], 0.5)], FRESH_KNOWN)
    lines = show(FOUND, fresh=fresh).splitlines()
    assert lines[0].startswith("No rule that was found beats SGD beyond noise (best: g^3, probability < 0.01; ")
    assert lines[0].endswith(
        "; the best of 3 needs 0.983). More may be found with a larger --budget or another --seed. "
        "Use SGD: learning rate 0.1."
    )
    made = {}
    exec("\n".join(line[4:] for line in lines[1:3]), made)
    assert made["optimizer"].rule == KNOWN_OPTIMIZERS["SGD"] and not lines[3]  # and no rule below
    assert float(made["optimizer"].learning_rate) == pytest.approx(0.1)


def test_what_is_better_is_named_with_its_code():
    fresh = freshly([(FOUND[0], 0.7), (FOUND[1], 0.59), (FOUND[2], 0.5)], FRESH_KNOWN)
    lines = show(FOUND, fresh=fresh).splitlines()
    assert lines[0].startswith("g * m beats SGD, the best known optimizer here: 0.70")
    assert (
        lines[0].endswith(" with 10 fresh seeds (probability > 0.999; the best of 3 needs 0.983).")
        and " against 0.60" in lines[0]
    )
    made = {}
    exec("\n".join(line[4:] for line in lines[1:3]), made)
    assert made["optimizer"].rule == FOUND[0].rule
    # Ordered by fresh seeds, and what the search saw stands beside it.
    assert [line.split()[-1] for line in lines[5:8]] == ["m", "g^3", "log(|g|)"]
    assert lines[4].split()[:7] == ["fresh", "reward", "P(better)", "search", "accuracy", "rate", "alike"]
    assert lines[5].split()[2] == "±" and lines[5].split()[4:8] == [">", "0.999", "0.3000", "0.3000"]
    assert any(line.startswith("fresh reward: mean and 95 % interval over 10 seeds") for line in lines)


def test_the_luck_of_the_best_of_several_is_taken_into_account():
    """Of one rule 0.97 would be enough; of three it is not."""
    rewards = {SGD.key: (0.5, 0.5, 0.5), FOUND[0].key: (0.6, 0.59, 0.53)}
    fresh = {
        e.key: dataclasses.replace(e, reward=np.mean(those), rewards=those, seeds=(1, 2, 3))
        for e, those in ((e, rewards.get(e.key, (0.1, 0.2, 0.3))) for e in (*FOUND, *KNOWN))
    }
    none = (
        "No rule that was found beats SGD beyond noise (best: g * m, probability 0.961; the best of 3 needs 0.983)."
    )
    assert show(FOUND, fresh=fresh).startswith(none)
    alone = show(FOUND[:1], fresh=fresh)
    assert alone.startswith("g * m beats SGD, ") and "(probability 0.961; a single rule needs 0.95)." in alone
    # The table has the same probability, each rule's own.
    for table in (show(FOUND, fresh=fresh), alone):
        assert [line.split()[4] for line in table.splitlines() if line.endswith("  g * m")] == ["0.961"]
    assert "partly luck" in show(FOUND, fresh=fresh) and "partly luck" not in alone
    # It is the best guess all the same, so that its code stands below that of the known optimizer.
    lines = show(FOUND, fresh=fresh).splitlines()
    guess = lines.index("    # Or the best rule that was found, better with probability 0.961:")
    made = {}
    exec("\n".join(line[4:] for line in lines[1 : guess + 3]), made)
    assert made["best_guess"].rule == FOUND[0].rule and not lines[guess + 3]
    assert made["optimizer"].rule == KNOWN_OPTIMIZERS["SGD"]  # the recommended one, when the whole code is pasted
    # What is too little is not rounded to what is needed: here 0.9827 of 0.9833.
    fresh[FOUND[0].key] = dataclasses.replace(fresh[FOUND[0].key], rewards=(0.6, 0.59, 0.55))
    assert "probability 0.982; the best of 3 needs 0.983)" in show(FOUND, fresh=fresh)


def test_one_fresh_seed_tells_no_probability():
    first, *_ = lines = show(FOUND, fresh=freshly([(e, 0.5) for e in FOUND], FRESH_KNOWN, seeds=1)).splitlines()
    assert first.startswith("One fresh seed cannot tell whether a rule beats SGD (best: ")
    assert "resume with a larger --fresh_seeds. Use SGD: " in first
    assert "±" not in "\n".join(lines) and not any(line.startswith("P(better)") for line in lines)


def test_what_diverges_with_fresh_seeds_is_said():
    fresh = freshly([(e, 0.5) for e in FOUND], FRESH_KNOWN)
    worse = dataclasses.replace(fresh[FOUND[0].key], status="diverged", message="Diverged in 1 of 10 final runs.")
    table = show(FOUND, fresh={**fresh, worse.key: worse})
    assert "\nfresh seeds of g * m: Diverged in 1 of 10 final runs. Those runs score 0." in table


def test_what_diverged_has_no_interval_but_says_how_often():
    """Of rewards 0.8, 0.8 and 0 it would reach from below 0 to above 1."""
    fresh = freshly([(e, 0.5) for e in FOUND], FRESH_KNOWN)
    for evaluation in (FOUND[0], SGD):
        rewards = dict(reward=1.6 / 3, rewards=(0.8, 0.8, 0.0), seeds=(1000, 1001, 1002))
        fresh[evaluation.key] = dataclasses.replace(evaluation, status="diverged", **rewards)
    lines = show(FOUND, fresh=fresh).splitlines()
    for end in ("  g * m", " SGD          g"):
        (place,) = (place for place, line in enumerate(lines) if line.endswith(end))
        assert "0.5333  " in lines[place] and "±" not in lines[place]
        assert lines[place + 1].strip() == "diverged in 1 of 3"


def test_a_long_rule_is_called_by_its_place():
    """Cut, its ends would tell nothing."""
    long = "sign(g) * sqrt(|m|) + sign(g) * sqrt(|m|) + g * exp(m) * tanh(w)"
    found = fakes.fake_evaluation(parse_formula(long), 0.4)
    called = "ule 1 of the table (behaves like sign(g) * sqrt(|m|))"
    best = fakes.fake_evaluation(parse_formula("g * m"), 0.3)
    table = show([found, best], fresh=freshly([(found, 0.8), (best, 0.9)], FRESH_KNOWN))
    assert table.startswith("g * m beats SGD")
    assert show([found], fresh=freshly([(found, 0.9)], FRESH_KNOWN)).startswith(f"R{called} beats SGD, ")
    table = show([found, best], fresh=freshly([(found, 0.58), (best, 0.5)], FRESH_KNOWN))
    assert f"beyond noise (best: r{called}, probability" in table


def test_the_verdict_names_the_rule_that_its_code_trains():
    rule = parse_formula("sign(g) * sqrt(m) - clip(clip(v, 1e-3), 1e-5)")
    (found,) = [fakes.fake_evaluation(rule, 0.4)]
    lines = show([found], fresh=freshly([(found, 0.9)], FRESH_KNOWN)).splitlines()
    assert lines[0].startswith(f"{rule.formula()} (behaves like sign(g) * sqrt(|m|)) beats SGD, ")
    made = {}
    exec("\n".join(line[4:] for line in lines[1:3]), made)
    assert made["optimizer"].rule == rule
    assert any(line.startswith("A rule is shown by its shortest formula") for line in lines)
    assert "shortest formula" not in show(FOUND)


def test_the_rate_in_the_code_is_that_of_the_table():
    decays = dataclasses.replace(FOUND[0], schedule="linear", learning_rate=0.0306812)
    lines = show([decays], fresh=freshly([(decays, 0.9)], FRESH_KNOWN)).splitlines()
    code = "\n".join(lines[1 : lines.index("")])
    assert 'make_schedule("linear", 0.0307, steps)' in code
    assert "steps = 24  # epochs * batches per epoch of your training; the rate was tuned for 24" in code


@pytest.mark.parametrize("name", KNOWN_OPTIMIZERS)
def test_every_known_optimizer_can_be_typed_in(name):
    rates = {"schedule": "cosine", "weight_decay": 0.25} if name in ("Adam", "Lion") else {}
    known = [dataclasses.replace(e, **rates, learning_rate=0.0306812) for e in KNOWN]
    means = [(e, 0.9 if e.rule == KNOWN_OPTIMIZERS[name] else 0.1) for e in known]
    lines = show(FOUND, known, fresh=freshly([(e, 0.2) for e in FOUND], means)).splitlines()
    assert f"Use {name}: learning rate 0.0307" in lines[0]
    assert lines[0].endswith(", schedule cosine, weight decay 0.25.") == bool(rates)
    made = {}
    exec("\n".join(line[4:] for line in lines[1 : lines.index("")]), made)
    optimizer = made["optimizer"]
    # Some are classes of their own.
    assert type(optimizer).__name__ == name or optimizer.rule.canonical() == KNOWN_OPTIMIZERS[name].canonical()
    if rates:
        assert optimizer.get_config()["weight_decay"] == 0.25


def test_long_rules_go_on_below_and_say_how_they_were_found():
    long = parse_formula("sign(g) * sqrt(m) * exp(sign(g) * sign(m)) - clip(clip(v, 1e-3), 1e-5)")
    deep = parse_formula("sign(g) * sqrt(|m|) * log(|v|) * exp(1e-3*w) * drop(RMSProp, 0.3) * sqrt(|Adam|) * sign(m)")
    found = [fakes.fake_evaluation(rule, 0.4) for rule in (long, deep)]
    lines = show(found, fresh=freshly([(e, 0.5) for e in found], FRESH_KNOWN)).splitlines()
    table = lines[4 : lines.index("", 4)]
    start = table[0].index("update rule")
    assert max(map(len, table)) <= WIDTH
    assert {line[:start].strip() for line in table[2:] if not line.startswith("   2")} == {""}
    said = " ".join(line[start:].strip() for line in table)
    assert f"found as: {long.formula()}" in said


# -- The last line ---------------------------------------------------------------------------------


def test_what_became_of_all_that_was_proposed():
    counts = dict(sampled=222, screened=129, repeated=41, alike=12, cached=0, trained=40, stopped=27, diverged=1)
    assert describe_counts({**counts, "failed": 1}) == (
        "222 sampled: 129 screened out, 41 repeated, 12 alike, 0 cached, 40 trained, "
        "of these 27 stopped early, 1 diverged and 1 failed."
    )
    steps = {"known optimizers": 3098, "the search": 7876, "fresh seeds": 0}
    assert describe_steps(steps) == "\n10,974 gradient steps: 3,098 on known optimizers, 7,876 on the search."
    assert describe_steps(dict.fromkeys(steps, 0)) == ""
