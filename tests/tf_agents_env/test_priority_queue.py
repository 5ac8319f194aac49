"""The queue of the best rules that a controller imitates."""

import dataclasses

import fakes
import numpy as np
import pytest
from tf_agents.utils import common
from toys import QUICK, SPACE, constant, step

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.algorithm import Proposal
from tf_agents_env.controllers import Controller
from tf_agents_env.emitted import Emitted
from tf_agents_env.priority_queue import PriorityQueue


@pytest.fixture
def controller(monkeypatch):
    # Takes less time than tracing what runs a few times.
    monkeypatch.setattr(common, "function", lambda function: function)
    return Controller(SPACE, dataclasses.replace(QUICK, queue_size=3, queue_learning_rate=1e-2), seed=0)


def tokens(*texts):
    return np.array([SPACE.encode(parse_formula(text)) for text in texts], np.int32)


def rules(queue):
    return [(reward, str(SPACE.decode(row))) for reward, row in queue.best]


def test_it_keeps_the_best_distinct_rules(controller):
    queue = PriorityQueue(SPACE, 3, controller._actor, 1e-3)
    queue.add(tokens("g * m", "g / m", "g - m"), [0.5, 0.2, 0.0])
    assert rules(queue) == [(0.5, "g * m"), (0.2, "g / m")]
    # Another spelling, one that is as good, one that is better, one too many.
    queue.add(tokens("m * g", "m / g", "g ^ m", "m - g"), [0.5, 0.5, 0.7, 0.1])
    assert rules(queue) == [(0.7, "g ^ m"), (0.5, "g * m"), (0.5, "m / g")]


def test_an_empty_queue_teaches_nothing(controller):
    before = [variable.numpy() for variable in controller._actor.variables]
    assert controller._queue.imitate() == 0
    for variable, value in zip(controller._actor.variables, before):
        np.testing.assert_array_equal(variable, value)


def test_it_makes_the_best_rules_likelier(controller):
    seen, train = [], controller._train
    controller._train = lambda experience, weights: seen.append(experience) or train(experience, weights)
    step(controller, constant(0.0, 0.9, 0.0, 0.0, 0.8))
    best = [1, 4]

    def log_p():
        """By way of what the environment showed."""
        token, _ = controller._actor(seen[0].observation, seen[0].step_type)
        return token.log_prob(seen[0].action).numpy()[best, :-1].sum(axis=1)

    before = log_p()
    # Two of its three places are taken.
    loss = controller._queue.imitate()
    assert loss == pytest.approx(-before.mean(), rel=1e-5)
    assert loss < controller.metrics["imitation"]
    assert (log_p() > before).all()


def learn_from_others(controller, *texts):
    """As from the rules that a search starts with."""
    others = [parse_formula(text) for text in texts]
    controller.learn(Proposal(others), [fakes.fake_evaluation(rule, 0.7) for rule in others])
    return controller.metrics["imitation"]


def test_what_a_search_starts_with_is_imitated_several_times(controller):
    once = learn_from_others(controller, "g * m", "tanh(n_0.37)")
    controller.config = dataclasses.replace(controller.config, start_imitations=5)
    assert learn_from_others(controller, "g * m") < once
    losses = [controller._queue.imitate() for _ in range(2)]
    # After its own rules there is one step, whoever proposed what it learns from.
    step(controller, constant(0.1, 0.9, 0.1, 0.1, 0.8))
    calls, imitate = [], controller._queue.imitate
    controller._queue.imitate = lambda: calls.append(1) or imitate()
    learn_from_others(controller, "g / m")
    assert len(calls) == 1 and losses[1] < losses[0]


def test_the_baseline_starts_with_the_first_rules_of_its_own(controller):
    """Not at 0, as if these were better than many before them."""
    learn_from_others(controller, "g * m")
    assert float(controller._baseline.baseline) == 0.0 and controller.iteration == 1
    step(controller, constant(0.8, 0.8, 0.8, 0.8, 0.8))
    assert float(controller._baseline.baseline) == pytest.approx(controller.metrics["pay"])


def test_a_checkpoint_of_before_there_were_starts_has_rules_of_its_own():
    emitted = Emitted()
    emitted.deserialize('[{"g": 2}, [0.5]]')
    assert emitted.has_own and emitted.counts == {"g": 2}
    emitted.has_own = False
    again = Emitted()
    again.deserialize(emitted.serialize())
    assert (again.has_own, again.counts, again.rewards) == (False, emitted.counts, [0.5])
