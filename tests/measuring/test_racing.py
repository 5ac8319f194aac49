"""A rule stops when it cannot reach the best known ones, and is measured as without them if it goes on."""

import dataclasses
import math
import pickle

import fakes
import numpy as np
import pytest
from planted import plant

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.racing import Bar, make_bar
from neural_optimizer_search.tasks import TASKS, KerasTask
from neural_optimizer_search.tasks.protocol import Protocol, Racing

pytestmark = pytest.mark.usefixtures("graphs_as_traced")

RULE = parse_formula("g")
PROTOCOL = dataclasses.replace(
    fakes.TINY, learning_rates=(0.01, 0.1, 1.0, 10.0, 100.0), finalists=2, seeds=(0, 1, 2), racing=Racing(best=3)
)
EASY = Bar(reward=0.0, gain=0.0, effects=(0.0, 0.0, 0.0), sweep_margin=1.0, first_margin=1.0, margins=(1.0, 1.0))
HARD = dataclasses.replace(EASY, reward=1.0)


@pytest.fixture(scope="module")
def evaluate():
    return Evaluator(fakes.BLOBS, PROTOCOL)


def without_time(evaluation):
    return dataclasses.replace(evaluation, seconds=0.0)


def known(rewards, sweep_reward=0.5):
    """The evaluation of a rule that was measured to its end."""
    fake = fakes.fake_evaluation(RULE, float(np.mean(rewards)))
    return dataclasses.replace(fake, rewards=tuple(map(float, rewards)), sweep_reward=sweep_reward)


@pytest.mark.parametrize("formula", ["g", "Adam", "m * (1 + eps)", "exp(1e-1*w) * g", "g - g"])
def test_who_is_not_stopped_is_measured_as_without_a_bar(evaluate, formula):
    rule = parse_formula(formula)
    plain = evaluate(rule)
    assert plain.status != "stopped"
    assert without_time(evaluate(rule, EASY)) == without_time(plain)


def test_without_racing_there_is_no_bar(evaluate):
    other, train = plant(evaluate, dataclasses.replace(PROTOCOL, racing=None), lambda rate, seed, steps: 0.5)
    assert without_time(other(RULE, dataclasses.replace(HARD, sweep_margin=-1.0))) == without_time(other(RULE))
    assert len({rate for rate, *_ in train.calls if rate}) == 5


def loss(rate, seed, steps):
    """Best at 1; a final run is better than one of the sweep, and the seeds differ."""
    return 0.4 + 0.1 * abs(np.log10(rate or 1.0)) + 0.01 * seed - 0.1 * (steps == 8)


# What the bar does not forgive, how much was trained by then, and what the rule is paid for it.
STAGES = {
    "sweep": (dict(sweep_margin=0.3), "the sweep with the first seed", 0, 3 + 3 * 4, 0.6),
    "first": (dict(first_margin=0.2), "1 of 3 seeds", 1, 3 + 3 * 4 + 8, 0.7),
    "sure": (dict(margins=(0.2, 1.0)), "1 of 3 seeds", 1, 3 + 3 * 4 + 8 + 3 * 4, 0.7),
    "second": (dict(margins=(1.0, 0.2)), "2 of 3 seeds", 2, 3 + 3 * 4 + 2 * 8 + 3 * 4, 0.695),
}


@pytest.mark.parametrize("stage", STAGES)
def test_it_stops_at_each_stage(evaluate, stage):
    margins, words, runs, steps, reward = STAGES[stage]
    other, train = plant(evaluate, PROTOCOL, loss)
    result = other(RULE, dataclasses.replace(HARD, **margins))
    assert result.status == "stopped"
    (margin,) = [m for m in np.ravel([*margins.values()]) if m < 1.0]
    said = f"Stopped after {words}: the estimated reward is {reward:.4f}, and {1.0 - margin:.4f} was needed to go on."
    assert result.message == said
    assert result.reward == pytest.approx(reward)
    assert result.rewards == pytest.approx([0.7, 0.69, 0.68][:runs])
    assert result.sweep_reward == pytest.approx(0.6)
    assert (result.steps, result.learning_rate, len(result.sweep)) == (steps, 1.0, 3)
    assert train.steps == steps
    assert result.accuracy == pytest.approx(np.mean(result.rewards) if runs else 0.0)


def test_to_its_end_each_run_is_done_once_and_all_steps_count(evaluate):
    other, train = plant(evaluate, PROTOCOL, loss)
    result = other(RULE)
    assert (result.status, result.rewards) == ("ok", pytest.approx((0.7, 0.69, 0.68)))
    assert len(set(train.calls)) == len(train.calls)
    # Probe, three rates, of the best two one with all seeds and one until most are against it, the final runs.
    assert result.steps == train.steps == 3 + 3 * 4 + (2 + 1) * 4 + 3 * 8


def test_what_diverged_counts_as_far_as_it_went(evaluate):
    other, _ = plant(evaluate, PROTOCOL, lambda rate, seed, steps: np.inf if rate else 0.5)
    result = other(RULE, HARD)
    assert (result.status, result.steps, result.sweep_reward) == ("diverged", 3 + 5 * 1, 0.0)
    assert result.message == "Diverged in the sweep at every learning rate from 0.01 to 100."
    assert len(result.sweep) == 5


