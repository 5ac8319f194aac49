"""The presets of `nos-learn`, and that each of their settings does what its name says."""

import dataclasses
import json

import numpy as np
import pytest
from bowls import BOWLS, TINY

from neural_optimizer_search.l2o import PredictedStepDescent, saved, targets, training
from neural_optimizer_search.l2o.config import Training
from neural_optimizer_search.l2o.guided_policy_search import TRAINING, learn
from neural_optimizer_search.l2o.linearization import last_state, shift_states
from neural_optimizer_search.l2o.momentum import momentum_gain, momentum_policy
from neural_optimizer_search.l2o.presets import CHOICES, PRESETS
from neural_optimizer_search.l2o.trajectories import Trajectories, observe_all, run, starts
from neural_optimizer_search.objectives import FAMILIES

pytestmark = pytest.mark.once

PAPER = dataclasses.replace(TINY, updates=300, **PRESETS["paper"])
NEAR_TARGETS = dataclasses.replace(TINY, near="target")


@pytest.fixture(autouse=True)
def bowls(monkeypatch, tmp_path):
    monkeypatch.setitem(FAMILIES, "bowls", BOWLS)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def iterations():
    return list(learn(PAPER, BOWLS))


# -- What they are ---------------------------------------------------------------------------------


def test_paper_is_what_the_paper_says():
    assert PRESETS["paper"] == dict(
        kept=1, momentum="each", near="target", compressed=False, output_bias=True, chosen="last"
    )
    assert PRESETS["paper"].keys() == PRESETS["steady"].keys()
    assert all(PRESETS["paper"][name] != value for name, value in PRESETS["steady"].items())
    assert all(preset[name] in allowed for preset in PRESETS.values() for name, allowed in CHOICES.items())


@pytest.mark.parametrize("preset", PRESETS)
def test_the_flag_gives_the_row(preset, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "learn", lambda *arguments, **named: iter(()))
    assert training.main(["--family", "bowls", "--preset", preset, "--out", "run"]) == 0
    recorded = saved.load_config(tmp_path / "run")
    assert recorded.training == Training("bowls", preset)
    assert {name: getattr(recorded.config, name) for name in PRESETS[preset]} == PRESETS[preset]


def test_what_is_given_beside_a_preset_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "learn", lambda *arguments, **named: iter(()))
    assert training.main(["--family", "bowls", "--preset", "paper", "--momentum", "shared"]) == 0
    config = saved.load_config(tmp_path / "runs" / "learn-bowls-paper-seed0").config
    assert (config.momentum, config.kept) == ("shared", 1)


# -- Going on --------------------------------------------------------------------------------------


def begin(directory, config=PAPER, preset="paper"):
    directory.mkdir()
    saved.save_config(directory, Training("bowls", preset), config)


def test_another_preset_is_refused(tmp_path, capsys):
    begin(tmp_path / "run")
    with pytest.raises(SystemExit) as stop:
        training.main(["--resume", "run", "--preset", "steady"])
    assert stop.value.code == 2
    assert capsys.readouterr().err == (
        "nos-learn: argument --preset: not allowed with --resume: a resumed run keeps its own (paper).\n"
    )


def test_a_resumed_training_near_its_targets_is_the_same_as_undisturbed(tmp_path, iterations):
    begin(tmp_path / "run")
    for flags in (["--iterations", "0"], ["--iterations", "1"], ["--preset", "paper", "--iterations", "2"]):
        assert training.main(["--resume", "run", *flags]) == 0
    found, expected = saved.load_state(tmp_path / "run", 2), iterations[2]
    assert found.number == 2 and found.merit == expected.merit
    for name, array in expected.policy.arrays().items():
        np.testing.assert_array_equal(found.policy.arrays()[name], array)
    for ours, theirs in zip(found.targets, expected.targets):
        np.testing.assert_array_equal(ours, theirs)


# -- What each setting does ------------------------------------------------------------------------


def test_kept(iterations):
    """Of all trajectories those of the last iteration are left."""
    assert [len(one.batches) for one in iterations] == [1, 1, 1]


