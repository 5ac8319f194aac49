"""What a search with rounds of tuning records depends neither on its workers nor on where it was broken off."""

import functools
import os

import pytest
from same_searches import PROTOCOL, STARTS, WITH_ROUNDS, Measured, Workers, broken, read, run

from neural_optimizer_search.search import loop

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("graphs_as_traced")]
(SEARCH,) = WITH_ROUNDS


@pytest.fixture(scope="module")
def evaluator():
    return Measured()


@pytest.fixture(scope="module")
def whole(evaluator, tmp_path_factory):
    """(what one worker records when nothing comes between, how often it was asked)."""
    directory, workers = tmp_path_factory.mktemp("whole") / "run", Workers(evaluator, 1)
    run(directory, SEARCH, workers)
    return read(directory), workers.done


def test_the_rounds_have_all_that_could_differ(whole):
    expected, _ = whole
    tunings, learned = expected["tunings"], [sample for sample in expected["samples"] if sample.tuned]
    assert any(one.round for one in tunings) and any(not one.trials for one in tunings)
    assert learned and {one.key for one in learned} < set(expected["tuned"])  # what is worth no more is not learned
    steps_of = {one.key: one.step for one in tunings}
    assert all(sample.step == steps_of[sample.key] for sample in learned)
    known = {one.form for one in tunings if one.form in expected["baseline"]}
    assert known and known < {one.form for one in tunings}


def test_what_another_run_tuned_is_measured_as_it_was_there(whole):
    start, *_ = STARTS
    first = next(one for one in whole[0]["tunings"] if one.key in whole[0]["tuned"] and not one.trials)
    assert first.step == 1 and first.round == 0
    found = whole[0]["tuned"][first.key]
    assert found.rule == start.rule and (found.learning_rate, found.schedule, found.weight_decay) == start.tuned
    assert first.steps == found.steps == len(PROTOCOL.seeds) * PROTOCOL.final_steps


def test_rounds_fit_into_their_share(whole):
    steps = whole[0]["steps"]
    assert steps["constants"] == sum(one.steps for one in whole[0]["tunings"])
    share = WITH_ROUNDS[SEARCH][1].share
    total = sum(spent for name, spent in steps.items() if name != "fresh seeds")
    assert 0.6 * share < steps["constants"] / total <= share


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers(whole, evaluator, tmp_path, workers):
    run(tmp_path / "run", SEARCH, Workers(evaluator, workers))
    assert read(tmp_path / "run") == whole[0]


@pytest.mark.parametrize("workers", [1, 3])
def test_broken_off_anywhere(whole, evaluator, tmp_path, monkeypatch, workers):
    expected, count = whole
    monkeypatch.setattr(loop, "STEPS_PER_SAVE", 3)
    make = functools.partial(Workers, evaluator, workers)
    points = range(count) if os.environ.get("NOS_LONG") else range(8 + 2 * workers, count, 8)
    for point, found in broken(tmp_path, SEARCH, make, points):
        assert found == expected, point


def test_steps_that_end_within_a_round_and_grow(whole, evaluator, tmp_path):
    """No round goes beyond them; with more, it goes on, and all is as if there had been more at once."""
    expected, tried = whole[0], set()
    for steps in (320, 380, 500, 740, 860, 980):
        run(tmp_path / "run", SEARCH, Workers(evaluator, 2), rules=12, steps=steps)
        found = read(tmp_path / "run")
        assert sum(spent for name, spent in found["steps"].items() if name != "fresh seeds") <= steps
        tried |= {len(one.trials) for one in found["tunings"]}
        assert all(one.key in found["tuned"] for one in found["tunings"] if len(one.trials) == 1)
    assert tried == {0, 1, 2, 3}
    run(tmp_path / "run", SEARCH, Workers(evaluator, 1))
    found = read(tmp_path / "run")
    names = expected.keys() - {"fresh", "steps"}  # fresh seeds of fewer steps stay
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}


def test_a_budget_that_grows(whole, evaluator, tmp_path):
    for budget in (1, 5, 12):
        run(tmp_path / "run", SEARCH, Workers(evaluator, 2), rules=budget)
    found = read(tmp_path / "run")
    names = set(found) - {"fresh", "steps"}  # fresh seeds of smaller budgets stay
    assert {name: found[name] for name in names} == {name: whole[0][name] for name in names}
