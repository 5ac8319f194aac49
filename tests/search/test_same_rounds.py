"""What a search with rounds of tuning records depends neither on its workers nor on where it was broken off."""

import functools

import marks
import pytest
from same_searches import LOCK_STEP, PROTOCOL, STARTS, WITH_ROUNDS, Measured, Workers, broken, read, run

from neural_optimizer_search.search.local import LocalConfig
from neural_optimizer_search.trials.first_trials import find_trial_steps
from neural_optimizer_search.workers.executor import MEASURE

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("graphs_as_traced")]
(SEARCH,) = WITH_ROUNDS
BATCH = LocalConfig().batch_size
IN_LOCK_STEP = LOCK_STEP.format(SEARCH)


@pytest.fixture(scope="module")
def evaluator():
    return Measured()


@pytest.fixture(scope="module", params=[SEARCH, IN_LOCK_STEP])
def whole(request, evaluator, tmp_path_factory):
    """(algorithm, what one worker records when nothing comes between, how often it was asked)."""
    directory, workers = tmp_path_factory.mktemp("whole") / "run", Workers(evaluator, 1)
    run(directory, request.param, workers)
    return request.param, read(directory), workers.done


def test_the_rounds_have_all_that_could_differ(whole):
    _, expected, _ = whole
    tunings, learned = expected["tunings"], [sample for sample in expected["samples"] if sample.tuned]
    assert any(one.round for one in tunings) and any(not one.trials for one in tunings)
    assert learned and {one.key for one in learned} < set(expected["tuned"])  # what is worth no more is not learned
    steps_of = {one.key: one.step for one in tunings}
    assert all(sample.step == steps_of[sample.key] for sample in learned)
    known = {one.form for one in tunings if one.form in expected["baseline"]}
    assert known and known < {one.form for one in tunings}


def test_what_another_run_tuned_is_measured_as_it_was_there(whole):
    algorithm, expected, _ = whole
    start, *_ = STARTS
    first = next(one for one in expected["tunings"] if one.key in expected["tuned"] and not one.trials)
    # With a pipeline the second batch is in work by then.
    assert first.step == (1 if algorithm == IN_LOCK_STEP else 2) and first.round == 0
    found = expected["tuned"][first.key]
    assert found.rule == start.rule and (found.learning_rate, found.schedule, found.weight_decay) == start.tuned
    assert first.steps == found.steps == len(PROTOCOL.seeds) * PROTOCOL.final_steps


def test_rounds_fit_into_their_share(whole):
    _, expected, _ = whole
    steps = expected["steps"]
    assert steps["constants"] == sum(one.steps for one in expected["tunings"])
    share = WITH_ROUNDS[SEARCH][1].share
    total = sum(spent for name, spent in steps.items() if name != "fresh seeds")
    assert 0.6 * share < steps["constants"] / total <= share


def test_trials_may_take_longer_than_their_rule_did(evaluator, tmp_path):
    """As many times longer as they may have more gradient steps."""
    asked = []

    class Noting(Workers):
        def submit(self, rule, ask=MEASURE):
            asked.append((rule, ask))
            return super().submit(rule, ask)

    run(tmp_path / "run", SEARCH, Noting(evaluator, 2))
    found = read(tmp_path / "run")
    steps = {e.rule: e.steps for e in (*found["baseline"].values(), *found["search"].values())}
    others = len(PROTOCOL.seeds) * PROTOCOL.final_steps + PROTOCOL.probe_steps
    tuned = {rule: ask for rule, ask in asked if callable(ask.method)}
    assert tuned and all(
        ask.patience == max(1.0, (ask.arguments["count"] * find_trial_steps(PROTOCOL) + others) / steps[rule])
        for rule, ask in tuned.items()
    )
    assert max(ask.patience for ask in tuned.values()) > 1.0
    assert {ask.patience for _, ask in asked if ask.method == MEASURE.method} == {1.0}


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers(whole, evaluator, tmp_path, workers):
    algorithm, expected, _ = whole
    run(tmp_path / "run", algorithm, Workers(evaluator, workers))
    assert read(tmp_path / "run") == expected


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 3])
def test_broken_off_anywhere(whole, evaluator, tmp_path, workers):
    algorithm, expected, count = whole
    make = functools.partial(Workers, evaluator, workers)
    points = range(count) if marks.LONG else range(8 + 2 * workers, count, 8)
    for point, found in broken(tmp_path, algorithm, make, points):
        assert found == expected, point


def _tried_what_was_measured(tuning):
    """Whether its trial has the rate, the schedule and the weight decay that the sweep chose."""
    (trial,) = tuning.trials
    tried = {name: trial["params"][name] for name in ("schedule", "warm-up")}
    return tried == {"schedule": "constant", "warm-up": 0.0} and trial["params"]["rate"] in PROTOCOL.learning_rates


class Counting(Workers):
    """They also count the gradient steps of all rounds that they worked at."""

    rounds = 0

    def submit(self, rule, ask=MEASURE):
        future = super().submit(rule, ask)
        if callable(ask.method) or ask.arguments.get("seeds") == PROTOCOL.seeds:
            begun = sum(trial["steps"] for trial in ask.arguments.get("begun", ()))
            future.add_done_callback(lambda done: self._count(done.result().steps, begun))
        return future

    def _count(self, steps, begun):
        self.rounds += max(0, steps - begun)  # a round that fails has no steps


def test_steps_that_end_within_a_round_and_grow(whole, evaluator, tmp_path):
    """No round goes beyond them; with more, it goes on, and all is as if there had been more at once.

    Except for the steps: a round that was cut short measured a setting that was not the last, and they count too.
    """
    (algorithm, expected, _), tried, trained = whole, set(), 0
    for steps in (320, 380, 500, 740, 910, 1100):
        workers = Counting(evaluator, 2)
        run(tmp_path / "run", algorithm, workers, rules=12, steps=steps)
        found, trained = read(tmp_path / "run"), trained + workers.rounds
        assert found["steps"]["constants"] == trained
        in_work = 0 if algorithm == IN_LOCK_STEP else BATCH * max(e.steps for e in found["search"].values())
        assert sum(spent for name, spent in found["steps"].items() if name != "fresh seeds") <= steps + in_work
        tried |= {len(one.trials) for one in found["tunings"]}
        # A round of one trial ends with its measurement, unless it tried what was measured before.
        small = [one for one in found["tunings"] if len(one.trials) == 1]
        assert all(one.key in found["tuned"] or _tried_what_was_measured(one) for one in small)
    assert tried == ({0, 1, 2, 3} if algorithm == IN_LOCK_STEP else {0, 1, 3})
    workers = Counting(evaluator, 1)
    run(tmp_path / "run", algorithm, workers)
    found = read(tmp_path / "run")
    assert found["steps"]["constants"] == trained + workers.rounds > expected["steps"]["constants"]
    names = expected.keys() - {"fresh", "steps", "tunings"}  # fresh seeds of fewer steps stay
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}
    tunings, as_at_once = found["tunings"], expected["tunings"]
    assert [one._replace(steps=0) for one in tunings] == [one._replace(steps=0) for one in as_at_once]
    assert all(one.steps >= other.steps for one, other in zip(tunings, as_at_once))


def test_a_budget_that_grows(whole, evaluator, tmp_path):
    algorithm, expected, _ = whole
    for budget in (1, 5, 12):
        run(tmp_path / "run", algorithm, Workers(evaluator, 2), rules=budget)
    found = read(tmp_path / "run")
    names = set(found) - {"fresh", "steps"}  # fresh seeds of smaller budgets stay
    assert {name: found[name] for name in names} == {name: expected[name] for name in names}