def test_momentum():
    functions = BOWLS.sample(8, [0, TRAINING])
    shared, each = (
        targets.imitate_momentum(dataclasses.replace(NEAR_TARGETS, momentum=choice), functions).controllers.gain
        for choice in CHOICES["momentum"]
    )
    assert (shared == shared[:1]).all() and not (each == each[:1]).all()


def test_the_state_after_a_step_is_the_one_before_the_next():
    functions = BOWLS.sample(3, 0)
    whole = run(functions, momentum_policy(0.1, 0.5, 4), starts(3, 2, 2, 1), 7, history=4)
    states = shift_states(whole, 4)
    for t in range(7):
        past = Trajectories(
            whole.iterates[:, :, : t + 1], whole.values[:, :, : t + 1], whole.gradients[:, :, : t + 1]
        )
        np.testing.assert_array_equal(last_state(past, 4), states[:, :, t])


def test_momentum_is_linear_in_the_state():
    functions, rates, decays = BOWLS.sample(3, 0), np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.0, 0.9])
    policy = momentum_policy(rates, decays, 4)
    whole = run(functions, policy, starts(3, 2, 2, 1), 7, history=4)
    seen = observe_all(whole, 4)
    expected = np.stack([policy(seen[:, :, t]) for t in range(7)], axis=2)
    steps = np.einsum("fdn,fstn->fstd", momentum_gain(rates, decays, 2, 4), shift_states(whole, 4))
    np.testing.assert_allclose(steps, expected, rtol=1e-12)


@pytest.mark.parametrize("near", CHOICES["near"])
def test_near_what_runs_followed(near, iterations, monkeypatch):
    """The bound holds from the last target, which also says where the runs begin; or from the policy."""
    config, first = dataclasses.replace(PAPER, near=near), iterations[0]
    controllers = first.targets if near == "target" else None
    functions, previous = BOWLS.sample(8, [0, TRAINING]), []
    solve = targets.lqg.solve_constrained

    def note(dynamics, cost, start, controller, bound, guess):
        previous.append(controller)
        return solve(dynamics, cost, start, controller, bound, guess)

    monkeypatch.setattr(targets.lqg, "solve_constrained", note)
    batch, _, after = targets.improve_targets(config, functions, 1, first.policy, np.ones(8), controllers)
    last = [np.array_equal(one.gain, first.targets.gain[i]) for i, one in enumerate(previous)]
    begins_there = np.array_equal(
        batch.trajectories.iterates[:, :, 0], first.batches[0].trajectories.iterates[:, :, 0]
    )
    assert (all(last), any(last), begins_there) == ((near == "target",) * 3)
    assert (after is None) == (near == "policy")


def test_targets_become_better_than_momentum(iterations):
    """The mean value over the runs of all functions, which follow the targets of the iteration before."""
    means = [one.batches[-1].trajectories.values.mean() for one in iterations]
    assert means[2] < means[1]


def test_a_function_without_a_new_target_keeps_the_last(iterations, monkeypatch):
    def fail(*arguments, **named):
        raise targets.lqg.UnstableModel("explodes")

    monkeypatch.setattr(targets.lqg, "solve_constrained", fail)
    first, functions = iterations[0], BOWLS.sample(8, [0, TRAINING])
    found = targets.improve_targets(PAPER, functions, 1, first.policy, np.ones(8), first.targets)
    np.testing.assert_array_equal(found.controllers.gain, first.targets.gain)
    assert np.isnan(found.batch.steps).all()


def test_compressed_and_output_bias(iterations):
    policy = iterations[-1].policy
    assert policy.scale is None and (policy.second_bias != 0).all()


@pytest.mark.parametrize(("chosen", "name"), [("best", "best"), ("last", "policy")])
def test_chosen(chosen, name, tmp_path, iterations):
    one, other = (iterations[i].policy for i in (0, 2))
    state = iterations[2]._replace(best=one, best_merit=-1.0, policy=other)
    config = dataclasses.replace(PAPER, chosen=chosen)
    saved.save_state(tmp_path, state, saved.describe(Training("bowls", "paper"), config))
    found = PredictedStepDescent.load(tmp_path / saved.POLICY)
    np.testing.assert_allclose(found.policy.second, getattr(state, name).second, rtol=1e-6)
    assert found.about["preset"] == "paper" and json.dumps(found.about)
