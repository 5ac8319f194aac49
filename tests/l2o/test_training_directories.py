"""The directory of a training: who may go on with it, and what becomes of it when something goes wrong."""

import dataclasses
import errno
import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import types

import numpy as np
import pytest
import trainings
from bowls import BOWLS
from environments import environment
from trainings import refused

from neural_optimizer_search.l2o import PredictedStepDescent, saved, training
from neural_optimizer_search.objectives import FAMILIES

pytestmark = pytest.mark.once

OWN = "bowls:BOWLS"


@pytest.fixture(autouse=True)
def stand_in(monkeypatch, tmp_path):
    """Trains nothing, and does what a test puts in "then" after each iteration."""
    does = {"then": lambda: None}

    def learn(config, family, last, advance):
        for number in range(0 if last is None else last.number + 1, config.iterations + 1):
            state = trainings.new_state(number, config)
            does["then"]()
            yield state

    monkeypatch.setattr(training, "learn", learn)
    monkeypatch.setitem(FAMILIES, "bowls", BOWLS)
    monkeypatch.chdir(tmp_path)
    return does


def stopped(capsys, *flags):
    """What a command says that cannot go on, without its progress bar."""
    assert training.main(list(map(str, flags))) == 1
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.strip() and "functions |" not in line]
    return said


def recorded_origin(directory):
    return json.loads((directory / saved.CONFIG).read_text()).get("origin")


def give_origin(directory, origin):
    settings = json.loads((directory / saved.CONFIG).read_text())
    del settings["origin"]
    if origin is not None:
        settings["origin"] = origin
    (directory / saved.CONFIG).write_text(json.dumps(settings))


# -- Flags -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("flag", ["--functions", "--iterations", "--seed"])
@pytest.mark.parametrize("number", ["99999999999", "9" * 5000, "-1", "1e3", "nan"])
def test_numbers_have_limits(flag, number, capsys):
    assert f"argument {flag}: must be a whole number from" in refused([flag, number], capsys)


@pytest.mark.parametrize("flag", ["--out", "--resume"])
@pytest.mark.parametrize("name", ["", "n" * 300, "d/" * 3000])
def test_names_of_directories(flag, name, capsys):
    assert f"argument {flag}: must " in refused([flag, name], capsys)


@pytest.mark.parametrize("name", ["", "f" * 300, f"bowls:{'f' * 300}", "bowls:\n"])
def test_names_of_families(name, capsys):
    assert "argument --family: must be one of" in refused(["--family", name], capsys)


