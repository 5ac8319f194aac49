"""The environment in which a controller writes rules: its episodes, its masks and its rewards."""

import bisect
import collections

import numpy as np
import pytest
from tf_agents.environments import utils

from neural_optimizer_search import SearchSpace, search_space
from tf_agents_env.reward_shaping import pay, pay_by_rank
from tf_agents_env.rule_environment import RuleEnvironment, pay_nothing

Evaluation = collections.namedtuple("Evaluation", "reward")
# Three operands, two unary and two binary functions, so that V = 4 in the second iteration.
SPACE = SearchSpace("tiny", ("g", "m", "1"), ("identity", "exp"), ("mul", "add"), depth=2)
# Token by token: two rules of SPACE side by side, (g*e^m)·... and (m + 1)^...
STRINGS = np.array([[0, 1, 0, 1, 0, 3, 2, 0, 0, 0], [1, 2, 0, 0, 1, 0, 3, 1, 0, 0]], np.int32)


class Scorer:
    """Gives each rule what the list holds for it, and remembers what it was called with."""

    def __init__(self, *rewards):
        self.rewards, self.calls = rewards, []

    def __call__(self, rules):
        self.calls.append(rules)
        return [Evaluation(reward) for reward in self.rewards]


def play(environment, strings):
    """The time steps of one batch of episodes."""
    return [environment.reset()] + [environment.step(tokens) for tokens in strings.T]


@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_validates(depth, batch_size):
    score = Scorer(*[0.5] * batch_size)
    environment = RuleEnvironment(search_space("moments", depth=depth), score, batch_size)
    # A policy that knows no masks spells illegal tokens; the utility takes this splitter for them.
    utils.validate_py_environment(
        environment,
        episodes=3 * batch_size,
        observation_and_action_constraint_splitter=lambda observation: (
            observation,
            observation["mask"],
        ),
    )
    assert [len(rules) for rules in score.calls] == [batch_size] * 3


def test_an_episode_step_by_step():
    score = Scorer(0.25, 0.75)
    environment = RuleEnvironment(SPACE, score, batch_size=2)
    steps = play(environment, STRINGS)
    assert len(steps) == SPACE.length + 1
    for position, step in enumerate(steps):
        last = position == SPACE.length
        first = position == 0
        np.testing.assert_array_equal(step.step_type, [0 if first else 2 if last else 1] * 2)
        np.testing.assert_array_equal(step.reward, [0.25, 0.75] if last else [0, 0])
        np.testing.assert_array_equal(step.discount, [0, 0] if last else [1, 1])
        held = min(position, SPACE.length - 1)
        np.testing.assert_array_equal(step.observation["pos"], [held, held])
        expected = [4, 4] if first else STRINGS[:, position - 1]
        np.testing.assert_array_equal(step.observation["prev"], expected)


def test_masks_are_the_constraints():
    steps = play(RuleEnvironment(SPACE, Scorer(0.0, 0.0), batch_size=2), STRINGS)
    masks = np.stack([step.observation["mask"] for step in steps], axis=1)
    assert masks.dtype == np.int32
    expected = {
        (0, 0): [1, 1, 1, 0],
        (0, 1): [0, 1, 1, 0],  # op2 differs from op1 = g
        (0, 2): [1, 1, 0, 0],
        (0, 4): [1, 1, 0, 0],
        (0, 5): [1, 1, 1, 1],  # the first output has become an operand
        (0, 6): [1, 1, 1, 0],  # op1 is that output already
        (1, 6): [0, 0, 0, 1],  # op1 is not
        (0, 9): [1, 0, 0, 0],  # the last b is not +
        (0, 10): [1, 1, 1, 0],  # over: as at the start
    }
    for place, mask in expected.items():
        np.testing.assert_array_equal(masks[place], mask)


