import collections
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tf_agents.agents.ppo import ppo_agent
from tf_agents.utils import common

from neural_optimizer_search import SearchSpace, search_space
from tf_agents_env.checkpoints import Checkpoints
from tf_agents_env.controllers import PRESETS, ControllerConfig, PPOController

Evaluation = collections.namedtuple("Evaluation", "reward rule")
SPACE = search_space("signs", depth=1)
# Few strings, so that rules repeat.
SMALL = SearchSpace("small", ("g", "m", "sign(g)"), ("identity", "sign"), ("mul", "div"), depth=1)
QUICK = ControllerConfig(
    learning_rate=1e-2, epochs=2, baseline_decay=0.5, units=16, repeat_share=0.5
)


def score(rules):
    """A reward that depends on the text alone, the same in every process."""
    digests = [hashlib.sha1(str(rule).encode()).hexdigest() for rule in rules]
    return [Evaluation(int(digest[:4], 16) / 16**4, rule) for digest, rule in zip(digests, rules)]


def constant(*rewards):
    return lambda rules: [Evaluation(reward, rule) for reward, rule in zip(rewards, rules)]


def spell(controller, steps, score=score):
    """The texts of the rules that the next steps draw."""
    return [[str(e.rule) for e in controller.step(score)] for _ in range(steps)]


def state(controller):
    """All that a controller has learned, and what it has emitted."""
    variables = controller._agent.actor_net.variables + controller._optimizer.variables
    numbers = [variable.numpy().tolist() for variable in variables]
    return numbers, controller._baseline.baseline.numpy().tolist(), dict(controller.emitted)


@pytest.fixture
def losses(monkeypatch):
    """What reaches the policy-gradient loss: one (ratios, advantages, weights) per epoch."""
    seen, original = [], ppo_agent.PPOAgent.policy_gradient_loss

    def spy(self, time_steps, actions, log_probs, advantages, distribution, mask, **named):
        ratios = tf.exp(distribution.log_prob(actions) - log_probs)
        seen.append(tuple(value.numpy() for value in (ratios, advantages, mask)))
        return original(
            self, time_steps, actions, log_probs, advantages, distribution, mask, **named
        )

    monkeypatch.setattr(ppo_agent.PPOAgent, "policy_gradient_loss", spy)
    # The spy sees values, not symbols, if training runs eagerly.
    monkeypatch.setattr(common, "function", lambda function: function)
    return seen


# -- Numbers ---------------------------------------------------------------------------------------


def test_the_paper_preset_is_the_papers():
    # arXiv v2, section 4.2.
    paper = PRESETS["paper"]
    assert (paper.learning_rate, paper.batch_size, paper.units) == (1e-5, 5, 150)
    assert paper.entropy == 0.0015
    assert paper.repeat_share == 1.0
    controller = PPOController(SPACE, paper, seed=0)
    assert isinstance(controller._optimizer, tf.keras.optimizers.Adam)
    assert float(controller._optimizer.learning_rate) == np.float32(1e-5)
    assert controller._agent._entropy_regularization == 0.0015
    assert PRESETS["fast"].repeat_share == 0.5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("learning_rate", 0.0),
        ("batch_size", 0),
        ("epochs", 0),
        ("clipping", 0.0),
        ("units", -1),
        ("entropy", -0.1),
        ("baseline_decay", 1.1),
        ("repeat_share", 2.0),
        ("learning_rate", float("nan")),
    ],
)
def test_config_rejects(field, value):
    with pytest.raises(ValueError, match=f"Argument `{field}` must be"):
        dataclasses.replace(PRESETS["fast"], **{field: value})


# -- What the loss uses ----------------------------------------------------------------------------


def test_ratios_are_1_in_the_first_epoch_and_move_after_it(losses):
    controller = PPOController(search_space("arxiv2017", depth=2), PRESETS["fast"], seed=0)
    for _ in range(3):
        controller.step(score)
    epochs = PRESETS["fast"].epochs
    assert len(losses) == 3 * epochs
    for i, (ratios, _, mask) in enumerate(losses):
        error = np.abs(ratios - 1)[mask > 0].max()
        assert error < 1e-5 if i % epochs == 0 else error > 1e-4


def test_advantages_are_reward_less_baseline(losses):
    config = dataclasses.replace(QUICK, repeat_share=1.0)
    controller = PPOController(SPACE, config, seed=0)
    controller.step(constant(0.1, 0.2, 0.3, 0.4, 0.5))
    controller.step(constant(0.9, 0.0, 0.7, 0.0, 0.7))
    # The first batch stands in for its own past; then the average is half of 0.3 and half of 0.3.
    expected = [[-0.2, -0.1, 0.0, 0.1, 0.2]] * 2 + [[0.6, -0.3, 0.4, -0.3, 0.4]] * 2
    assert len(losses) == 4
    for (_, advantages, mask), rewards in zip(losses, expected):
        spelled = advantages[:, : SPACE.length]
        np.testing.assert_allclose(spelled, np.tile(np.c_[rewards], SPACE.length), atol=1e-6)
        np.testing.assert_array_equal(mask, [[1] * SPACE.length + [0]] * 5)


