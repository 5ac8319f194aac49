"""Determinism, saving and restoring."""

import dataclasses
import hashlib
import shutil
import subprocess
import sys

import marks
import numpy as np
import pytest
import tensorflow as tf
from environments import environment
from toys import QUICK, SMALL, SPACE, score, spell, state, step

from neural_optimizer_search.files import Damaged
from tf_agents_env.agents.ppo import PPO
from tf_agents_env.agents.reinforce import Reinforce
from tf_agents_env.checkpoints import Checkpoints, check_checkpoints, read_checkpoint
from tf_agents_env.controllers import Controller
from tf_agents_env.emitted import Emitted
from tf_agents_env.priority_queue import _Best

IN_ANOTHER_PROCESS = """
import test_checkpoints as t
controller = t.Controller(t.SPACE, t.QUICK, seed=7)
print(t.spell(controller, 3), t.digest(controller))
"""


def digest(controller):
    return hashlib.sha1(repr(state(controller)).encode()).hexdigest()


@marks.only_long("The contract of algorithms goes on bit for bit.")
def test_two_processes_do_the_same():
    controller = Controller(SPACE, QUICK, seed=7)
    # Global seeds and draws in between make no difference.
    tf.random.set_seed(123)
    texts = spell(controller, 1)
    tf.random.uniform([3])
    np.random.seed(5)
    texts += spell(controller, 2)
    other = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == f"{texts} {digest(controller)}"


RESUMED = {
    "ppo": QUICK,
    "reinforce, queue": dataclasses.replace(QUICK, algorithm=Reinforce(1e-2), queue_size=3),
}


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(config, id=name, marks=[] if name == "ppo" else marks.only_long("PPO is restored so too."))
        for name, config in RESUMED.items()
    ],
)
def test_a_restored_run_goes_on_bit_for_bit(config, tmp_path):
    undisturbed = Controller(SMALL, config, seed=2, directory=tmp_path)
    assert undisturbed.restore() == 0
    spell(undisturbed, 3)
    undisturbed.save()
    saved = state(undisturbed)
    expected = spell(undisturbed, 3)  # For the other controller lost: not saved.

    resumed = Controller(SMALL, config, seed=2, directory=tmp_path)
    assert resumed.restore() == resumed.iteration == 3
    assert state(resumed) == saved
    assert spell(resumed, 3) == expected
    assert state(resumed) == state(undisturbed) != saved
    assert resumed.metrics == undisturbed.metrics
    # Rules repeated, so that the counts were needed.
    assert resumed.metrics["pay"] < resumed.metrics["reward"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A directory with checkpoints 2 and 3 of a run; its weights and counts after each step."""
    directory = tmp_path_factory.mktemp("controller")
    controller = Controller(SMALL, QUICK, seed=2, directory=directory)
    states = [state(controller)]
    for _ in range(3):
        step(controller, score)
        controller.save()
        states.append(state(controller))
    names = sorted(path.name for path in directory.glob("*.index"))
    assert names == ["ckpt-2.index", "ckpt-3.index"]
    return directory, states


@pytest.fixture
def copy(run, tmp_path):
    return shutil.copytree(run[0], tmp_path / "run")


def restored(directory):
    controller = Controller(SMALL, QUICK, seed=2, directory=directory)
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
    step(controller, score)
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


def test_two_checkpoints_are_kept_across_restarts(tmp_path):
    variable = tf.Variable(0)
    for number in (4, 5, 6, 7):
        checkpoints = Checkpoints(tmp_path, variable=variable)
        checkpoints.restore()
        checkpoints.save(number)
        kept = sorted(path.name for path in tmp_path.glob("*.index"))
        assert kept == [f"ckpt-{number - 1}.index", f"ckpt-{number}.index"][number == 4 :]


def test_checkpoints_of_another_run_are_not_overwritten(copy):
    with pytest.raises(ValueError, match=r"holds checkpoints already: call `restore\(\)`"):
        Controller(SMALL, QUICK, seed=0, directory=copy).save()


def test_a_checkpoint_that_does_not_say_whose_it_is_is_taken_and_checked_alike(tmp_path):
    tf.train.Checkpoint(variable=tf.Variable(5)).write(str(tmp_path / "ckpt-3"))
    assert check_checkpoints(tmp_path, "mine", 3) == "checkpoints of the steps 3"
    assert not read_checkpoint(str(tmp_path / "ckpt-3")).is_of_another("mine")
    Checkpoints(tmp_path / "theirs", "theirs", variable=tf.Variable(5)).save(3)
    assert read_checkpoint(str(tmp_path / "theirs" / "ckpt-3")).is_of_another("mine")
    with pytest.raises(Damaged, match="ckpt-3 is another run's"):
        check_checkpoints(tmp_path / "theirs", "mine", 3)


@pytest.mark.parametrize("change", [dict(algorithm=Reinforce()), dict(algorithm=PPO(), queue_size=3)], ids=str)
def test_a_checkpoint_of_other_settings_is_not_taken_for_this(change, copy):
    controller = Controller(SMALL, dataclasses.replace(QUICK, **change), seed=2, directory=copy)
    with pytest.raises(ValueError, match="ckpt-3 does not have all that is to be restored"):
        controller.restore()


class Text(tf.train.experimental.PythonState):
    """Saves any text, in the place of an item."""

    def __init__(self, text):
        self.text = text

    def serialize(self):
        return self.text

    def deserialize(self, string_value):
        raise TypeError("a fault of the program")


@pytest.mark.parametrize("text", ["", "3", "[1, 2]", '[{"a": 1}, 3]', '[["a", 1]]', "[" * 100_000])
@pytest.mark.parametrize("item", [Emitted, _Best])
def test_an_item_with_other_contents_is_damage_and_no_other_setting(item, text, tmp_path):
    Checkpoints(tmp_path, item=Text(text)).save(3)
    with pytest.raises(Damaged, match=r"the checkpoint .*ckpt-3 has (another|other) .* than a controller writes: "):
        Checkpoints(tmp_path, item=item()).restore()


def test_a_fault_while_an_item_is_restored_is_not_another_setting(tmp_path):
    Checkpoints(tmp_path, item=Text("")).save(3)
    with pytest.raises(TypeError, match="a fault of the program"):
        Checkpoints(tmp_path, item=Text("")).restore()


def test_without_a_directory_nothing_is_kept():
    controller = Controller(SMALL, QUICK, seed=0)
    controller.save()
    assert controller.restore() == 0