def test_scores_once_per_batch_in_order():
    score = Scorer(0.25, 0.75)
    environment = RuleEnvironment(SPACE, score, batch_size=2)
    play(environment, STRINGS)
    assert score.calls == [[SPACE.decode(string) for string in STRINGS]]
    assert environment.rules == score.calls[0]
    assert environment.evaluations == [Evaluation(0.25), Evaluation(0.75)]
    # The next step starts anew, whatever its action; another function may score from now on.
    environment.score = Scorer(1.0, 2.0)
    assert environment.step(np.array([99, 99])).is_first().all()
    swapped = [environment.step(tokens) for tokens in STRINGS[::-1].T]
    np.testing.assert_array_equal(swapped[-1].reward, [1, 2])
    assert environment.score.calls == [score.calls[0][::-1]]
    assert len(score.calls) == 1


@pytest.mark.parametrize(
    ("position", "token", "allowed"),
    [
        (0, 3, "0, 1, 2"),
        (0, -1, "0, 1, 2"),
        (0, 4, "0, 1, 2"),
        (1, 0, "1, 2"),
        (2, 2, "0, 1"),
        (9, 1, "0"),
    ],
)
def test_a_forbidden_token_raises(position, token, allowed):
    environment = RuleEnvironment(SPACE, Scorer(0.0, 0.0), batch_size=2)
    strings = STRINGS.copy()
    strings[0, position] = token
    message = f"at position {position}. Received: {token}. Allowed: {allowed}."
    with pytest.raises(ValueError, match=message):
        play(environment, strings)


@pytest.mark.parametrize("reward", [np.nan, np.inf, -np.inf, 1e300])
def test_a_reward_that_is_not_finite_raises(reward):
    environment = RuleEnvironment(SPACE, Scorer(0.5, reward), batch_size=2)
    with pytest.raises(ValueError, match=r"reward of the rule `.*` must be a finite number"):
        play(environment, STRINGS)


def test_a_wrong_number_of_evaluations_raises():
    with pytest.raises(ValueError, match="Received: 3 for 2 rules"):
        play(RuleEnvironment(SPACE, Scorer(0.1, 0.2, 0.3), batch_size=2), STRINGS)


def test_rules_may_be_paid_later():
    environment = RuleEnvironment(SPACE, pay_nothing, 2)
    np.testing.assert_array_equal(play(environment, STRINGS)[-1].reward, [0.0, 0.0])
    assert environment.rules == [SPACE.decode(string) for string in STRINGS]


def test_repeats_pay_a_half_and_a_quarter():
    emitted = collections.Counter({"b": 1})
    assert pay("abaab", [0.8, 0.4, 0.8, 0.8, 0.4], emitted, 0.5) == [0.8, 0.2, 0.4, 0.2, 0.1]
    assert emitted == {"b": 1}


def test_repeats_may_be_paid_in_full():
    assert pay("aaa", [0.8] * 3, {"a": 5}, 1.0) == [0.8] * 3


def test_a_rule_is_paid_by_rank_before_any_other_is_known():
    assert pay_by_rank([0.5, 0.0], [], 1.0) == [0.5, 0.0]


def test_a_pay_by_rank_is_that_of_all_rewards_sorted():
    rng = np.random.default_rng(0)
    known: list[float] = []
    for _ in range(200):
        # Coarse, so that many are equal; of those above 0 some are known already.
        rewards = np.round(rng.random(rng.integers(1, 8)), 1).tolist()
        new = [reward for reward in rewards if reward > 0 and rng.random() < 0.7]
        if known or new:
            expected = [
                ((bisect.bisect_left(sorted([*known, *new]), reward) + 0.5) / (len(known) + len(new))) ** 2.0
                if reward > 0
                else 0.0
                for reward in rewards
            ]
            assert pay_by_rank(rewards, known, 2.0, new) == expected
        known = sorted([*known, *new])


def test_a_pay_asks_for_the_keys_of_its_batch_alone():
    class Emitted(dict):
        def __iter__(self):
            raise AssertionError("A long run has emitted very many.")

        keys = items = values = __iter__

    assert pay("aab", [0.8, 0.8, 0.4], Emitted(a=1), 0.5) == [0.4, 0.2, 0.4]
