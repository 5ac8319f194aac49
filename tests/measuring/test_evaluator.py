"""`Evaluator`: the reward of a rule, its sweep of learning rates, and its seeds."""

import copy
import dataclasses

import fakes
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.description import describe_task
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule, parse_schedule
from neural_optimizer_search.tasks import TASKS

pytestmark = pytest.mark.usefixtures("graphs_as_traced")
ONCE = pytest.mark.once  # with any Keras there is one of each kind


@pytest.fixture(scope="module")
def evaluate():
    return Evaluator(fakes.BLOBS, fakes.TINY)


def under(evaluate, protocol):
    """An evaluator under another protocol of the same network and data, which need not be traced again."""
    other = copy.copy(evaluate)
    other.protocol = protocol
    return other


def test_a_good_rule(evaluate):
    result = evaluate(parse_formula("g"))
    assert result.status == "ok"
    assert result.message == "Trained 8 steps with 2 seeds."
    assert result.reward == pytest.approx(np.mean(result.rewards))
    assert len(result.rewards) == 2
    assert len(result.sweep) == 2
    assert result.learning_rate == min(result.sweep, key=lambda point: point[1])[0]


def test_rates_are_centred_on_the_updates(evaluate):
    rms = evaluate.train(parse_formula("g"), RunPlan(0.0, 0, 3, 3)).update_rms
    rates = [rate for rate, _ in evaluate(parse_formula("g")).sweep]
    assert rates == pytest.approx([1e-2 / rms, 1e-1 / rms])


def test_a_positive_factor_does_not_change_the_reward(evaluate):
    plain, doubled = evaluate(parse_formula("g")), evaluate(parse_formula("g * 2"))
    assert doubled.rewards == pytest.approx(plain.rewards, abs=1e-5)
    assert doubled.learning_rate == pytest.approx(plain.learning_rate / 2, rel=1e-4)


