"""The controllers: their presets, and how each is paid and trained."""

import collections
import dataclasses
import functools

import marks
import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.ppo import ppo_agent
from tf_agents.utils import common
from toys import QUICK, SMALL, SPACE, constant, score, spell, step

from neural_optimizer_search import SearchSpace, search_space
from tf_agents_env.agents.ppo import PPO
from tf_agents_env.agents.reinforce import Reinforce
from tf_agents_env.agents.trpo import TRPO
from tf_agents_env.controller_config import CONTROLLERS, ControllerConfig
from tf_agents_env.controllers import Controller


@pytest.fixture
def losses(monkeypatch):
    """What reaches the policy-gradient loss: one (ratios, advantages, weights) per epoch."""
    seen, original = [], ppo_agent.PPOAgent.policy_gradient_loss

    def spy(self, time_steps, actions, log_probs, advantages, distribution, mask, **named):
        ratios = tf.exp(distribution.log_prob(actions) - log_probs)
        seen.append(tuple(value.numpy() for value in (ratios, advantages, mask)))
        return original(self, time_steps, actions, log_probs, advantages, distribution, mask, **named)

    monkeypatch.setattr(ppo_agent.PPOAgent, "policy_gradient_loss", spy)
    # The spy sees values, not symbols, if training runs eagerly.
    monkeypatch.setattr(common, "function", lambda function: function)
    return seen


# -- Numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", CONTROLLERS)
def test_the_paper_presets_are_the_papers(algorithm):
    # arXiv v2, section 4.2.
    paper, fast = CONTROLLERS[algorithm]["paper"], CONTROLLERS[algorithm]["fast"]
    assert (paper.batch_size, paper.units, paper.entropy, paper.repeat_share) == (5, 150, 0.0015, 1.0)
    assert getattr(paper.algorithm, "learning_rate", 1e-5) == 1e-5
    assert type(paper.algorithm) is type(fast.algorithm)
    # What the paper does not have is off.
    assert (paper.rank_power, paper.queue_size) == (0.0, 0)
    assert fast.repeat_share == 0.5


def test_the_settings_reach_the_agent():
    agent = Controller(SPACE, CONTROLLERS["ppo"]["paper"], seed=0)._agent
    assert isinstance(agent._optimizer, tf.keras.optimizers.Adam)
    assert float(agent._optimizer.learning_rate) == np.float32(1e-5)
    assert agent._entropy_regularization == 0.0015


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (ControllerConfig, "batch_size", 0),
        (ControllerConfig, "units", -1),
        (ControllerConfig, "entropy", -0.1),
        (ControllerConfig, "baseline_decay", 1.1),
        (ControllerConfig, "repeat_share", 2.0),
        (ControllerConfig, "rank_power", -1.0),
        (ControllerConfig, "queue_size", -1),
        (ControllerConfig, "queue_learning_rate", 0.0),
        (PPO, "learning_rate", 0.0),
        (PPO, "learning_rate", float("nan")),
        (PPO, "epochs", 0),
        (PPO, "clipping", 0.0),
        (Reinforce, "learning_rate", -1e-3),
        (TRPO, "kl_radius", 0.0),
        (TRPO, "damping", -0.1),
        (TRPO, "cg_iterations", 0),
    ],
)
def test_settings_reject(settings, field, value):
    with pytest.raises(ValueError, match=f"Argument `{field}` must be .* Received: {value}"):
        settings(**{field: value})


# -- What the loss uses ----------------------------------------------------------------------------


def test_ratios_are_1_in_the_first_epoch_and_move_after_it(losses):
    config = dataclasses.replace(CONTROLLERS["ppo"]["fast"], algorithm=PPO(learning_rate=1e-3, epochs=2))
    controller = Controller(search_space("arxiv2017", depth=2), config, seed=0)
    for _ in range(3):
        step(controller, score)
    assert len(losses) == 3 * 2
    for i, (ratios, _, mask) in enumerate(losses):
        error = np.abs(ratios - 1)[mask > 0].max()
        assert error < 1e-5 if i % 2 == 0 else error > 1e-4


def test_advantages_are_reward_less_baseline(losses):
    config = dataclasses.replace(QUICK, repeat_share=1.0)
    controller = Controller(SPACE, config, seed=0)
    step(controller, constant(0.1, 0.2, 0.3, 0.4, 0.5))
    step(controller, constant(0.9, 0.0, 0.7, 0.0, 0.7))
    # The first batch stands in for its own past; then the average is half of 0.3 and half of 0.3.
    expected = [[-0.2, -0.1, 0.0, 0.1, 0.2]] * 2 + [[0.6, -0.3, 0.4, -0.3, 0.4]] * 2
    assert len(losses) == 4
    for (_, advantages, mask), rewards in zip(losses, expected):
        spelled = advantages[:, : SPACE.length]
        np.testing.assert_allclose(spelled, np.tile(np.c_[rewards], SPACE.length), atol=1e-6)
        np.testing.assert_array_equal(mask, [[1] * SPACE.length + [0]] * 5)


def test_paid_by_rank_among_all_rules_so_far(losses):
    config = dataclasses.replace(QUICK, rank_power=2.0, repeat_share=1.0, baseline_decay=0.0)
    controller = Controller(SPACE, config, seed=0)
    step(controller, constant(0.5, 0.1, 0.4, 0.0, 0.3))
    first = np.array([3.5, 0.5, 2.5, 0.0, 1.5]) / 4
    np.testing.assert_allclose(losses[0][1][:, 0], first**2 - np.mean(first**2), atol=1e-6)
    step(controller, constant(0.45, 0.6, 0.0, 0.0, 0.0))  # among 0.1, 0.3, 0.4, 0.45, 0.5, 0.6
    second = np.array([3.5, 5.5, 0.0, 0.0, 0.0]) / 6
    np.testing.assert_allclose(losses[-1][1][:, 0], second**2 - np.mean(first**2), atol=1e-6)


