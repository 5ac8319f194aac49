"""Rounds of trials as a worker carries them out, with trainings that are made up."""

import dataclasses
import json

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.schedule_shape import Schedule, parse_schedule
from neural_optimizer_search.trials.rounds import NEAR, carry_on
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.tunables import find_tunables
from neural_optimizer_search.trials.written import read_trials, write_trial

PROTOCOL = dataclasses.replace(fakes.TINY, schedules=(Schedule(), Schedule("linear")))
RULE = parse_formula("drop(m, 0.3)")
GIVEN = Setting(RULE, 0.1, Schedule("linear"), 0.5)


def evaluate(rule):
    """Low values of beta_1 are better."""
    return fakes.fake_evaluation(rule, 0.9 - 0.5 * rule.constants.beta_1)


@pytest.fixture
def evaluator():
    return fakes.FakeEvaluator(evaluate, PROTOCOL)


def test_the_first_trials_are_near_what_was_measured(evaluator):
    found = carry_on(evaluator, RULE, [GIVEN], [], 12, seed=0)
    params = [trial["params"] for trial in found.trials]
    assert [one["rate"] for one in params[:3]] == pytest.approx([times * 0.1 for times in NEAR])
    assert {one["schedule"] for one in params[:3]} == {"linear"}
    assert [one["schedule"] for one in params[3:7]] == ["cosine"] * 2 + ["linear_cosine"] * 2  # not tried yet
    own = {(round(one["beta_1"], 9), one["drop"], one["weight decay"]) for one in params[:7]}
    assert own == {(0.1, 0.3, 0.5)}
    assert len({one["beta_1"] for one in params[7:]}) > 1


def test_rounds_are_as_one_long_one(evaluator):
    """What a round tries depends on the trials before it, which went through a ledger."""
    whole = carry_on(evaluator, RULE, [GIVEN], [], 20, seed=1)
    trials = []
    for _ in range(4):
        part = carry_on(evaluator, RULE, [GIVEN], json.loads(json.dumps(trials)), 5, seed=1)
        trials += part.trials
    assert json.dumps(trials) == json.dumps(whole.trials)
    assert part.evaluation == dataclasses.replace(whole.evaluation, seconds=part.evaluation.seconds)


def test_what_was_measured_is_not_measured_again(evaluator):
    first = carry_on(evaluator, RULE, [GIVEN], [], 12, seed=2)
    e = first.evaluation
    assert e.seeds == PROTOCOL.seeds and e.rule != RULE and e.rule.constants.beta_1 < 0.9
    best = Setting(e.rule, e.learning_rate, parse_schedule(e.schedule), e.weight_decay)
    later = carry_on(evaluator, RULE, [GIVEN, best], first.trials, 1, seed=2).evaluation
    assert (later.rule, later.learning_rate, later.schedule, later.weight_decay) != (
        e.rule, e.learning_rate, e.schedule, e.weight_decay
    )  # fmt: skip


def test_all_steps_are_counted(evaluator):
    found = carry_on(evaluator, RULE, [GIVEN], [], 3, seed=0)
    probes = PROTOCOL.probe_steps * 4  # one for the rule as it was given
    assert found.steps - found.evaluation.steps == probes + 3 * PROTOCOL.final_steps


HUGE = 10**400  # JSON has integers of any length


@pytest.mark.parametrize(
    "change",
    [
        {"params": {}}, {"steps": -1}, {"steps": 10**9}, {"value": 2.0}, {"scale": None}, {"scale": HUGE},
        {"scale": True}, {"value": HUGE}, {"course": [[1, HUGE]]},
    ],
)  # fmt: skip
def test_trials_that_no_study_has(evaluator, change):
    tunables = find_tunables(RULE, dataclasses.replace(PROTOCOL, schedules=(GIVEN.schedule,)))
    written = carry_on(evaluator, RULE, [dataclasses.replace(GIVEN, weight_decay=0.0)], [], 3, seed=0).trials
    assert list(map(write_trial, read_trials(written, tunables, 11))) == written
    with pytest.raises(Damaged):
        read_trials([written[0], {**written[1], **change}], tunables, 11)


def test_a_reward_that_rounding_moved_above_1_is_one(evaluator):
    tunables = find_tunables(RULE, dataclasses.replace(PROTOCOL, schedules=(GIVEN.schedule,)))
    written = carry_on(evaluator, RULE, [dataclasses.replace(GIVEN, weight_decay=0.0)], [], 3, seed=0).trials
    rounded = [{**written[0], "value": 1.0 + 1e-7}, *written[1:]]
    assert list(map(write_trial, read_trials(rounded, tunables, 11))) == rounded
