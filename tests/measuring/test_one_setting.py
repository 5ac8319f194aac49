"""A rule with one setting: trained as always, and ended where it promises little."""

import dataclasses

import fakes
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.schedule_shape import parse_schedule

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("graphs_as_traced")]

PROTOCOL = dataclasses.replace(fakes.TINY, final_steps=12, seeds=(0, 1, 2))
SETTING = dict(learning_rate=0.05, schedule="cosine", weight_decay=0.5)
RULE = parse_formula("4 * m")


@pytest.fixture(scope="module")
def evaluator():
    return Evaluator(fakes.BLOBS, PROTOCOL)


@pytest.fixture(scope="module")
def whole(evaluator):
    return evaluator.measure_setting(RULE, **SETTING)


def test_it_is_trained_as_with_fresh_seeds(evaluator, whole):
    again = evaluator.measure_again(RULE, whole.learning_rate, "cosine", whole.weight_decay, PROTOCOL.seeds)
    names = ("reward", "rewards", "accuracy", "status", "message", "schedule", "seeds")
    assert {name: getattr(whole, name) for name in names} == {name: getattr(again, name) for name in names}
    assert whole.sweep == () and whole.steps == again.steps + PROTOCOL.probe_steps


def test_a_factor_of_the_rule_does_not_matter(evaluator, whole):
    other = evaluator.measure_setting(parse_formula("8 * m"), **SETTING)
    assert other.learning_rate == pytest.approx(whole.learning_rate / 2, rel=1e-4)
    assert other.weight_decay == pytest.approx(whole.weight_decay * 2, rel=1e-4)
    assert other.rewards == pytest.approx(whole.rewards, abs=1e-3)


def test_rate_and_decay_as_they_are(evaluator):
    found = evaluator.measure_setting(RULE, **SETTING, centred=False)
    assert (found.learning_rate, found.weight_decay) == (0.05, 0.5)
    assert found.steps == 3 * PROTOCOL.final_steps


def test_it_ends_a_third_of_the_way(evaluator, whole):
    found = evaluator.measure_setting(RULE, **SETTING, least=(1.1, 0.0, 0.0))
    assert found.status == "stopped" and found.steps == 4 + PROTOCOL.probe_steps
    assert found.reward == found.sweep_reward == whole.sweep_reward and found.rewards == ()
    assert found.message.startswith("Stopped at step 4 of 12: it was worth")


@pytest.mark.parametrize(("least", "seeds"), [((0.0, 1.1, 0.0), 1), ((0.0, 0.0, 1.1), 2)])
def test_it_ends_between_seeds(evaluator, whole, least, seeds):
    found = evaluator.measure_setting(RULE, **SETTING, least=least)
    assert found.status == "stopped" and found.rewards == whole.rewards[:seeds]
    assert found.reward == pytest.approx(np.mean(whole.rewards[:seeds]))
    assert found.steps == seeds * 12 + PROTOCOL.probe_steps
    assert f"Stopped after {seeds} of 3 seeds" in found.message


def test_what_reaches_all_that_is_needed_is_whole(evaluator, whole):
    least = (whole.sweep_reward, whole.rewards[0], sum(whole.rewards[:2]) / 2)
    assert evaluator.measure_setting(RULE, **SETTING, least=least).rewards == whole.rewards


def test_what_diverges_is_worth_nothing(evaluator):
    found = evaluator.measure_setting(parse_formula("m"), 3e38, "constant", 0.0, centred=False)
    assert found.status == "diverged" and found.reward == 0.0 and found.rewards == (0.0,) * 3
    assert found.steps < 2 * PROTOCOL.final_steps


class _DivergesLate:
    """A training that is finite until a third of its end."""

    def __init__(self, training):
        self._training = training

    def advance(self, step):
        run = self._training.advance(step)
        return run if step < PROTOCOL.final_steps else run._replace(finite=False)


def test_what_diverges_late_did_not_reach_its_end(evaluator, monkeypatch):
    """Its reward of 0 with the first seed is not enough either, but it is said to have diverged."""
    begin = evaluator.train.begin
    monkeypatch.setattr(evaluator.train, "begin", lambda *args: _DivergesLate(begin(*args)))
    found = evaluator.measure_setting(RULE, **SETTING, least=(0.0, 0.5, 0.5))
    assert found.status == "diverged" and found.rewards == (0.0,) * 3


def test_the_score_counts_all_seeds_as_the_reward_does(evaluator, monkeypatch, whole):
    """The second of three seeds diverges, so the third is not trained."""
    monkeypatch.setattr(evaluator, "train", _DivergesWithSeed(evaluator.train, 1))
    found = evaluator.measure_setting(RULE, **SETTING)
    assert found.status == "diverged" and found.rewards == (whole.rewards[0], 0.0, 0.0)
    (first,) = evaluator.measure_again(RULE, whole.learning_rate, "cosine", whole.weight_decay, [0]).curves
    assert found.accuracy == pytest.approx(first[-1] / 3) and first[-1] > 0


class _DivergesWithSeed:
    """A `ChildTraining` in which the runs with one seed diverge."""

    def __init__(self, training, seed):
        self._training, self._seed = training, seed

    def __call__(self, rule, plan):
        run = self._training(rule, plan)
        return run._replace(finite=False) if plan.steps > PROTOCOL.probe_steps and plan.seed == self._seed else run

    def __getattr__(self, name):
        return getattr(self._training, name)


def test_more_is_needed_than_there_are_seeds(evaluator):
    with pytest.raises(ValueError, match=r"`least` must have at most 3 rewards. Received: 4"):
        evaluator.measure_setting(RULE, **SETTING, least=(0.0,) * 4)


@pytest.mark.parametrize("steps", [13, 2])
def test_what_is_only_validated_at_its_end_ends_a_third_of_the_way_too(steps):
    """It is validated there once more, which does not change how it goes on."""
    protocol = dataclasses.replace(PROTOCOL, final_steps=steps, validate_every=steps, centred=False)
    evaluator, third = Evaluator(fakes.BLOBS, protocol), max(1, steps // 3)
    whole = evaluator.measure_setting(RULE, **SETTING)
    again = evaluator.measure_again(RULE, whole.learning_rate, "cosine", whole.weight_decay, PROTOCOL.seeds)
    assert whole.rewards == again.rewards and whole.steps == 3 * steps
    found = evaluator.measure_setting(RULE, **SETTING, least=(1.1, 0.0, 0.0))
    assert (found.status, found.steps, found.rewards) == ("stopped", third, ())
    assert found.reward == found.sweep_reward == whole.sweep_reward
    training = evaluator.train.begin(RULE, RunPlan(0.05, 0, steps, 1, parse_schedule("cosine"), 0.5))
    assert found.reward == pytest.approx(float(training.advance(third).scores[third - 1]))


def test_what_is_only_validated_at_its_end_ends_where_it_diverges():
    evaluator = Evaluator(fakes.BLOBS, dataclasses.replace(PROTOCOL, final_steps=13, validate_every=13))
    found = evaluator.measure_setting(parse_formula("m"), 3e38, "constant", 0.0, centred=False)
    assert found.status == "diverged" and found.sweep_reward == 0.0 and found.steps <= 3


def test_an_update_that_is_not_finite(evaluator):
    found = evaluator.measure_setting(parse_formula("log(g - g) * g"), **SETTING)
    assert (found.status, found.learning_rate, found.rewards) == ("diverged", None, (0.0,) * 3)
