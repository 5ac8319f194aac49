"""The controller's networks, step by step, and tokens that are forbidden."""

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.policies import actor_policy
from tf_agents.train.utils import spec_utils

from neural_optimizer_search import search_space
from tf_agents_env.networks import BaselineNetwork, ControllerNetwork
from tf_agents_env.rule_environment import RuleEnvironment
from tf_agents_env.sampling import BatchCollector, StatelessPolicy

SPACE = search_space("signs", depth=2)
WIDTH = max(SPACE.sizes)


class Zero:
    reward = 0.0


def specs(space, batch_size=1):
    environment = RuleEnvironment(space, lambda rules: [Zero] * len(rules), batch_size)
    return environment, spec_utils.get_tensor_specs(environment)


def controller(space=SPACE, units=20, seed=0):
    _, (observation_spec, _, _) = specs(space)
    network = ControllerNetwork(observation_spec, units, seed)
    network.create_variables()
    return network


def observations(space, batch_size, seed=0):
    """What the environment shows along random legal strings, `[batch, 5n, ...]`."""
    tokens = space.sample(np.random.default_rng(seed), batch_size)
    masks = [space.legal_tokens(tokens[:, :position]) for position in range(space.length)]
    start = np.full((batch_size, 1), max(space.sizes), np.int32)
    return {
        "prev": tf.constant(np.concatenate([start, tokens[:, :-1]], axis=1)),
        "pos": tf.tile(tf.range(space.length)[None], [batch_size, 1]),
        "mask": tf.constant(np.stack(masks, axis=1).astype(np.int32)),
    }


def at(observation, position):
    return {name: value[:, position] for name, value in observation.items()}


FIRSTS = tf.constant([0] + [1] * (SPACE.length - 1))


def test_steps_are_the_sequence():
    network, observation = controller(), observations(SPACE, 4)
    sequence, final_state = network(observation, tf.tile(FIRSTS[None], [4, 1]))
    state = network.get_initial_state(4)
    for position in range(SPACE.length):
        step_type = tf.fill([4], FIRSTS[position])
        step, state = network(at(observation, position), step_type, network_state=state)
        assert step.logits.shape == (4, WIDTH)
        np.testing.assert_allclose(step.logits, sequence.logits[:, position], rtol=0, atol=1e-6)
    np.testing.assert_allclose(state[0], final_state[0], rtol=0, atol=1e-6)


