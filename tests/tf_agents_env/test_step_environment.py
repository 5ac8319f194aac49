"""The environment in which a policy takes the steps of an optimizer."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.ppo import ppo_clip_agent
from tf_agents.environments import tf_py_environment, utils
from tf_agents.networks import actor_distribution_network, value_network
from tf_agents.specs import array_spec
from tf_agents.trajectories import trajectory

from neural_optimizer_search.l2o import trajectories
from neural_optimizer_search.objectives import FAMILIES, Family
from tf_agents_env.step_environment import CAP, StepEnvironment

OBJECTIVES = FAMILIES["logistic"].sample(count=3, seed=0)
STILL = np.zeros([3, 4], np.float32)


class Roots(Family):
    """Σ √x, which is NaN where a number is below 0."""

    dimension = 2

    def draw(self, rng):
        return (np.zeros(1),)

    def values(self, data, x):
        return tf.reduce_sum(tf.sqrt(x), axis=-1) + data[0]


class Slope(Roots):
    """Σ x, without an end on either side."""

    def values(self, data, x):
        return tf.reduce_sum(x, axis=-1) + data[0]


def flat(observation):
    """What `trajectories.run` shows to a policy: `[F, H + H d]`."""
    gradients = observation["gradients"]
    return np.concatenate([observation["changes"], gradients.reshape(len(gradients), -1)], axis=1)


def play(environment, policy):
    """The time steps of a batch of episodes."""
    steps = [environment.reset()]
    while not steps[-1].is_last().all():
        steps.append(environment.step(policy(steps[-1].observation)))
    return steps


@pytest.mark.parametrize("name", FAMILIES)
def test_validates(name):
    environment = StepEnvironment(FAMILIES[name].sample(count=2, seed=0), horizon=6, history=4)
    utils.validate_py_environment(environment, episodes=4)
    assert environment.batched and environment.batch_size == 2
    assert environment.action_spec().shape == (FAMILIES[name].dimension,)


def test_zeros_and_one_gradient_at_the_start():
    environment = StepEnvironment(OBJECTIVES, history=5, seed=7)
    seen = environment.reset().observation
    start = trajectories.starts(3, 1, 4, seed=7)
    _, gradients = OBJECTIVES.values_and_gradients(start)
    np.testing.assert_array_equal(seen["iterate"], start[:, 0].astype(np.float32))
    np.testing.assert_array_equal(seen["changes"], np.zeros([3, 5]))
    np.testing.assert_array_equal(seen["gradients"][:, 0], gradients[:, 0].astype(np.float32))
    np.testing.assert_array_equal(seen["gradients"][:, 1:], np.zeros([3, 4, 4]))


def test_the_history_has_the_latest_first_and_forgets():
    environment = StepEnvironment(OBJECTIVES, history=2, seed=1)
    start = trajectories.starts(3, 1, 4, seed=1)
    steps = np.random.default_rng(0).normal(size=[4, 3, 1, 4]).astype(np.float32)
    points = np.concatenate([start[None], start + np.cumsum(steps.astype(np.float64), axis=0)])
    values, gradients = map(np.array, zip(*(OBJECTIVES.values_and_gradients(point) for point in points)))
    environment.reset()
    for t, step in enumerate(steps, start=1):
        seen = environment.step(step[:, 0]).observation
        np.testing.assert_allclose(seen["iterate"], points[t, :, 0], rtol=1e-6)
        for i in (1, 2):
            change = values[t, :, 0] - values[t - i, :, 0] if t >= i else np.zeros(3)
            np.testing.assert_allclose(seen["changes"][:, i - 1], change, rtol=1e-5)
            np.testing.assert_allclose(seen["gradients"][:, i - 1], gradients[t - i + 1, :, 0], rtol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_the_run_of_the_same_policy(name):
    objectives = FAMILIES[name].sample(count=4, seed=3)
    steps, history, d = 9, 5, objectives.dimension

    def policy(seen):
        seen = np.asarray(seen, np.float32).reshape(4, -1)
        gradients = seen[:, history:].reshape(4, history, d)
        # Depends on all that is seen.
        momentum = np.sum(gradients * np.float32(0.8) ** np.arange(history, dtype=np.float32)[:, None], axis=1)
        return np.tanh(seen[:, :history].sum(axis=1, keepdims=True)) - momentum

    played = play(StepEnvironment(objectives, steps, history, seed=5), lambda seen: policy(flat(seen)))
    start = trajectories.starts(4, 1, d, seed=5)
    run = trajectories.run(objectives, lambda seen: policy(seen)[:, None], start, steps, history=history)
    for t, step in enumerate(played):
        np.testing.assert_array_equal(step.observation["iterate"], run.iterates[:, 0, t].astype(np.float32))
        np.testing.assert_array_equal(step.reward, -run.values[:, 0, t].astype(np.float32) if t else np.zeros(4))
    seen = trajectories.observe_all(run, history)[:, 0].astype(np.float32)
    np.testing.assert_array_equal(np.stack([flat(step.observation) for step in played[:-1]], 1), seen)


def test_an_episode_has_so_many_steps_and_no_discount():
    steps = play(StepEnvironment(OBJECTIVES, horizon=4), lambda seen: STILL)
    np.testing.assert_array_equal([step.step_type for step in steps], [[0] * 3, *[[1] * 3] * 3, [2] * 3])
    np.testing.assert_array_equal([step.discount for step in steps], [[1] * 3] * 4 + [[0] * 3])
    assert len(play(StepEnvironment(OBJECTIVES), lambda seen: STILL)) == 1 + trajectories.HORIZON


def test_after_the_end_the_next_step_starts_anew():
    environment = StepEnvironment(OBJECTIVES, horizon=2)
    played = play(environment, lambda seen: STILL)
    anew = environment.step(np.full([3, 4], np.nan, np.float32))
    assert anew.is_first().all()
    assert not (anew.observation["iterate"] == played[0].observation["iterate"]).any()
    np.testing.assert_array_equal(anew.observation["changes"], np.zeros([3, 25]))


def test_resets_differ_and_the_seed_tells_them():
    def begun(seed):
        environment = StepEnvironment(OBJECTIVES, seed=seed)
        return [environment.reset().observation["iterate"] for _ in range(3)]

    first = begun(0)
    assert len(np.unique(np.stack(first))) == 3 * 3 * 4
    np.testing.assert_array_equal(begun(0), first)
    assert not np.isin(begun(1), first).any()


def test_steps_within_an_episode_do_not_change_the_next_start():
    one, other = StepEnvironment(OBJECTIVES, seed=4), StepEnvironment(OBJECTIVES, seed=4)
    one.reset(), other.reset()
    one.step(STILL)
    np.testing.assert_array_equal(one.reset().observation["iterate"], other.reset().observation["iterate"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("step", [np.nan, np.inf, -np.inf, 1e30, np.finfo(np.float32).max])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_run_that_diverges_stays_finite_and_leaves_the_others_alone(name, step):
    objectives = FAMILIES[name].sample(count=2, seed=0)
    environment, alone = (StepEnvironment(objectives, seed=1) for _ in range(2))
    away = np.full([2, objectives.dimension], step, np.float32)
    away[1] = 0.1
    environment.reset(), alone.reset()
    for sign in (1, 1, -1, 1):  # there are ∞ + ∞ and ∞ - ∞
        diverged, sane = environment.step(sign * away), alone.step(sign * away[[1, 1]])
        for part in tf.nest.flatten(diverged):
            assert np.isfinite(part).all()
        assert np.abs(flat(diverged.observation)).max() <= 2 * CAP
        tf.nest.map_structure(lambda x, y: np.testing.assert_array_equal(x[1], y[1]), diverged, sane)
    if not np.isfinite(step):
        assert diverged.reward[0] == -CAP


@pytest.mark.filterwarnings("error")
def test_a_nan_costs_as_much_as_can_be_and_the_run_may_come_back():
    environment = StepEnvironment(Roots().sample(count=1, seed=0), history=2)
    start = environment.reset().observation["iterate"].astype(np.float64)
    environment.step(1.0 - start)
    fallen = environment.step(np.array([[-2.0, 0.0]]))
    assert fallen.reward == [-CAP]
    assert fallen.observation["changes"][0, 0] == CAP - 2
    np.testing.assert_array_equal(fallen.observation["gradients"], [[[0.0, 0.5], [0.5, 0.5]]])
    back = environment.step(np.array([[5.0, 0.0]]))
    np.testing.assert_allclose(back.reward, [-3.0], rtol=1e-6)
    np.testing.assert_allclose(back.observation["iterate"], [[4.0, 1.0]])
    np.testing.assert_allclose(back.observation["changes"], [[3 - CAP, 1.0]], rtol=1e-6)


def test_what_is_paid_is_cut_off_but_the_run_is_not():
    environment = StepEnvironment(Slope().sample(count=1, seed=0), history=2)
    start = environment.reset().observation["iterate"].astype(np.float64)
    above, below = environment.step(1e8 - start), environment.step(np.full([1, 2], -2e8))
    assert (above.reward, below.reward) == ([-CAP], [CAP])
    np.testing.assert_array_equal(above.observation["iterate"], [[CAP, CAP]])
    assert below.observation["changes"][0, 0] == -2 * CAP
    spec = array_spec.add_outer_dims_nest(environment.observation_spec(), (1,))
    assert array_spec.check_arrays_nest(below.observation, spec)
    np.testing.assert_allclose(environment.step(np.full([1, 2], 1e8 + 2)).reward, [-4.0], rtol=1e-6)


@pytest.mark.parametrize("name", ["horizon", "history", "bound"])
def test_wrong_settings_raise(name):
    with pytest.raises(ValueError, match=f"Argument `{name}` must be a .* number above 0. Received: 0"):
        StepEnvironment(OBJECTIVES, **{name: 0})


def test_a_step_of_another_shape_raises():
    environment = StepEnvironment(OBJECTIVES)
    environment.reset()
    with pytest.raises(ValueError, match=r"shape \[3, 4\]: a step for each function. Received: shape \[4\]"):
        environment.step(np.zeros(4, np.float32))


def test_ppo_learns_from_it_through_tensorflow():
    environment = tf_py_environment.TFPyEnvironment(StepEnvironment(OBJECTIVES, horizon=4, history=2))
    time_step_spec, action_spec = environment.time_step_spec(), environment.action_spec()
    layers = dict(
        preprocessing_layers={
            "iterate": tf.keras.layers.Lambda(lambda x: x[..., :0]),
            "changes": tf.keras.layers.Lambda(tf.identity),
            "gradients": tf.keras.layers.Reshape([-1]),
        },
        preprocessing_combiner=tf.keras.layers.Concatenate(),
        fc_layer_params=(8,),
    )
    observation_spec = time_step_spec.observation
    actor = actor_distribution_network.ActorDistributionNetwork(observation_spec, action_spec, **layers)
    agent = ppo_clip_agent.PPOClipAgent(
        time_step_spec,
        action_spec,
        tf.keras.optimizers.Adam(1e-2),
        actor_net=actor,
        value_net=value_network.ValueNetwork(observation_spec, **layers),
        num_epochs=1,
    )
    agent.initialize()
    frames, step = [], environment.reset()
    for _ in range(5):
        action = agent.collect_policy.action(step)
        following = environment.step(action.action)
        frames.append(trajectory.from_transition(step, action, following))
        step = following
    experience = tf.nest.map_structure(lambda *parts: tf.stack(parts, axis=1), *frames)
    before = [variable.numpy() for variable in actor.trainable_variables]
    assert np.isfinite(agent.train(experience).loss)
    after = [variable.numpy() for variable in actor.trainable_variables]
    assert all(np.isfinite(new).all() for new in after)
    assert any((new != old).any() for new, old in zip(after, before))
