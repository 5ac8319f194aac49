"""Small spaces, quick controllers and made-up rewards that the tests of controllers share."""

import collections
import hashlib

import fakes
import numpy as np

from neural_optimizer_search import SearchSpace, search_space
from tf_agents_env.agents.ppo import PPO
from tf_agents_env.controller_config import ControllerConfig

Evaluation = collections.namedtuple("Evaluation", "reward rule")
SPACE = search_space("signs", depth=1)
# Few strings, so that rules repeat.
SMALL = SearchSpace("small", ("g", "m", "sign(g)"), ("identity", "sign"), ("mul", "div"), depth=1)
QUICK = ControllerConfig(PPO(learning_rate=1e-2, epochs=2), baseline_decay=0.5, units=16, repeat_share=0.5)


def score(rules):
    """A reward that depends on the text alone, the same in every process."""
    digests = [hashlib.sha1(str(rule).encode()).hexdigest() for rule in rules]
    return [Evaluation(int(digest[:4], 16) / 16**4, rule) for digest, rule in zip(digests, rules)]


def constant(*rewards):
    return lambda rules: [Evaluation(reward, rule) for reward, rule in zip(rewards, rules)]


def by(reward):
    return lambda rules: [Evaluation(reward(rule), rule) for rule in rules]


def step(controller, score):
    """Lets a controller draw and learn once; returns the evaluations."""
    return fakes.step(controller, score, controller.iteration)


def spell(controller, steps, score=score):
    """The texts of the rules that the next steps draw."""
    return [[str(e.rule) for e in step(controller, score)] for _ in range(steps)]


def state(controller):
    """All that a controller has learned, and what it has emitted."""
    parts = [controller._agent, getattr(controller._agent, "learn", None), controller._queue]
    optimizers = [part._optimizer for part in parts if hasattr(part, "_optimizer")]
    variables = [*controller._actor.variables, controller._baseline.baseline]
    variables += [variable for optimizer in optimizers for variable in optimizer.variables]
    best = controller._queue.best if controller._queue else []
    return [variable.numpy().tolist() for variable in variables], dict(controller.emitted), best


# -- A family of rules to be found -----------------------------------------------------------------

FAMILY = search_space("moments", depth=1)
FIRST, SECOND = {"g", "m", "Adam", "RMSProp"}, {"v", "g^2", "1", "sign(g)"}


def divisions(rule):
    """0.8 for x / y with x of FIRST, y of SECOND, and y or sqrt|y|; less for a part of that."""
    op1, op2, _, u2, b = rule.iterations[0]
    above, by = op1 in FIRST, b == "div"
    below = op2 in SECOND and u2 in ("identity", "sqrt")
    return 0.2 * above + 0.2 * below + 0.1 * by + 0.3 * (above and below and by)


def is_hit(evaluation):
    return evaluation.reward > 0.75


def random_hits():
    """The share of the family among random strings, about 2 %."""
    sample = FAMILY.sample(np.random.default_rng(0), 10_000)
    return np.mean([is_hit(Evaluation(divisions(FAMILY.decode(tokens)), None)) for tokens in sample])