def test_only_the_seeds_are_others_when_a_rule_is_measured_again(evaluate):
    rule = parse_formula("sign(g) * m")
    first = evaluate(rule)
    how = (first.learning_rate, first.schedule, first.weight_decay)
    again = evaluate.measure_again(rule, *how, seeds=(0, 1, 7))
    assert again.rewards[:2] == first.rewards and again.seeds == (0, 1, 7) and again.status == "ok"
    assert again.reward == sum(again.rewards) / 3 and again.steps == 3 * fakes.TINY.final_steps
    assert [len(curve) for curve in again.curves] == [fakes.TINY.final_steps // fakes.TINY.validate_every] * 3
    assert again.accuracy == pytest.approx(sum(curve[-1] for curve in again.curves) / 3) and first.curves == ()


def test_the_curve_of_what_diverges_ends_at_0(evaluate):
    again = evaluate.measure_again(parse_formula("g"), 1e38, str(CONSTANT), 0.0, seeds=(0,))
    assert again.status == "diverged" and again.curves[0][-1] == 0.0 and again.accuracy == 0.0


@pytest.fixture(scope="module")
def digits():
    task = TASKS["digits"]
    return Evaluator(task, dataclasses.replace(task.protocols["default"], seeds=(0, 1, 2)))


@pytest.mark.parametrize(
    "formula", ["exp(sign(g) * sign(m)) * g", *(pytest.param(one, marks=ONCE) for one in ("Adam", "clip(m, 1e-4)"))]
)
def test_factors_between_two_rates_of_the_sweep_do_not_change_the_reward(formula, digits):
    """The factors are 10^0.25, 10^0.5 and 10^0.75."""
    ten = "((1 + 2)^2 + 1)"
    plain = digits(parse_formula(formula))
    for factor in (f"sqrt(sqrt({ten}))", f"sqrt({ten})", f"sqrt({ten}) * sqrt(sqrt({ten}))"):
        scaled = digits(parse_formula(f"({formula}) * ({factor})"))
        assert abs(scaled.reward - plain.reward) <= np.std(plain.rewards, ddof=1)
        assert scaled.learning_rate < 0.6 * plain.learning_rate


def test_without_centring_the_rates_are_the_protocols(evaluate):
    plain = dataclasses.replace(fakes.TINY, centred=False)
    result = under(evaluate, plain)(parse_formula("g"))
    assert [rate for rate, _ in result.sweep] == [1e-2, 1e-1]


def test_a_rule_that_is_not_finite_is_a_status(evaluate):
    result = evaluate(parse_formula("log(g - g)"))
    assert (result.status, result.reward, result.learning_rate) == ("diverged", 0.0, None)
    assert result.message == "The update is not finite."
    assert result.sweep == ()


def test_diverged_at_every_rate_is_a_status(evaluate):
    wild = dataclasses.replace(fakes.TINY, centred=False, learning_rates=(1e20, 1e30))
    result = under(evaluate, wild)(parse_formula("exp(1e-1*w) * g"))
    assert (result.status, result.reward) == ("diverged", 0.0)
    assert result.message == "Diverged in the sweep at every learning rate from 1e+20 to 1e+30."
    assert result.sweep == ((1e20, None), (1e30, None))


def test_diverging_in_the_final_run_pays_nothing(evaluate):
    # cd_1 is 0 half-way, which only a run of an even number of steps meets: not the probe's, not the sweep's.
    odd = dataclasses.replace(fakes.TINY, sweep_steps=3)
    result = under(evaluate, odd)(parse_formula("log(cd_1) + g"))
    assert (result.status, result.reward, result.rewards) == ("diverged", 0.0, (0.0, 0.0))
    assert result.message == "Diverged in 2 of 2 final runs, first at step 5 of 8."
    assert result.learning_rate is not None


def test_a_rule_that_never_moves_is_harmless(evaluate):
    result = evaluate(parse_formula("g - g"))
    assert result.status == "ok"


def test_rewards_do_not_depend_on_what_ran_before(evaluate):
    fresh = Evaluator(fakes.BLOBS, fakes.TINY)
    rule = parse_formula("drop(g, 0.1) + eps * g")
    evaluate(parse_formula("Adam"))
    assert evaluate(rule).rewards == fresh(rule).rewards


@pytest.fixture(scope="module")
def traced(digits):
    """The evaluators so far, by what is traced."""
    return {(TASKS["digits"].networks["default"], digits.protocol.train_examples): digits}


@pytest.mark.parametrize("task", ["digits", pytest.param("digits_mlp", marks=ONCE)])
@pytest.mark.parametrize("name", ["default", *(pytest.param(one, marks=ONCE) for one in ("reduced", "paper"))])
def test_shipped_protocols_run(task, name, traced):
    protocol = dataclasses.replace(TASKS[task].protocols[name], seeds=(0,))
    key = TASKS[task].networks[name], protocol.train_examples
    if key not in traced:
        traced[key] = Evaluator(TASKS[task], protocol)
    result = under(traced[key], protocol)(parse_formula("Adam"))
    assert result.status == "ok"
    assert 0.0 <= result.reward <= 1.0


# -- Several schedules and weight decays ---------------------------------------------------------------------------


class Watched:
    """Training that keeps a list of what it was asked for."""

    def __init__(self, train):
        self._train, self.calls = train, []

    def __call__(self, rule, plan):
        self.calls.append((plan.seed, plan.steps, str(plan.schedule), plan.weight_decay, plan.learning_rate))
        return self._train(rule, plan)


SEVERAL = dataclasses.replace(
    fakes.TINY, schedules=(Schedule("linear"), CONSTANT), weight_decays=(0.1, 0.0), reward="end_accuracy"
)


def watched(evaluate, protocol):
    other = under(evaluate, protocol)
    other.train = Watched(evaluate.train)
    return other, other.train.calls


def test_the_best_pair_goes_on_with_the_other_seeds_and_none_is_trained_twice(evaluate):
    other, calls = watched(evaluate, SEVERAL)
    result = other(parse_formula("g"))
    sweep = [call[2:4] for call in calls if call[1] == SEVERAL.sweep_steps]
    assert set(sweep) == {("linear", 0.1)}  # the first of each
    final = [call for call in calls if call[1] == SEVERAL.final_steps]
    assert len(set(calls)) == len(calls)
    pairs = [("linear", 0.1), ("linear", 0.0), ("constant", 0.1), ("constant", 0.0)]
    assert [call[2:4] for call in final[:4]] == pairs
    assert [call[0] for call in final] == [0, 0, 0, 0, 1]
    losses = {}
    for text, decay in pairs:
        run = evaluate.train(result.rule, RunPlan(result.learning_rate, 0, 8, 4, parse_schedule(text), decay))
        losses[text, decay] = run.losses[-1]
    best = min(losses, key=losses.get)
    assert (result.schedule, result.weight_decay) == best == final[-1][2:4]
    assert {call[4] for call in final} == {result.learning_rate}


def test_one_pair_is_what_was_measured_before_there_were_several(evaluate):
    plain, calls = watched(evaluate, fakes.TINY)
    result = plain(parse_formula("m"))
    assert result.rewards == evaluate(parse_formula("m")).rewards
    assert (result.schedule, result.weight_decay, result.training_setting) == ("constant", 0.0, "")
    runs = [evaluate.train(result.rule, RunPlan(result.learning_rate, seed, 8, 4)) for seed in (0, 1)]
    assert result.rewards == pytest.approx([np.mean(run.scores) for run in runs])
    assert len([call for call in calls if call[1] == 8]) == 2


def test_a_pair_that_diverges_is_not_chosen(evaluate):
    wild = dataclasses.replace(SEVERAL, weight_decays=(0.0, 1e30))
    result = under(evaluate, wild)(parse_formula("g"))
    assert (result.status, result.weight_decay) == ("ok", 0.0)


def test_what_the_training_was_in_words(evaluate):
    result = under(evaluate, dataclasses.replace(SEVERAL, weight_decays=(0.1,)))(parse_formula("g"))
    assert result.training_setting in ("linear, weight decay 0.1", "weight decay 0.1")


def test_the_steps_of_a_rule_are_told(evaluate):
    protocol = dataclasses.replace(SEVERAL, probe_steps=3)
    other, calls = watched(evaluate, protocol)
    other(parse_formula("g"))
    told = describe_task(fakes.BLOBS, protocol).steps
    assert told == sum(steps for _, steps, *_ in calls)
