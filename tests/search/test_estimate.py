"""How long a search will take: what is counted, and what nobody knows."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.constants import (
    ConstantsConfig,
    describe_no_round,
    find_round_cost,
    find_steps_before,
)
from neural_optimizer_search.search.cost import make_plan
from neural_optimizer_search.search.description_table import Described, format_cost, format_lines, format_tables
from neural_optimizer_search.search.estimate import (
    STEP_SECONDS,
    TRIAL_STEPS,
    Plan,
    Range,
    estimate,
    guess_fresh_seconds,
)
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.registry import find_algorithm
from neural_optimizer_search.tasks.protocol import Racing
from neural_optimizer_search.trials.first_trials import find_most_trial_steps

TUNES = ConstantsConfig(0.4)
FOUND = fakes.describe_nothing(None, fakes.BLOBS, fakes.TINY)  # 64 steps, half a second


def find(limits, protocol=fakes.TINY, **changes):
    plan = Plan(Limits(**limits), 2, 6, 0, changes.pop("fresh_seeds", 0), ConstantsConfig(), 10.0)
    return estimate(dataclasses.replace(plan, **changes), [(FOUND, protocol)])


def test_what_is_longer_takes_longer():
    base = find(dict(rules=100))
    assert base.starts.low >= 10.0 and base.rounds == Range(0, 0) and base.fresh == Range(0, 0)
    assert base.search.low <= 100 * 0.5 / 2 <= base.search.high
    for more in (dict(fresh_seeds=10), dict(tuning=TUNES), dict(known=9), dict(workers=1), dict(start_seconds=20.0)):
        other = find(dict(rules=100), **more)
        assert other.whole.low > base.whole.low and other.whole.high > base.whole.high, more
    raced = find(dict(rules=100), dataclasses.replace(fakes.TINY, racing=Racing()))
    assert raced.search.low < base.search.low and raced.search.high <= base.search.high


def test_a_trial_on_several_tasks_trains_every_seed_on_each():
    """Unlike on one task, where most trials end in their first training; a rule may be stopped after one task."""
    long = dataclasses.replace(fakes.TINY, final_steps=3 * fakes.TINY.final_steps)
    plan = Plan(Limits(rules=10), 1, 6, 0, 0, ConstantsConfig(), 10.0, tries_settings=True)
    one, both = (estimate(plan, [(FOUND, p) for p in tasks]).search for tasks in ([long], [fakes.TINY, long]))
    seconds = Range(*STEP_SECONDS).times(FOUND.seconds / FOUND.steps)
    trainings = len(fakes.TINY.seeds) * fakes.TINY.final_steps
    assert both.low == pytest.approx(10 * trainings * seconds.low)
    assert both.high == pytest.approx(10 * (trainings + 3 * trainings) * seconds.high)
    assert one.high == pytest.approx(10 * TRIAL_STEPS[1] * long.final_steps * seconds.high)


def test_a_search_for_settings_tells_what_a_trial_takes():
    """Every seed once with one setting, and the probe; a rule that is tried at several rates has 64 steps here."""
    plan = Plan(Limits(rules=10), 1, 6, 0, 0, ConstantsConfig(), 10.0)
    trials = dataclasses.replace(plan, tries_settings=True)
    uncentred = dataclasses.replace(fakes.TINY, centred=False)
    one, both = [Described("a", FOUND, uncentred)], [Described(name, FOUND, fakes.TINY) for name in ("a", "b")]
    told = "at most 16 steps, about 0.12 s with Adam on one core"
    assert f"\na trial      {told}; one that is stopped early takes fewer\n" in (text := format_tables(one, trials))
    assert " a rule " not in text and " a trial" not in format_tables(one, plan)
    assert "\n\nall tasks    at most 38 steps, about 0.3 s a trial\n" in format_tables(both, trials)
    assert "\n\nall tasks    at most 128 steps, about 1 s a rule\n" in format_tables(both, plan)
    assert format_cost(one, trials, "").startswith(f"a trial      {told}\n")
    assert format_cost(one, plan, "").startswith("a rule       at most 64 steps, about 0.5 s with Adam on one core\n")
    assert find_most_trial_steps(fakes.TINY) == 19
    assert "; at most 19 steps and about 0.15 s a trial\n" in format_lines("a", FOUND, 19)
    assert "; at most 64 steps and about 0.5 s a rule\n" in format_lines("a", FOUND)


def test_workers_without_a_rule_save_no_time():
    few, many = (find(dict(rules=100), workers=workers, fresh_seeds=10) for workers in (16, 64))
    assert many.search.high == few.search.high / 4 and many.known == few.known and many.fresh == few.fresh
    few, many = (find(dict(rules=100), workers=workers, most_rules=10) for workers in (10, 64))
    assert many.search == few.search


@pytest.mark.parametrize(
    "flags, most",
    [
        (dict(algorithm="evolution"), 5),
        (dict(algorithm="evolution", batch_size=20, pipeline=1), 40),
        (dict(algorithm="ppo", preset="paper"), 5),
        (dict(algorithm="guided"), 10),
        (dict(algorithm="evolution", asynchronous=True), None),
        (dict(algorithm="exhaustive"), None),
    ],
)
def test_a_search_measures_as_many_rules_at_once_as_its_batches_have(flags, most):
    config = SearchConfig(**flags)
    assert make_plan(config, find_algorithm(config.algorithm), 64, 0, 1.0).most_rules == most


def test_the_table_tells_how_many_workers_have_a_rule():
    def tell(**changes):
        plan = dataclasses.replace(Plan(Limits(rules=9), 64, 6, 0, 0, ConstantsConfig(), 1.0), **changes)
        return format_tables([Described("blobs", FOUND, fakes.TINY)], plan).splitlines()[-2]

    assert tell().endswith("with 64 workers") and tell(workers=1, most_rules=10).endswith("with 1 worker")
    assert "64 workers, of which batches of rules keep 10 busy" in tell(most_rules=10)


def test_a_budget_for_no_more_than_the_start_rules_is_pointed_out():
    def tell(rules):
        plan = Plan(Limits(rules=rules), 2, 6, 24, 0, ConstantsConfig(), 1.0)
        return format_tables([Described("blobs", FOUND, fakes.TINY)], plan)

    assert "24 rules, measured first; they count among the budget\n" in tell(25) and "--start none" not in tell(None)
    assert "which leaves no rule to propose: give a larger --budget, or --start none\n" in tell(24)


def test_a_tighter_limit_counts():
    assert find(dict(rules=10**6, steps=3000)).search == find(dict(steps=3000)).search
    minutes = find(dict(rules=10**6, minutes=3.0))
    assert minutes.search.low == 180.0 and 180.0 < minutes.search.high < 200.0
    assert find(dict(minutes=3.0)).search == minutes.search
    assert find(dict(rules=100, patience=10)).search.low < find(dict(rules=100)).search.low


@pytest.mark.parametrize("limits", [dict(), dict(patience=10)])
def test_what_nobody_knows(limits):
    assert find(limits).search is None and find(limits).whole is None


def test_rounds_keep_their_share():
    cost, before = find_round_cost(TUNES, fakes.TINY), find_steps_before(TUNES, fakes.TINY)
    assert cost <= TUNES.share * (cost + before) < cost + 1
    known = find(dict(steps=1)).known  # in seconds
    steps = 3 * (cost + before)
    rounds = find(dict(steps=steps), tuning=TUNES).rounds
    assert rounds.low <= 3 <= rounds.high and known.low > 0
    assert find(dict(steps=steps, minutes=1.0), tuning=TUNES).rounds.low == 0


def test_why_nothing_was_tuned():
    before = find_steps_before(TUNES, fakes.TINY)
    steps = {"known optimizers": 100, "the search": 200, "constants": 0, "fresh seeds": 9999}
    assert describe_no_round(TUNES, fakes.TINY, steps) == (
        f"No constants were tuned: the first round comes after {before:,} gradient steps, and the search took 300. "
        "Give it a larger budget, or a larger --constants."
    )
    assert describe_no_round(TUNES, fakes.TINY, {**steps, "the search": before}) == "No constants were tuned."
    assert describe_no_round(TUNES, fakes.TINY, {**steps, "constants": 1}) == ""
    assert describe_no_round(ConstantsConfig(), fakes.TINY, steps) == ""


def test_fresh_seeds_are_guessed_from_the_known_optimizers():
    known = [dataclasses.replace(fakes.fake_evaluation(parse_formula("g")), seconds=2.0, steps=100)]
    assert guess_fresh_seconds(known, 10, 5, 2) == pytest.approx(0.02 * 10 * 5 * 11 / 2)
    assert guess_fresh_seconds([], 10, 5, 2) == guess_fresh_seconds(
        [fakes.fake_evaluation(parse_formula("g"))], 1, 1, 1
    )
