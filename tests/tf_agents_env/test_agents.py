"""The algorithms: their equations, their parts, and that each learns."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.utils import common
from toys import FAMILY, QUICK, SPACE, by, constant, divisions, is_hit, random_hits, spell, state, step

from tf_agents_env.agents import trpo
from tf_agents_env.agents.reinforce import Reinforce
from tf_agents_env.agents.trpo import TRPO
from tf_agents_env.controller_config import CONTROLLERS
from tf_agents_env.controllers import Controller


@pytest.fixture
def eagerly(monkeypatch):
    # Takes less time than tracing what runs once or twice.
    monkeypatch.setattr(common, "function", lambda function: function)


def controller(**changes):
    return Controller(SPACE, dataclasses.replace(QUICK, repeat_share=1.0, **changes), seed=0)


def weights(controller):
    return trpo.flat(controller._actor.variables).numpy()


def probabilities(controller, experience):
    """Of all tokens at each position of the strings, `[batch, 5n, V]`."""
    logits = controller._logits(experience).numpy()[:, :-1].astype(np.float64)
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def chosen(p, experience):
    """The probabilities of the tokens that were drawn."""
    return np.take_along_axis(p, experience.action.numpy()[:, :-1, None], axis=-1)[..., 0]


def entropy(p):
    return -np.sum(p * np.log(np.where(p > 0, p, 1)), axis=-1)


def spied(controller, rewards):
    """Runs a step with these rewards; returns its experience, and its probabilities before and after the training."""
    seen, train = [], controller._train

    def spy(experience, weights):
        before = probabilities(controller, experience)
        loss = train(experience, weights)
        seen.append((experience, before, probabilities(controller, experience)))
        return loss

    controller._train = spy
    step(controller, constant(*rewards))
    controller._train = train
    return seen[0]


# -- REINFORCE -------------------------------------------------------------------------------------


def test_reinforce_loss(eagerly):
    # Four rules of five tokens: rules and tokens cannot be taken for each other.
    agent = controller(algorithm=Reinforce(1e-2), entropy=0.1, batch_size=4)
    experience, before, after = spied(agent, [0.9, 0.1, 0.5, 0.3])
    advantages = np.array([0.9, 0.1, 0.5, 0.3]) - 0.45
    log_p = np.log(chosen(before, experience)).sum(axis=1)
    loss = -np.mean(advantages * log_p + 0.1 * entropy(before).sum(axis=1))
    assert agent.metrics["loss"] == pytest.approx(loss, rel=1e-5)
    # The best rule becomes likelier, the worst less likely.
    ratios = (chosen(after, experience) / chosen(before, experience)).prod(axis=1)
    assert ratios[0] > 1.01 and ratios[1] < 0.99


# -- TRPO ------------------------------------------------------------------------------------------


def test_conjugate_gradient_solves_by_hand():
    matrix, b = tf.constant([[4.0, 1.0], [1.0, 3.0]]), tf.constant([1.0, 2.0])
    x = trpo.solve_by_conjugate_gradient(lambda v: tf.linalg.matvec(matrix, v), b, iterations=2)
    np.testing.assert_allclose(x, [1 / 11, 7 / 11], rtol=1e-6)
    # One iteration goes along b as far as |b|²/(b·F·b) = 5/20.
    x = trpo.solve_by_conjugate_gradient(lambda v: tf.linalg.matvec(matrix, v), b, iterations=1)
    np.testing.assert_allclose(x, [0.25, 0.5], rtol=1e-6)


def test_conjugate_gradient_solves_a_random_system_and_stops_when_it_has():
    factor = np.random.default_rng(0).normal(size=(30, 30))
    matrix, products = factor @ factor.T / 30 + np.eye(30), []

    def product(v):
        products.append(v)
        return tf.linalg.matvec(matrix, v)

    b = tf.constant(np.arange(30.0))
    x = trpo.solve_by_conjugate_gradient(product, b, iterations=1000)
    np.testing.assert_allclose(x, np.linalg.solve(matrix, b), rtol=1e-3)
    assert len(products) <= 30
    # Nothing to solve, and nothing divided by it.
    np.testing.assert_array_equal(trpo.solve_by_conjugate_gradient(product, 0 * b, 10), np.zeros(30))


def test_hessian_product_by_hand():
    x, y = tf.Variable([2.0]), tf.Variable(3.0)
    # f = x²y + y³ has the Hessian [[2y, 2x], [2x, 6y]].
    product = trpo.hessian_product(lambda: tf.reduce_sum(x**2) * y + y**3, [x, y], tf.constant([1.0, -1.0]))
    np.testing.assert_allclose(product, [6 - 4, 4 - 18])


def test_fisher_product_is_that_of_the_explicit_fisher_matrix(eagerly):
    """F = mean over tokens of Jᵀ(diag(p) - p·pᵀ)J, where J is the Jacobian of the logits."""
    agent = controller(units=3)
    experience = agent.propose(0).drawn.experience
    actor, seen = agent._actor, tf.nest.map_structure(lambda x: x[:2, :-1], experience)
    legal = seen.observation["mask"].numpy() > 0
    assert not legal.all()
    with tf.GradientTape(persistent=True) as tape:
        token, _ = actor(seen.observation, seen.step_type)
        logits = token.logits[tf.constant(legal)]
    rows = tape.jacobian(logits, actor.trainable_variables, experimental_use_pfor=False)
    rows = np.concatenate([row.numpy().reshape(len(logits), -1) for row in rows], axis=1)
    jacobian = np.zeros((*legal.shape, rows.shape[1]))
    jacobian[legal] = rows
    p = token.probs_parameter().numpy()
    matrix = p[..., None] * np.eye(p.shape[-1]) - p[..., None] * p[..., None, :]
    fisher = np.einsum("btvi,btvw,btwj->ij", jacobian, matrix, jacobian) / (2 * SPACE.length)

    old = tfp.distributions.Categorical(logits=token.logits)

    def divergence():
        new, _ = actor(seen.observation, seen.step_type)
        return tf.reduce_mean(tfp.distributions.kl_divergence(old, new))

    v = np.random.default_rng(0).normal(size=len(fisher)).astype(np.float32)
    product = trpo.hessian_product(divergence, actor.trainable_variables, tf.constant(v))
    expected = fisher @ v
    np.testing.assert_allclose(product, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


# Less accurate, no less true, and it takes a fourth of the time.
COARSE = TRPO(kl_radius=0.05, cg_iterations=2)


def test_trpo_steps_to_the_edge_of_the_trust_region_and_improves(eagerly):
    agent = controller(algorithm=COARSE, entropy=0.1, batch_size=4)
    experience, before, after = spied(agent, [0.9, 0.1, 0.5, 0.3])
    advantages = np.array([0.9, 0.1, 0.5, 0.3])[:, None] - 0.45

    def surrogate(p):
        return np.mean(chosen(p, experience) / chosen(before, experience) * advantages + 0.1 * entropy(p))

    ratios = np.divide(before, after, out=np.ones_like(before), where=before > 0)
    kl = np.mean(np.sum(before * np.log(ratios), axis=-1))
    assert 0.5 * 0.05 < kl <= 0.05 * 1.001
    assert agent.metrics["step"] >= 0.8  # D is nearly quadratic.
    assert agent.metrics["kl"] == pytest.approx(kl * SPACE.length, rel=1e-3)
    assert agent.metrics["improvement"] == pytest.approx(surrogate(after) - surrogate(before), rel=1e-3)
    assert agent.metrics["improvement"] > 0
    assert agent.metrics["loss"] == pytest.approx(-surrogate(before), rel=1e-5)


def test_trpo_stays_where_it_is_when_there_is_nothing_to_gain(eagerly):
    agent = controller(algorithm=COARSE, entropy=0.0)
    before = weights(agent)
    step(agent, constant(*[0.5] * 5))
    np.testing.assert_array_equal(weights(agent), before)
    assert (agent.metrics["step"], agent.metrics["kl"]) == (0, 0)


def test_the_line_search_takes_the_first_accepted_share():
    agent = controller(algorithm=TRPO())
    start, step = weights(agent), np.ones_like(weights(agent))
    answers = iter([False, False, True])
    share = agent._agent.learn._line_search(step, lambda: tf.constant(next(answers)))
    assert float(share) == pytest.approx(0.64)
    np.testing.assert_allclose(weights(agent), start + 0.64, rtol=1e-6)


@pytest.mark.parametrize("step", [1.0, np.nan, np.inf])
def test_the_line_search_goes_back_if_no_share_is_accepted(step):
    agent, attempts = controller(algorithm=TRPO()), []
    start = weights(agent)

    def accepted():
        attempts.append(weights(agent))
        return tf.constant(False)

    share = agent._agent.learn._line_search(np.full_like(start, step), accepted)
    assert len(attempts) == trpo.TRIES
    assert (attempts[0] != start).all()
    assert float(share) == 0
    np.testing.assert_array_equal(weights(agent), start)


# -- Learning --------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=CONTROLLERS)
def learner(request, tmp_path_factory):
    """A controller that drew 40 batches; which rules were hits, the texts of the last 10 batches, and its state."""
    directory = tmp_path_factory.mktemp(request.param)
    learner = Controller(FAMILY, CONTROLLERS[request.param]["fast"], seed=0, directory=directory)
    evaluations = [e for _ in range(30) for e in step(learner, by(divisions))]
    learner.save()
    last = [e for _ in range(10) for e in step(learner, by(divisions))]
    return learner, [is_hit(e) for e in evaluations + last], [str(e.rule) for e in last], state(learner)


def test_the_family_is_rare():
    assert 0.01 < random_hits() < 0.03


def test_it_learns(learner):
    _, hits, _, _ = learner
    # About two thirds of them.
    assert np.mean(hits[len(hits) // 2 :]) >= 10 * random_hits()


def test_it_goes_back_and_on_bit_for_bit(learner):
    learner, _, texts, after = learner
    assert learner.restore() == 30
    assert state(learner) != after
    assert [text for texts in spell(learner, 10, by(divisions)) for text in texts] == texts
    assert state(learner) == after