def test_a_default_directory_with_a_long_name(capsys, monkeypatch, tmp_path):
    name = f"{'m' * 250}:F"
    monkeypatch.setitem(sys.modules, "m" * 250, types.SimpleNamespace(F=BOWLS))
    assert "argument --out: must have names of at most 255 bytes" in refused(["--family", name], capsys)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "the module of 'broken:F' fails: ZeroDivisionError"),
        ("F = (", "the module of 'broken:F' fails: SyntaxError"),
        ("from neural_optimizer_search.objectives import Family as F", "must be an instance of Family"),
        ("from neural_optimizer_search.objectives import Family\nF = Family()", "fails: AttributeError"),
        (
            "from bowls import Bowls\nclass F(Bowls):\n  dimension = 10**9\nF = F()",
            "`dimension` must be an int from 1 to 10000",
        ),
        (
            "from bowls import Bowls\nclass F(Bowls):\n  def values(self, data, x): return x\nF = F()",
            "`values` must return float64 [2, 3]",
        ),
        (
            "import tensorflow as tf\nfrom bowls import Bowls\nclass F(Bowls):\n"
            "  def values(self, data, x): return tf.ones(x.shape[:2], tf.float64)\nF = F()",
            "`values` must have a gradient",
        ),
        (
            "from dataclasses import dataclass\nfrom bowls import Bowls\n@dataclass\nclass F(Bowls):\n"
            "  width: int = 1\nF = F()",
            "fails: TypeError: unhashable type: 'F'",
        ),
    ],
)
def test_a_family_that_does_not_work(code, message, capsys, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "broken", raising=False)
    (tmp_path / "broken.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    said = refused(["--family", "broken:F", "--out", "run"], capsys)
    assert message in said and not (tmp_path / "run").exists()


# -- Whose it is -----------------------------------------------------------------------------------


def test_a_new_training_says_where_it_was_made(tmp_path):
    assert training.main(["--family", "bowls", "--iterations", "0", "--out", "run"]) == 0
    assert recorded_origin(tmp_path / "run")["path"] == str(tmp_path / "run")


@pytest.mark.parametrize("origin", [None, {"user": "somebody", "host": "else", "path": "/"}, "x", [1]])
def test_somebody_elses_family_is_not_imported(origin, capsys, tmp_path, monkeypatch):
    directory = tmp_path / "run"
    trainings.write(directory, family="stranger:BOWLS")
    give_origin(directory, origin)
    (tmp_path / "stranger.py").write_text("open('imported', 'w').close()\nfrom bowls import BOWLS\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stranger", raising=False)
    said = refused(["--resume", directory], capsys)
    assert "If you trust that code, say so with --family stranger:BOWLS" in said
    assert not (tmp_path / "imported").exists() and not (directory / saved.LOCK).exists()
    assert "keeps its own (stranger:BOWLS)" in refused(["--resume", directory, "--family", OWN], capsys)
    # Named now, it goes on, and is the user's own from then on.
    assert training.main(["--resume", str(directory), "--family", "stranger:BOWLS"]) == 0
    assert (tmp_path / "imported").exists()
    assert training.main(["--resume", str(directory)]) == 0


def test_one_of_our_families_needs_not_be_named(tmp_path):
    trainings.write(tmp_path / "run")
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    assert training.main(["--resume", str(moved)]) == 0
    assert recorded_origin(moved)["path"] == str(moved)


def test_the_same_family_may_be_named(tmp_path):
    trainings.write(tmp_path / "run", family=OWN)
    assert training.main(["--resume", "run", "--family", OWN]) == 0


@pytest.mark.parametrize("made_here", [True, False])
@pytest.mark.parametrize("iterations", [3, 8])
def test_other_iterations_are_recorded_whoever_made_the_training(iterations, made_here, capsys, tmp_path, stand_in):
    """So that what a stopped training says to go on with is enough."""
    directory = tmp_path / "run"
    trainings.write(directory)
    if not made_here:
        give_origin(directory, None)

    def stop():
        stand_in["then"] = lambda: None
        raise MemoryError

    stand_in["then"] = stop
    assert "When that is fixed: nos-learn --resume run" in stopped(
        capsys, "--resume", "run", "--iterations", iterations
    )
    assert saved.load_config(directory).config == dataclasses.replace(trainings.CONFIG, iterations=iterations)
    assert recorded_origin(directory)["path"] == str(directory) and not saved.is_finished(directory)
    assert training.main(["--resume", "run"]) == 0
    assert saved.load_state(directory, 2).number == iterations and saved.is_finished(directory)


def test_fewer_iterations_than_are_done_are_refused(capsys, tmp_path):
    directory = tmp_path / "run"
    trainings.write(directory, state=trainings.new_state(2))
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    said = refused(["--resume", "run", "--iterations", "1"], capsys)
    assert "argument --iterations: must be at least 2, as many as are done. Received: 1." in said
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {**before, saved.LOCK: b""}
    assert training.main(["--resume", "run", "--iterations", "2"]) == 0


def test_a_training_of_an_earlier_release_may_have_done_more_than_it_records(tmp_path):
    directory = tmp_path / "run"
    trainings.write(directory, state=trainings.new_state(trainings.CONFIG.iterations + 1))
    assert training.main(["--resume", "run"]) == 0
    assert saved.load_config(directory).config == trainings.CONFIG


# -- One directory, one thing, one process -----------------------------------------------------------


@pytest.mark.parametrize(("name", "owner"), [("ledger.sqlite", "a search"), ("promotion.json", "a promotion")])
def test_a_directory_of_something_else(name, owner, capsys, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / name).touch()
    assert f"holds {owner}" in refused(["--family", "bowls", "--out", "run"], capsys)
    assert os.listdir(tmp_path / "run") == [name]


def test_a_file_of_something_else(capsys, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / saved.CONFIG).write_text("mine")
    said = refused(["--family", "bowls", "--out", "run"], capsys)
    assert f"run has {saved.CONFIG}, which the training would write over. Give another directory." in said
    assert (tmp_path / "run" / saved.CONFIG).read_text() == "mine"


def test_a_state_without_its_settings_is_not_overwritten(capsys, tmp_path):
    trainings.write(tmp_path / "run")
    (tmp_path / "run" / saved.CONFIG).unlink()
    assert "holds a training" in refused(["--family", "bowls", "--out", "run"], capsys)


def test_one_process_at_a_time(capsys, tmp_path, stand_in):
    trainings.write(tmp_path / "run")
    said = []
    stand_in["then"] = lambda: said.append(refused(["--resume", "run"], capsys))
    assert training.main(["--resume", "run"]) == 0
    assert said and all("is being run by another process. Wait for it, or stop it." in one for one in said)
    assert training.main(["--resume", "run"]) == 0  # it is free again


def test_two_that_begin_at_once(capsys, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    lock = saved.lock(tmp_path / "run")
    assert "is being run by another process" in refused(["--family", "bowls", "--out", "run"], capsys)
    assert not (tmp_path / "run" / saved.CONFIG).exists()
    lock.close()


def test_what_refuses_lets_the_directory_go(capsys, tmp_path):
    trainings.write(tmp_path / "run")
    (tmp_path / "run" / saved.STATE).write_bytes(b"damaged")
    refused(["--resume", "run"], capsys)
    saved.lock(tmp_path / "run").close()


# -- Ends ------------------------------------------------------------------------------------------


def fill_the_disk(monkeypatch):
    def write(member, array, **_):
        member.write(b"a part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", write)


def limit_the_files(monkeypatch):
    # What an open archive, and a buffer, still hold cannot be written either.
    monkeypatch.setattr(saved, "write_whole", limited(saved.write_whole))


def limited(write):
    def write_little(*arguments):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            write(*arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return write_little


@pytest.mark.parametrize("fill", [fill_the_disk, limit_the_files])
def test_a_full_disk_keeps_what_was_there(fill, capsys, tmp_path, monkeypatch):
    directory, ignored = tmp_path / "run", []
    trainings.write(directory)
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    with monkeypatch.context() as full:
        fill(full)
        full.setattr(sys, "unraisablehook", ignored.append)
        said = stopped(capsys, "--resume", directory)
        gc.collect()
    assert f"When that is fixed: nos-learn --resume {directory}" in said and not ignored
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == {**before, saved.LOCK: b""}
    assert training.main(["--resume", str(directory)]) == 0 and saved.is_finished(directory)


def test_memory_that_does_not_suffice(capsys, tmp_path, stand_in):
    trainings.write(tmp_path / "run")

    def fail():
        raise MemoryError

    stand_in["then"] = fail
    assert "there is not enough memory. When that is fixed: nos-learn --resume run" in stopped(
        capsys, "--resume", "run"
    )


def test_a_directory_that_is_moved(capsys, tmp_path, stand_in):
    directory, moved = tmp_path / "run", tmp_path / "moved"
    trainings.write(directory)

    def move():
        directory.rename(moved)
        directory.mkdir()  # another's

    stand_in["then"] = move
    said = stopped(capsys, "--resume", "run")
    assert f"Go on where it is now: nos-learn --resume {moved}" in said
    assert not os.listdir(directory) and saved.load_state(moved, 2).number == 1
    stand_in["then"] = lambda: None
    assert training.main(["--resume", str(moved)]) == 0


def test_a_directory_that_is_deleted(capsys, tmp_path, stand_in):
    trainings.write(tmp_path / "run")
    stand_in["then"] = lambda: shutil.rmtree(tmp_path / "run")
    assert "was moved or deleted" in stopped(capsys, "--resume", "run")
    assert not (tmp_path / "run").exists()


def test_a_directory_that_is_deleted_while_it_is_written(capsys, tmp_path, monkeypatch):
    trainings.write(tmp_path / "run")
    write = PredictedStepDescent.save

    def delete(self, path):
        shutil.rmtree(tmp_path / "run")
        write(self, path)

    monkeypatch.setattr(PredictedStepDescent, "save", delete)
    assert "was moved or deleted" in stopped(capsys, "--resume", "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", [saved.CONFIG, saved.STATE, saved.POLICY, saved.LOCK, f".{saved.STATE}.unfinished"])
def test_nothing_is_written_where_a_link_leads(name, tmp_path):
    directory, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    trainings.write(directory)
    give_origin(directory, None)  # so that the settings are written, too
    if (directory / name).exists():
        (directory / name).rename(elsewhere)
    else:
        elsewhere.write_bytes(b"of somebody")
    (directory / name).symlink_to(elsewhere)
    before = elsewhere.read_bytes(), elsewhere.stat().st_mtime_ns
    assert training.main(["--resume", str(directory)]) == 0
    assert (elsewhere.read_bytes(), elsewhere.stat().st_mtime_ns) == before


@pytest.mark.parametrize("damage", ["missing", "older", "damaged", "a pipe"])
def test_the_policy_is_that_of_the_state(damage, tmp_path):
    directory, path = tmp_path / "run", tmp_path / "run" / saved.POLICY
    state = trainings.write(directory, state=trainings.new_state(5))
    whole = path.read_bytes()
    path.unlink()
    if damage == "older":
        PredictedStepDescent(trainings.new_state(4).best).save(path)
    elif damage == "damaged":
        path.write_bytes(whole[:-1])
    elif damage == "a pipe":
        os.mkfifo(path)
    assert training.main(["--resume", str(directory)]) == 0
    assert path.read_bytes() == whole
    np.testing.assert_allclose(PredictedStepDescent.load(path).policy.second, state.best.second, rtol=1e-6)


KILLED = """
import os, signal, sys
from neural_optimizer_search.l2o import saved, training
write = saved.write_whole

def write_or_die(path, how):
    if path.name == saved.STATE and saved.load_state(path.parent, 2).number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, how)

saved.write_whole = write_or_die

import trainings
training.learn = lambda config, family, last, advance: (
    trainings.new_state(number, config) for number in range(last.number + 1, config.iterations + 1)
)
training.main(["--resume", sys.argv[1]])
"""


def test_killed_between_the_policy_and_the_state(tmp_path):
    directory, undisturbed = tmp_path / "run", tmp_path / "undisturbed"
    for one in (directory, undisturbed):
        trainings.write(one, family=OWN)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(directory)], env=environment(), capture_output=True, timeout=120
    )
    assert killed.returncode == -9, killed.stderr
    assert saved.load_state(directory, 2).number == 3
    best = PredictedStepDescent.load(directory / saved.POLICY).policy
    np.testing.assert_allclose(best.second, trainings.new_state(4).best.second, rtol=1e-6)  # one iteration ahead
    for one in (directory, undisturbed):
        assert training.main(["--resume", str(one)]) == 0
    for name in (saved.STATE, saved.POLICY):
        assert (directory / name).read_bytes() == (undisturbed / name).read_bytes()