def test_the_first_seed_is_trained_again_if_the_others_choose_another_rate(evaluate):
    """With the first seed 1 is best, with all of them 0.1."""

    def other_rate(rate, seed, steps):
        return {1.0: 0.5 + 0.2 * seed, 0.1: 0.52}.get(rate, 0.9) - 0.1 * (steps == 8)

    other, train = plant(evaluate, PROTOCOL, other_rate)
    result = other(RULE)
    assert result.learning_rate == 0.1
    assert [call[:2] for call in train.calls if call[2] == 8] == [(1.0, 0), (0.1, 0), (0.1, 1), (0.1, 2)]
    # While another rate may be chosen, more is forgiven.
    strict = dataclasses.replace(HARD, margins=(0.45, 0.45))
    assert other(RULE, dataclasses.replace(strict, reward=1.02)).status == "ok"
    assert other(RULE, dataclasses.replace(strict, reward=1.05)).message.startswith("Stopped after 1 of 3 seeds")


def test_what_a_seed_does_to_all_rules_is_no_merit_and_no_fault():
    rng = np.random.default_rng(0)
    effects = np.array([-0.3, 0.1, 0.2])
    qualities = 0.5 + 0.01 * np.arange(12)
    rewards = qualities[:, None] + effects + 0.001 * rng.normal(size=(12, 3))
    bar = make_bar([known(row) for row in rewards], Racing())
    assert bar.effects == pytest.approx(effects, abs=0.002)
    assert bar.reward == pytest.approx(qualities[2], abs=0.002)
    # Five deviations of 0.001, of one of three seeds, and of two.
    assert bar.margins == pytest.approx(5e-3 * np.sqrt([2 / 3, 1 / 6]), rel=0.4)
    assert bar.first_margin == pytest.approx(2 * bar.margins[0])
    good, bad = qualities[4] + effects, qualities[0] + effects
    assert bar.judge(good[:1]) is bar.judge(good[:2]) is None
    assert bar.judge(bad[:1]).estimate == pytest.approx(qualities[0], abs=0.002)
    assert bar.judge(bad[:2]) and bar.judge(bad) is None  # all seeds: it is measured


def test_after_the_sweep_it_is_compared_with_what_the_best_gained():
    best = [known([0.8, 0.8], sweep_reward) for sweep_reward in (0.5, 0.52, 0.54)]
    bar = make_bar(best, Racing(best=3))
    assert bar.gain == pytest.approx(0.28)
    assert bar.sweep_margin == pytest.approx(2 * 0.02)
    assert bar.judge_sweep(0.49) is None
    assert bar.judge_sweep(0.45).estimate == pytest.approx(0.73)
    assert bar.judge_sweep(-0.5).estimate == 0.0


def test_there_is_no_bar_until_there_are_as_many_as_make_it():
    assert make_bar([known([0.5])] * 9, Racing()) is None
    assert make_bar([known([0.5])] * 10, Racing()).reward == 0.5


def test_with_one_seed_only_the_sweep_is_judged(evaluate):
    bar = make_bar([known([reward], 0.8) for reward in (0.9, 0.91, 0.92)], Racing(best=3))
    assert (bar.effects, bar.margins) == ((0.0,), ())
    other, _ = plant(evaluate, dataclasses.replace(PROTOCOL, seeds=(0,)), loss)
    assert other(RULE, bar).message.startswith("Stopped after the sweep")
    assert other(RULE, dataclasses.replace(bar, sweep_margin=1.0)).status == "ok"


def test_a_bar_goes_to_workers():
    bar = make_bar([known([0.5, 0.6])] * 10, Racing())
    text = pickle.dumps(bar)
    assert pickle.loads(text) == bar and len(text) < 1000


@pytest.mark.parametrize(
    ("name", "bad"), dict(best=1, middle_rates=0, sweep_deviations=-0.5, deviations=-1.0, doubt=0.5).items()
)
def test_bad_numbers_are_one_sentence(name, bad):
    with pytest.raises(ValueError, match=rf"^Argument `{name}` must be at least .*\. Received: {bad}\.$"):
        Racing(**{name: bad})
    for other in (math.inf, math.nan, True, "10", None, *([2.5] if name in ("best", "middle_rates") else [])):
        with pytest.raises(ValueError, match=rf"^Argument `{name}` must be at least .*\. Received: {other!r}\.$"):
            Racing(**{name: other})
    with pytest.raises(ValueError, match=r"Argument `racing` must be a Racing or None\. Received: 3\."):
        dataclasses.replace(fakes.TINY, racing=3)


def protocols():
    own = KerasTask(model=lambda: None, train=None, validation=None, loss="mse", steps=30)
    return [p for task in (*TASKS.values(), own) for p in task.protocols.values()]


@pytest.mark.parametrize("protocol", protocols(), ids=lambda protocol: protocol.name)
def test_it_is_on_but_for_the_paper(protocol: Protocol):
    assert protocol.racing == (None if protocol.name == "paper" else Racing())


def test_the_sizes_of_an_own_task_may_leave_it_out():
    own = KerasTask(model=lambda: None, train=None, validation=None, loss="mse", steps=30, sizes=dict(racing=None))
    assert [p.racing for p in own.protocols.values()] == [None, None, None]