def test_the_baseline_is_the_average_of_past_pays_and_nothing_trains_it():
    config = dataclasses.replace(QUICK, baseline_decay=0.75, repeat_share=1.0)
    controller = PPOController(SPACE, config, seed=0)
    baselines = []
    for reward in (0.4, 0.8, 0.0):
        controller.step(constant(*[reward] * 5))
        baselines.append(controller.metrics["baseline"])
    # 0.4, then 3/4·0.4 + 1/4·0.8, then 3/4·0.5.
    np.testing.assert_allclose(baselines, [0.4, 0.5, 0.375], rtol=1e-6)


def test_metrics():
    controller = PPOController(SMALL, QUICK, seed=0)
    controller.step(constant(0.1, 0.2, 0.3, 0.4, 0.5))
    metrics = controller.metrics
    names = ["baseline", "clip_fraction", "entropy", "kl", "loss", "pay", "repeats", "reward"]
    assert sorted(metrics) == names
    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
    assert metrics["reward"] == pytest.approx(0.3)
    assert metrics["repeats"] == 0
    # Near-uniform at first over all strings.
    assert metrics["entropy"] == pytest.approx(np.log(SMALL.size), abs=0.05)
    assert 0 < metrics["kl"] < 0.5


# -- Pay -------------------------------------------------------------------------------------------


def test_repeats_pay_less_and_evaluations_stay_untouched():
    # Two strings, g*m and m*g, that are one rule.
    space = SearchSpace("one", ("g", "m"), ("identity",), ("mul",), depth=1)
    controller = PPOController(space, QUICK, seed=0)
    evaluations = controller.step(constant(*[0.8] * 5))
    assert [e.reward for e in evaluations] == [0.8] * 5
    halves = 1 + 1 / 2 + 1 / 4 + 1 / 8 + 1 / 16
    assert controller.metrics["pay"] == pytest.approx(0.8 * halves / 5)
    controller.step(constant(*[0.8] * 5))
    assert controller.metrics["pay"] == pytest.approx(0.8 * halves / 32 / 5)
    assert controller.metrics["reward"] == pytest.approx(0.8)
    assert controller.metrics["repeats"] == 1.0
    assert list(controller.emitted.values()) == [10]


def test_the_paper_pays_repeats_in_full():
    space = SearchSpace("one", ("g", "m"), ("identity",), ("mul",), depth=1)
    controller = PPOController(space, dataclasses.replace(PRESETS["paper"], units=16), seed=0)
    controller.step(constant(*[0.8] * 5))
    assert controller.metrics["pay"] == pytest.approx(0.8)


# -- Failures --------------------------------------------------------------------------------------


def test_a_step_that_fails_leaves_the_controller_as_it_was():
    undisturbed, disturbed = (PPOController(SPACE, QUICK, seed=1) for _ in range(2))
    expected = spell(undisturbed, 3)
    assert spell(disturbed, 1) == expected[:1]

    with pytest.raises(ValueError, match="must be a finite number"):
        disturbed.step(constant(0.1, 0.2, float("nan"), 0.4, 0.5))
    with pytest.raises(KeyboardInterrupt):
        disturbed.step(lambda rules: (_ for _ in ()).throw(KeyboardInterrupt))
    assert disturbed.iteration == 1
    assert sum(disturbed.emitted.values()) == 5
    assert spell(disturbed, 2) == expected[1:]


# -- Determinism, save and restore -----------------------------------------------------------------

IN_ANOTHER_PROCESS = """
import test_controllers as t
controller = t.PPOController(t.SPACE, t.QUICK, seed=7)
print(t.spell(controller, 3), t.digest(controller))
"""


def digest(controller):
    return hashlib.sha1(repr(state(controller)).encode()).hexdigest()


def test_two_processes_do_the_same():
    controller = PPOController(SPACE, QUICK, seed=7)
    # Global seeds and draws in between make no difference.
    tf.random.set_seed(123)
    texts = spell(controller, 1)
    tf.random.uniform([3])
    np.random.seed(5)
    texts += spell(controller, 2)
    path = os.pathsep.join([str(pathlib.Path(__file__).parent), *sys.path])
    other = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == f"{texts} {digest(controller)}"


