"""The limit of a learned optimizer's steps: a multiple of what momentum would do."""

import dataclasses
import itertools

import marks
import numpy as np
import pytest
from bowls import BOWLS, TINY

from neural_optimizer_search.l2o import PredictedStepDescent, saved, training
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig, Training
from neural_optimizer_search.l2o.guided_policy_search import learn
from neural_optimizer_search.l2o.momentum import limit_steps, momentum_policy, tune_momentum
from neural_optimizer_search.l2o.sampling import TRAINING, first_points
from neural_optimizer_search.l2o.step_policy import new_policy
from neural_optimizer_search.objectives import FAMILIES

pytestmark = pytest.mark.once

LIMITED = dataclasses.replace(TINY, iterations=1, updates=100, limit=0.5)
SEEN = np.random.default_rng(0).normal(size=(3, 20, 9))


@pytest.fixture(scope="module")
def states():
    """(of a training without a limit, of one with) after each iteration."""
    without = dataclasses.replace(LIMITED, limit=None)
    return list(zip(*(learn(config, BOWLS) for config in (without, LIMITED))))


def lengths(steps):
    return np.linalg.norm(steps, axis=-1)


def test_long_steps_are_shortened_and_short_ones_are_not():
    steps = np.random.default_rng(1).normal(size=(3, 20, 2))
    most = 1.5 * lengths(momentum_policy(0.3, 0.5, 3)(SEEN))
    found = limit_steps(steps, SEEN, 1.5, 0.3, 0.5)
    long = lengths(steps) > most
    assert 0 < long.sum() < long.size
    np.testing.assert_array_equal(found[~long], steps[~long])
    np.testing.assert_allclose(lengths(found)[long], most[long])
    np.testing.assert_allclose(found[long] / most[long][:, None], steps[long] / lengths(steps)[long][:, None])


def test_no_step_of_momentum_allows_none():
    np.testing.assert_array_equal(limit_steps(np.ones(2), np.zeros(9), 2.0, 1.0, 0.9), [0.0, 0.0])
    np.testing.assert_array_equal(limit_steps(np.zeros(2), np.zeros(9), 2.0, 1.0, 0.9), [0.0, 0.0])


def test_a_policy_keeps_its_limit_in_a_file(tmp_path):
    policy = new_policy(SEEN, 2, 0, history=3)._replace(limit=np.array([0.1, 0.3, 0.5]))
    PredictedStepDescent(policy).save(tmp_path / "policy.npz")
    again = PredictedStepDescent.load(tmp_path / "policy.npz").policy
    np.testing.assert_allclose(again(SEEN), policy(SEEN), rtol=1e-5)
    assert (lengths(policy(SEEN)) < 0.9 * lengths(policy._replace(limit=None)(SEEN))).any()


def test_the_limit_is_the_tuned_momentum(states):
    functions = BOWLS.sample(8, [0, TRAINING])
    start = first_points(LIMITED, functions)
    expected = tune_momentum(functions, start, LIMITED.horizon, history=LIMITED.history)
    for without, limited in states:
        assert without.limit is None and list(limited.limit) == [0.5, *expected]


def test_training_itself_knows_no_limit_but_its_merit_does(states):
    for without, limited in states:
        for ours, theirs in itertools.zip_longest(limited.policy.arrays().values(), without.policy.arrays().values()):
            np.testing.assert_array_equal(ours, theirs)
        assert limited.merit != without.merit
        assert limited.choose("best")[0].limit is not None and without.choose("best")[0].limit is None


@marks.only_long("test_presets.py resumes a training.")
def test_a_resumed_training_has_the_same_limit(tmp_path, monkeypatch, capsys, states):
    monkeypatch.setitem(FAMILIES, "bowls", BOWLS)
    (tmp_path / "run").mkdir()
    saved.save_config(tmp_path / "run", Training("bowls"), LIMITED)
    for flags in (["--iterations", "0"], ["--limit", "0.5", "--iterations", "1"]):
        assert training.main(["--resume", str(tmp_path / "run"), *flags]) == 0
    expected = states[1][1]
    found = saved.load_state(tmp_path / "run", 2)
    np.testing.assert_array_equal(found.limit, expected.limit)
    assert found.merit == expected.merit
    policy = PredictedStepDescent.load(tmp_path / "run" / saved.POLICY).policy
    np.testing.assert_allclose(policy.limit, expected.limit, rtol=1e-6)
    with pytest.raises(SystemExit, match="2"):
        training.main(["--resume", str(tmp_path / "run"), "--limit", "2"])
    assert "argument --limit: not allowed with --resume" in capsys.readouterr().err


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), True, "1"])
def test_what_is_no_limit(limit):
    with pytest.raises(ValueError, match=r"Argument `limit` must be a float from 0\.01 to 1000"):
        GuidedPolicySearchConfig(limit=limit)