def test_the_state_starts_anew_where_an_episode_does():
    network, observation = controller(), observations(SPACE, 6)
    one_by_one, _ = network(observation, tf.tile(FIRSTS[None], [6, 1]))
    # Rows 0..2 followed by rows 3..5 in one sequence, from a state that is not zero.
    joined = {name: tf.concat([x[:3], x[3:]], axis=1) for name, x in observation.items()}
    state = [tf.ones_like(x) for x in network.get_initial_state(3)]
    step_types = tf.tile(tf.concat([FIRSTS, FIRSTS], 0)[None], [3, 1])
    both, _ = network(joined, step_types, network_state=state)
    expected = tf.concat([one_by_one.logits[:3], one_by_one.logits[3:]], axis=1)
    np.testing.assert_allclose(both.logits, expected, rtol=0, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_one_step_by_hand():
    network = controller(units=3)
    observation = at(observations(SPACE, 1), 0)
    by_shape = {tuple(variable.shape): variable.numpy() for variable in network.variables}
    kernel, bias = by_shape[WIDTH + 1 + SPACE.length, 12], by_shape[12,]
    head, head_bias = by_shape[SPACE.length, 3, WIDTH], by_shape[SPACE.length, WIDTH]
    # The start id is WIDTH, the position 0, and the state zero: two rows of the kernel are read.
    i, _, c, o = np.split(kernel[WIDTH] + kernel[WIDTH + 1] + bias, 4)
    hidden = sigmoid(o) * np.tanh(sigmoid(i) * np.tanh(c))
    expected = np.where(observation["mask"][0] > 0, hidden @ head[0] + head_bias[0], -np.inf)
    logits = network(observation, tf.constant([0]))[0].logits[0]
    np.testing.assert_allclose(logits, expected, rtol=1e-5)


def test_each_position_has_its_own_softmax():
    network, observation = controller(), observations(SPACE, 2)
    step_types = tf.tile(FIRSTS[None], [2, 1])
    before = network(observation, step_types)[0].logits.numpy()
    head = next(v for v in network.variables if v.shape == (SPACE.length, 20, WIDTH))
    head.assign(tf.tensor_scatter_nd_add(head, [[3]], tf.ones([1, 20, WIDTH])))
    after = network(observation, step_types)[0].logits.numpy()
    legal = np.isfinite(before)
    changed = np.any(np.where(legal, after, 0) != np.where(legal, before, 0), axis=(0, 2))
    assert changed.tolist() == [position == 3 for position in range(SPACE.length)]


def test_forbidden_tokens_have_probability_zero():
    network, observation = controller(), observations(SPACE, 50)
    distribution, _ = network(observation, tf.tile(FIRSTS[None], [50, 1]))
    forbidden = observation["mask"].numpy() == 0
    assert forbidden.any()
    assert (distribution.logits.numpy()[forbidden] == -np.inf).all()
    assert np.isfinite(distribution.logits.numpy()[~forbidden]).all()
    assert np.isfinite(distribution.entropy()).all()


def test_gradients_are_finite_beside_forbidden_tokens():
    network, observation = controller(), observations(SPACE, 5)
    with tf.GradientTape() as tape:
        distribution, _ = network(observation, tf.tile(FIRSTS[None], [5, 1]))
        tokens = tf.argmax(observation["mask"], axis=-1, output_type=tf.int32)
        loss = tf.reduce_sum(distribution.log_prob(tokens)) + tf.reduce_sum(distribution.entropy())
    for gradient in tape.gradient(loss, network.trainable_variables):
        assert isinstance(gradient, tf.Tensor) and np.isfinite(gradient).all()


def test_initial_weights_are_the_papers():
    weights = [variable.numpy() for variable in controller(units=150).variables]
    assert len(weights) == 5
    for weight in weights:
        assert np.abs(weight).max() <= 0.08
        assert np.std(weight) == pytest.approx(0.16 / np.sqrt(12), rel=0.15)
    # No two weights start alike.
    assert len({weight.ravel()[0] for weight in weights}) == 5


def test_the_seed_sets_the_weights():
    first, same, other = (controller(seed=seed).variables for seed in (3, 3, 4))
    for x, y, z in zip(first, same, other):
        np.testing.assert_array_equal(x, y)
        assert (x.numpy() != z.numpy()).any()


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_500_sampled_strings_obey_the_constraints(depth):
    space = search_space("moments", depth=depth)
    assert space.distinct_operands and space.no_final_addition and space.reuse_outputs
    environment, (observation_spec, action_spec, time_step_spec) = specs(space, batch_size=500)
    network = ControllerNetwork(observation_spec, units=20, seed=depth)
    policy = actor_policy.ActorPolicy(time_step_spec, action_spec, network, clip=False)
    iteration = tf.Variable(0, dtype=tf.int64)
    collect = BatchCollector(environment, StatelessPolicy(policy, seed=0, iteration=iteration))
    trajectory = collect()
    assert trajectory.action.shape == (500, space.length + 1)
    tokens = trajectory.action.numpy()[:, :-1]
    assert all(space.is_legal(string) for string in tokens)
    assert environment.rules == [space.decode(string) for string in tokens]
    # The draw is a function of (seed, iteration, pos): again the same, then another.
    np.testing.assert_array_equal(collect().action[:, :-1], tokens)
    iteration.assign_add(1)
    assert (collect().action[:, :-1].numpy() != tokens).any()
    # Neither rows nor positions share their random numbers.
    assert (tokens[0] != tokens[1]).any() and (tokens[:, 2] != tokens[:, 3]).any()
    # Near-uniform weights emit every legal first operand.
    assert len(np.unique(tokens[:, 0])) == space.sizes[0]


def test_the_baseline_is_one_number_that_no_gradient_reaches():
    _, (observation_spec, _, _) = specs(SPACE)
    network = BaselineNetwork(observation_spec)
    assert network.create_variables() == tf.TensorSpec([], tf.float32)
    network.start([1.0, 2.0])
    values, _ = network(observations(SPACE, 3))
    np.testing.assert_array_equal(values, np.full((3, SPACE.length), 1.5))
    assert network(at(observations(SPACE, 3), 0))[0].shape == (3,)
    assert network.trainable_variables == []
    assert [variable.shape for variable in network.variables] == [()]


def test_the_baseline_moves_as_the_average():
    _, (observation_spec, _, _) = specs(SPACE)
    network = BaselineNetwork(observation_spec)
    network.baseline.assign(1.0)
    network.update([3.0, 5.0], decay=0.75)  # 0.75·1 + 0.25·4
    assert float(network.baseline) == 1.75
    network.update([0.0, 0.0], decay=0.5)
    assert float(network.baseline) == 0.875