def test_the_baseline_is_the_average_of_past_pays_and_nothing_trains_it():
    config = dataclasses.replace(QUICK, baseline_decay=0.75, repeat_share=1.0)
    controller = Controller(SPACE, config, seed=0)
    baselines = []
    for reward in (0.4, 0.8, 0.0):
        step(controller, constant(*[reward] * 5))
        baselines.append(controller.metrics["baseline"])
    # 0.4, then 3/4·0.4 + 1/4·0.8, then 3/4·0.5.
    np.testing.assert_allclose(baselines, [0.4, 0.5, 0.375], rtol=1e-6)


def test_metrics():
    controller = Controller(SMALL, QUICK, seed=0)
    step(controller, constant(0.1, 0.2, 0.3, 0.4, 0.5))
    metrics = controller.metrics
    names = ["baseline", "clip_fraction", "entropy", "kl", "loss", "pay", "repeats", "reward"]
    assert sorted(metrics) == names
    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
    assert metrics["reward"] == pytest.approx(0.3)
    assert metrics["repeats"] == 0
    # Near-uniform at first over all strings.
    assert metrics["entropy"] == pytest.approx(np.log(SMALL.size), abs=0.05)
    assert 0 < metrics["kl"] < 0.5


# -- What it costs ---------------------------------------------------------------------------------


@pytest.fixture
def called(monkeypatch):
    """The names of what TensorFlow was called for, and of what was traced, each time anew."""
    calls, traces, original = [], [], common.function

    def watched(function):
        @functools.wraps(function)
        def trace(*args):
            traces.append(trace.__name__)
            return function(*args)

        traced = original(trace)

        def call(*args):
            # What a traced function calls is a part of it.
            calls.extend([trace.__name__] if tf.executing_eagerly() else [])
            return traced(*args)

        return call

    monkeypatch.setattr(common, "function", watched)
    return calls, traces


@pytest.mark.parametrize(
    "algorithm", ["ppo", pytest.param("trpo", marks=marks.only_long("PPO calls as often.")), "reinforce"]
)
def test_a_batch_is_a_few_calls_of_tensorflow_none_of_which_is_traced_again(called, algorithm):
    config = dataclasses.replace(QUICK, algorithm=CONTROLLERS[algorithm]["fast"].algorithm, queue_size=2)
    controller, (calls, traces) = Controller(SPACE, config, seed=0), called
    step(controller, score)
    # That policies act is traced once, and not for each token.
    assert traces.count("action") == 1
    del calls[:], traces[:]
    proposal = controller.propose(1)
    assert len(calls) == 1
    controller.learn(proposal, score(proposal.rules))
    # Drawing, training, imitation, and what the training did.
    assert len(calls) == 1 + config.algorithm.epochs + 1 + 1
    assert traces == []


# -- Pay -------------------------------------------------------------------------------------------


def test_repeats_pay_less_and_evaluations_stay_untouched():
    # Two strings, g*m and m*g, that are one rule.
    space = SearchSpace("one", ("g", "m"), ("identity",), ("mul",), depth=1)
    controller = Controller(space, QUICK, seed=0)
    evaluations = step(controller, constant(*[0.8] * 5))
    assert [e.reward for e in evaluations] == [0.8] * 5
    halves = 1 + 1 / 2 + 1 / 4 + 1 / 8 + 1 / 16
    assert controller.metrics["pay"] == pytest.approx(0.8 * halves / 5)
    step(controller, constant(*[0.8] * 5))
    assert controller.metrics["pay"] == pytest.approx(0.8 * halves / 32 / 5)
    assert controller.metrics["reward"] == pytest.approx(0.8)
    assert controller.metrics["repeats"] == 1.0
    assert list(controller.emitted.values()) == [10]


def test_what_was_emitted_is_counted_and_its_rewards_are_sorted():
    controller = Controller(SPACE, QUICK, seed=1)
    rng, expected, counts = np.random.default_rng(0), {}, collections.Counter()
    for _ in range(100):
        keys = [str(key) for key in rng.integers(40, size=5)]
        rewards = [max(int(key) / 10 - 1, 0.0) for key in keys]
        controller._emitted.add(keys, rewards)
        expected.update(zip(keys, rewards))
        counts.update(keys)
    assert controller._emitted.rewards == sorted(reward for reward in expected.values() if reward > 0)
    assert controller.emitted == counts


def test_the_paper_pays_repeats_in_full():
    space = SearchSpace("one", ("g", "m"), ("identity",), ("mul",), depth=1)
    controller = Controller(space, dataclasses.replace(CONTROLLERS["ppo"]["paper"], units=16), seed=0)
    step(controller, constant(*[0.8] * 5))
    assert controller.metrics["pay"] == pytest.approx(0.8)


# -- Failures --------------------------------------------------------------------------------------


def test_a_step_that_fails_leaves_the_controller_as_it_was():
    undisturbed, disturbed = (Controller(SPACE, QUICK, seed=1) for _ in range(2))
    expected = spell(undisturbed, 3)
    assert spell(disturbed, 1) == expected[:1]

    with pytest.raises(ValueError, match="must be a finite number"):
        step(disturbed, constant(0.1, 0.2, float("nan"), 0.4, 0.5))
    with pytest.raises(KeyboardInterrupt):
        step(disturbed, lambda rules: (_ for _ in ()).throw(KeyboardInterrupt))
    assert disturbed.iteration == 1
    assert sum(disturbed.emitted.values()) == 5
    assert spell(disturbed, 2) == expected[1:]