def test_a_restored_run_goes_on_bit_for_bit(tmp_path):
    undisturbed = PPOController(SMALL, QUICK, seed=2)
    expected = spell(undisturbed, 6)
    stopped = PPOController(SMALL, QUICK, seed=2, directory=tmp_path)
    assert stopped.restore() == 0
    assert spell(stopped, 3) == expected[:3]
    stopped.save()
    saved = state(stopped)
    stopped.step(score)  # Lost: it was not saved.
    resumed, number = restored(tmp_path)
    assert number == resumed.iteration == 3
    assert state(resumed) == saved
    assert spell(resumed, 3) == expected[3:]
    assert state(resumed) == state(undisturbed)
    assert resumed.metrics == undisturbed.metrics
    # Rules repeated, so that the counts were needed.
    assert resumed.metrics["pay"] < resumed.metrics["reward"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A directory with checkpoints 2 and 3 of a run; its weights and counts after each step."""
    directory = tmp_path_factory.mktemp("controller")
    controller = PPOController(SMALL, QUICK, seed=2, directory=directory)
    states = [state(controller)]
    for _ in range(3):
        controller.step(score)
        controller.save()
        states.append(state(controller))
    names = sorted(path.name for path in directory.glob("*.index"))
    assert names == ["ckpt-2.index", "ckpt-3.index"]
    return directory, states


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run[0], tmp_path / "run")


def restored(directory):
    controller = PPOController(SMALL, QUICK, seed=2, directory=directory)
    return controller, controller.restore()


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


INDEX, DATA = "ckpt-{}.index", "ckpt-{}.data-00000-of-00001"
DAMAGES = {
    "data cut": (DATA, lambda path: cut(path, 0.5)),
    "data cut at the end": (DATA, lambda path: cut(path, 0.9999)),
    "data empty": (DATA, lambda path: cut(path, 0)),
    "data missing": (DATA, lambda path: path.unlink()),
    "data zeroed": (DATA, zero),
    "index cut": (INDEX, lambda path: cut(path, 0.5)),
    "index empty": (INDEX, lambda path: cut(path, 0)),
    "index zeroed": (INDEX, zero),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_passed_over(run, copy, damage):
    name, destroy = DAMAGES[damage]
    destroy(copy / name.format(3))
    with pytest.warns(UserWarning, match="cannot be read: .*ckpt-3"):
        controller, number = restored(copy)
    assert number == 2
    assert state(controller) == run[1][2]


def test_no_whole_checkpoint_leaves_a_fresh_controller(run, copy):
    for number in (2, 3):
        cut(copy / DATA.format(number), 0.5)
    with pytest.warns(UserWarning, match=r"ckpt-2, .*ckpt-3"):
        controller, number = restored(copy)
    assert number == 0
    assert state(controller) == run[1][0]
    # What it saves from now on counts, though their numbers are higher.
    controller.step(score)
    controller.save()
    with pytest.warns(UserWarning, match="cannot be read"):
        assert restored(copy)[1] == 1


@pytest.mark.parametrize("content", [None, b"", b"model_checkpoint_path: 'ckpt-"])
def test_the_state_file_is_not_needed(run, copy, content):
    (copy / "checkpoint").unlink()
    if content is not None:
        (copy / "checkpoint").write_bytes(content)
    controller, number = restored(copy)
    assert number == 3
    assert state(controller) == run[1][3]


def test_a_state_file_without_checkpoints_does_no_harm(copy):
    for path in copy.glob("ckpt-*"):
        path.unlink()
    assert restored(copy)[1] == 0


def test_two_checkpoints_are_kept_across_restarts(copy):
    variable = tf.Variable(0)
    for number in (4, 5, 6, 7):
        checkpoints = Checkpoints(copy, variable=variable)
        checkpoints.restore()
        checkpoints.save(number)
        kept = sorted(path.name for path in copy.glob("*.index"))
        assert kept == [f"ckpt-{number - 1}.index", f"ckpt-{number}.index"]


def test_checkpoints_of_another_run_are_not_overwritten(copy):
    with pytest.raises(ValueError, match=r"holds checkpoints already: call `restore\(\)`"):
        PPOController(SMALL, QUICK, seed=0, directory=copy).save()


def test_without_a_directory_nothing_is_kept():
    controller = PPOController(SMALL, QUICK, seed=0)
    controller.save()
    assert controller.restore() == 0


# -- Learning --------------------------------------------------------------------------------------

FIRST, SECOND = {"g", "m", "Adam", "RMSProp"}, {"v", "g^2", "1", "sign(g)"}


def divisions(rule):
    """0.8 for x / y with x of FIRST, y of SECOND, and y or sqrt|y|; less for a part of that."""
    op1, op2, _, u2, b = rule.iterations[0]
    above, by = op1 in FIRST, b == "div"
    below = op2 in SECOND and u2 in ("identity", "sqrt")
    return 0.2 * above + 0.2 * below + 0.1 * by + 0.3 * (above and below and by)


def by(reward):
    return lambda rules: [Evaluation(reward(rule), rule) for rule in rules]


def test_fast_learns_a_toy_family():
    space = search_space("moments", depth=1)
    sample = space.sample(np.random.default_rng(0), 10_000)
    random = np.mean([divisions(space.decode(tokens)) > 0.75 for tokens in sample])
    assert 0.01 < random < 0.03
    for seed in range(3):
        controller, hits = PPOController(space, PRESETS["fast"], seed), []
        while len(hits) < 300:
            hits += [e.reward > 0.75 for e in controller.step(by(divisions))]
        assert np.mean(hits[200:]) >= 5 * random
