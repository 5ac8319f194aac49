"""Damaged files of a training: each ends in one sentence, and nothing is read by half.

`NOS_LONG=1` makes it 450 mutants in place of 30.
"""

import contextlib
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import random
import shutil
import zipfile

import marks
import numpy as np
import pytest
import trainings
from bowls import BOWLS
from trainings import refused
from watch import Hang, watched

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.l2o import PredictedStepDescent, arrays, presets, saved, training
from neural_optimizer_search.l2o.config import Training
from neural_optimizer_search.objectives import FAMILIES

pytestmark = pytest.mark.once

MUTANTS = 150 if marks.LONG else 10  # of each file
SECONDS = 20  # that a command may take


@pytest.fixture(autouse=True)
def stand_in(monkeypatch):
    """What training would have been given, without any."""
    given = []

    def learn(config, family, last, advance):
        given.append((config, last))
        return iter(())

    monkeypatch.setattr(training, "learn", learn)
    monkeypatch.setitem(FAMILIES, "bowls", BOWLS)
    return given


@pytest.fixture
def limit():
    """Gives what ends a hang from when it is called; called again, it begins anew."""
    with contextlib.ExitStack() as watches:

        def begin():
            watches.close()
            watches.enter_context(watched(SECONDS))

        yield begin


@pytest.fixture
def made(tmp_path):
    """(the directory of a training, its state)."""
    directory = tmp_path / "run"
    return directory, trainings.write(directory)


# -- Mutants ---------------------------------------------------------------------------------------


def flip_bits(content, rng):
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 8])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(content, rng):
    return content[: rng.randrange(len(content))]


def zero(content, rng):
    begin = rng.randrange(len(content))
    end = min(len(content), begin + rng.choice([1, 100, 10**9]))
    return content[:begin] + bytes(end - begin) + content[end:]


def repeat(content, rng):
    begin = rng.randrange(len(content))
    return content[:begin] + content[begin : begin + 50] + content[begin:]


def swap(content, rng):
    begin, end = sorted(rng.sample(range(len(content)), 2))
    return content[end:] + content[begin:end] + content[:begin]


def scatter(content, rng):
    changed = bytearray(content)
    for _ in range(20):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def write_digits(content, rng):
    places = [i for i, byte in enumerate(content) if chr(byte).isdigit()]
    begin = rng.choice(places)
    return content[:begin] + rng.choice([b"9" * 5000, b"-1", b"1e999", b"NaN", b"0"]) + content[begin + 1 :]


MUTATIONS = (flip_bits, cut, zero, repeat, swap, scatter, write_digits)


def mutate(content, i):
    rng = random.Random(i)
    return MUTATIONS[i % len(MUTATIONS)](content, rng)


def hashes(directory):
    return {
        path.relative_to(directory): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*")
        if path.is_file()
    }


def is_same(ours, theirs):
    """Whether two states, or parts of them, are equal to the last bit."""
    if isinstance(ours, tuple):
        return len(ours) == len(theirs) and all(map(is_same, ours, theirs))
    if ours is None or theirs is None:
        return ours is theirs
    return np.array_equal(ours, theirs, equal_nan=True)


def resume(directory, capsys):
    """ "refused", "read", or what is wrong."""
    capsys.readouterr()
    try:
        code = training.main(["--resume", str(directory)])
    except SystemExit as stop:
        said = capsys.readouterr().err
        return "refused" if stop.code == 2 and said.count("\n") == 1 and len(said) < 1000 else f"said {said!r}"
    except Hang:
        return "hang"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}"
    return "read" if code == 0 else f"code {code}"


def load(path):
    """(the same, the policy)."""
    try:
        return "read", PredictedStepDescent.load(path).policy
    except Damaged as error:
        return "refused" if str(path) in str(error) and "\n" not in str(error) else f"said {error}", None
    except Hang:
        return "hang", None
    except Exception as error:
        return f"traceback: {type(error).__name__}: {error}", None


# The kind that an outcome is counted as at the end: see tests/conftest.py.
KINDS = {
    "traceback": "tracebacks", "hang": "hangs", "said": "unclear messages", "code": "unclear messages",
    "read by half": "wrong results",
}  # fmt: skip


def faults_of(outcome, stray=()):
    """(kind, words) of each."""
    kinds = [kind for begin, kind in KINDS.items() if outcome.startswith(begin)]
    return [(kind, outcome) for kind in kinds] + [("foreign writes", str(path)) for path in stray]


@pytest.mark.long
@pytest.mark.parametrize("name", [saved.CONFIG, saved.STATE])
def test_mutants_of_a_training(name, made, stand_in, limit, capsys, tmp_path, record_property):
    directory, state = made
    content = (directory / name).read_bytes()
    whole = shutil.copytree(directory, tmp_path / "whole")
    wrong = []
    for i in range(MUTANTS):
        shutil.rmtree(directory)
        shutil.copytree(whole, directory)
        (directory / name).write_bytes(mutate(content, i))
        before = hashes(tmp_path)
        stand_in.clear()
        limit()
        outcome = resume(directory, capsys)
        changed = {path for path, hash in hashes(tmp_path).items() if before.get(path) != hash}
        allowed = {saved.LOCK} if outcome == "refused" else {saved.LOCK, saved.CONFIG, saved.POLICY}
        stray = changed - {pathlib.Path("run", one) for one in allowed}
        if outcome == "read":
            ((config, last),) = stand_in
            if dataclasses.replace(config, iterations=5) != trainings.CONFIG or not is_same(last, state):
                outcome = "read by half"
        faults = faults_of(outcome, stray)
        record_property("ending", [f"{name} {i}", "nos-learn --resume", faults])
        wrong += [(i, *fault) for fault in faults]
    assert not wrong


@pytest.mark.long
def test_mutants_of_a_policy(made, limit, record_property):
    path = made[0] / saved.POLICY
    content, policy = path.read_bytes(), PredictedStepDescent.load(path).policy
    wrong = []
    for i in range(MUTANTS):
        path.write_bytes(mutate(content, i))
        limit()
        outcome, found = load(path)
        if outcome == "read" and not is_same(found, policy):
            outcome = "read by half"
        faults = faults_of(outcome)
        record_property("ending", [f"{saved.POLICY} {i}", "PredictedStepDescent.load", faults])
        wrong += [(i, *fault) for fault in faults]
    assert not wrong


# -- Settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "config.json is damaged: Expecting value"),
        (b"no JSON", "config.json is damaged: Expecting value"),
        (b"null", "it is not a table of names and values"),
        (b"[1]", "it is not a table of names and values"),
        (b"{}", "it does not say"),
        (b"[" * 200_000, "config.json is damaged"),
        (b"\xff\xfe{}", "config.json is not UTF-8 text"),
        (b" " * (2**20 + 1), "more than the 1048576"),
    ],
)
def test_settings_that_are_none(text, message, made, capsys):
    directory, _ = made
    (directory / saved.CONFIG).write_bytes(text)
    said = refused(["--resume", directory], capsys)
    assert message in said and "begin anew with another --out" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("family", None), ("family", ["bowls"]), ("family", ""), ("family", "a\nb:c"), ("family", "f" * 300),
        ("functions", "3"), ("functions", None), ("functions", True), ("functions", 3.0), ("functions", 0),
        ("functions", 10**11), ("runs", 10**9), ("horizon", -1), ("history", 10**9), ("iterations", 1e3),
        ("momentum", None), ("momentum", ["shared"]), ("momentum", {}), ("bound", 0.0), ("bound", float("nan")),
        ("noise", float("inf")), ("noise", [0.7]), ("least_noise", -1.0), ("kept", 10**9), ("updates", 10**12),
        ("validation", 10**30), ("validation_steps", {}), ("seed", -1), ("seed", 2**31), ("unknown", 1),
        ("preset", "slow"), ("preset", None), ("near", "both"), ("near", ["policy"]), ("compressed", 1),
        ("output_bias", "yes"), ("chosen", None), ("limit", 0.0), ("limit", "1"), ("limit", float("nan")),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be(name, value, made, capsys, stand_in):
    directory, _ = made
    settings = json.loads((directory / saved.CONFIG).read_text())
    (directory / saved.CONFIG).write_text(json.dumps({**settings, name: value}))
    assert name in refused(["--resume", directory], capsys) and not stand_in


def test_a_missing_setting_gets_no_default(made, capsys):
    directory, _ = made
    settings = json.loads((directory / saved.CONFIG).read_text())
    del settings["seed"]
    (directory / saved.CONFIG).write_text(json.dumps(settings))
    assert "it does not say 'seed'" in refused(["--resume", directory], capsys)


# -- The state -------------------------------------------------------------------------------------

CLAIM = 10**11
CHANGES = {
    "missing": (dict(number=None), "'number' is missing"),
    "negative": (dict(number=np.int64(-1)), "'number' is -1"),
    "huge": (dict(number=np.int64(2**62)), "'number' is"),
    "a float": (dict(number=np.float64(1.0)), "dtype float64"),
    "many kept": (dict(kept=np.int64(10**9)), "'kept' is 1000000000"),
    "too few kept": (dict(kept=np.int64(1)), "it keeps 1 batches"),
    "another shape": ({"policy.first": np.zeros([2, 50])}, "'policy.first' has the shape [2, 50]"),
    "fewer bytes": ({"policy.second": trainings.header((50, 2)) + b"1"}, "do not make float64"),
    "another dtype": ({"0.steps": np.zeros([3, 2, 4, 2], np.float32)}, "dtype float32"),
    "objects": ({"0.steps": trainings.header((3, 2, 4, 2), "|O") + b"x" * 384}, "do not make object"),
    "not finite": ({"best.scale": np.full(9, np.nan)}, "'best.scale' has numbers that are not finite"),
    "no merit": (dict(merit=np.float64("inf")), "'merit' has numbers that are not finite"),
    "weights of 0": (dict(weights=np.zeros(3)), "not above 0"),
    "a claim": ({"1.values": trainings.header((CLAIM,))}, "do not make float64"),
    "no array": ({"1.values": b"no array"}, "magic string"),
    "nested": ({"1.values": b"\x93NUMPY\x01\x00\x80\x1f" + b"(" * 0x1F80}, "holds no state"),
    "another seed": (dict(about=np.array(json.dumps(dict(family="bowls", seed=7)))), "another family or other"),
    "no table": (dict(about=np.array("[]")), "another family or other"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_state_that_cannot_be(change, made, capsys, stand_in):
    directory, _ = made
    members, message = CHANGES[change]
    members = {**trainings.arrays_of(directory / saved.STATE), **members}
    trainings.write_members(
        directory / saved.STATE, {name: content for name, content in members.items() if content is not None}
    )
    said = refused(["--resume", directory], capsys)
    assert f"{saved.STATE} holds no state of this training" in said and message in said
    assert "without it the training begins anew" in said and not stand_in


@pytest.mark.parametrize("content", [b"", b"no zip", bytes(10_000)])
def test_a_state_that_is_no_archive(content, made, capsys):
    directory, _ = made
    (directory / saved.STATE).write_bytes(content)
    assert "holds no state of this training" in refused(["--resume", directory], capsys)


@pytest.mark.parametrize("change", [dict(functions=4), dict(history=2), dict(kept=1), dict(seed=1), dict(noise=0.5)])
def test_a_state_of_another_training(change, made, capsys, tmp_path):
    directory, _ = made
    other = tmp_path / "other"
    trainings.write(other, config=dataclasses.replace(trainings.CONFIG, **change))
    shutil.copy(other / saved.STATE, directory / saved.STATE)
    assert "holds no state of this training" in refused(["--resume", directory], capsys)


def test_a_state_of_another_dimension(made, capsys):
    directory, _ = made
    state = trainings.new_state(dimension=3)
    saved.save_state(directory, state, saved.describe(Training("bowls"), trainings.CONFIG))
    assert "holds no state of this training" in refused(["--resume", directory], capsys)


def test_a_training_of_before_the_presets_is_read(made, stand_in):
    directory, state = made
    said = json.loads((directory / saved.CONFIG).read_text())
    new = {"preset", *presets.EARLIER}
    (directory / saved.CONFIG).write_text(json.dumps({k: v for k, v in said.items() if k not in new}))
    about = {k: v for k, v in said.items() if k not in {"origin", *new}}
    members = {**trainings.arrays_of(directory / saved.STATE), "about": np.array(json.dumps(about))}
    trainings.write_members(directory / saved.STATE, members)
    assert training.main(["--resume", str(directory)]) == 0
    ((config, last),) = stand_in
    assert config == trainings.CONFIG and is_same(last, state)


@pytest.mark.parametrize("name", ["near", "chosen"])
def test_half_of_what_the_presets_say_is_not_enough(name, made, capsys):
    directory, _ = made
    settings = json.loads((directory / saved.CONFIG).read_text())
    del settings[name]
    (directory / saved.CONFIG).write_text(json.dumps(settings))
    assert "config.json is damaged" in refused(["--resume", directory], capsys)


def test_targets_that_nothing_can_be_drawn_with(tmp_path, capsys):
    directory = tmp_path / "paper"
    config = dataclasses.replace(trainings.CONFIG, **presets.PRESETS["paper"])
    trainings.write(directory, config=config, preset="paper")
    members = trainings.arrays_of(directory / saved.STATE)
    members["targets.covariance"] = np.zeros([3, 4, 2, 2])
    trainings.write_members(directory / saved.STATE, members)
    assert "'targets.covariance' has matrices that are not positive definite" in refused(
        ["--resume", directory], capsys
    )


def test_a_state_of_an_earlier_release_is_read(made, stand_in):
    directory, state = made
    members = trainings.arrays_of(directory / saved.STATE)
    del members["about"]
    trainings.write_members(directory / saved.STATE, members)
    assert training.main(["--resume", str(directory)]) == 0 and is_same(stand_in[0][1], state)


def test_nothing_is_unpacked_that_is_larger_than_the_file(made, capsys, limit, monkeypatch):
    directory, _ = made
    bomb = trainings.header((2**23,)) + bytes(2**26)
    members = {**trainings.arrays_of(directory / saved.STATE), "1.values": bomb}
    trainings.write_members(directory / saved.STATE, members, zipfile.ZIP_DEFLATED)
    assert (directory / saved.STATE).stat().st_size < 2**21
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    limit()
    assert "more than the" in refused(["--resume", directory], capsys)


# -- What is no file -------------------------------------------------------------------------------


def make_pipe(path):
    os.mkfifo(path)


def make_device(path):
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", [saved.CONFIG, saved.STATE, saved.LOCK])
@pytest.mark.parametrize("make", [make_pipe, make_device, pathlib.Path.mkdir])
def test_no_file_in_its_place(name, make, made, capsys, limit):
    directory, _ = made
    (directory / name).unlink(missing_ok=True)
    make(directory / name)
    limit()
    assert "where a file was expected" in refused(["--resume", directory], capsys)


# -- Policies --------------------------------------------------------------------------------------

POLICIES = {
    "no second": (dict(second=None), "'second' is missing"),
    "flat": (dict(second=np.zeros(100, np.float32)), "dimensions were expected"),
    "empty": (dict(second=np.zeros([50, 0], np.float32)), "empty"),
    "other sizes": (dict(scale=np.zeros(12, np.float32)), "'scale' has the shape [12], where [9]"),
    "another name": (dict(scale=None, scalf=np.zeros(9, np.float32)), "'scalf.npy' is not expected"),
    "a limit of two numbers": (dict(limit=np.ones(2, np.float32)), "'limit' has the shape [2]"),
    "a bias of another size": (dict(second_bias=np.zeros(3, np.float32)), "'second_bias' has the shape [3]"),
    "not finite": (dict(first=np.full([9, 50], np.inf, np.float32)), "not finite"),
    "whole numbers": (dict(first=np.zeros([9, 50], int)), "dtype int64"),
    "a claim": (dict(second=trainings.header((50, CLAIM))), "do not make"),
    "about nothing": (dict(about=np.array("null")), "'about' is not a table"),
    "about numbers": (dict(about=np.zeros(3)), "'about' is not a text"),
    "nested": (dict(about=np.array("[" * 100_000)), "holds no policy"),
    "no characters": (dict(about=trainings.header((), "<U1") + b"\xff" * 4), "codec can't decode"),
}


@pytest.mark.parametrize("change", POLICIES)
def test_a_policy_that_cannot_be(change, made):
    path = made[0] / saved.POLICY
    members, message = POLICIES[change]
    members = {**trainings.arrays_of(path), **members}
    trainings.write_members(path, {name: content for name, content in members.items() if content is not None})
    with pytest.raises(Damaged) as caught:
        PredictedStepDescent.load(path)
    assert str(caught.value).startswith(f"{path} holds no policy: ") and message in str(caught.value)


def test_a_policy_that_would_fill_the_memory(made, limit, monkeypatch):
    path = made[0] / saved.POLICY
    members = {**trainings.arrays_of(path), "second": trainings.header((50, 2**18)) + bytes(50 * 2**21)}
    trainings.write_members(path, members, zipfile.ZIP_DEFLATED)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    limit()
    with pytest.raises(Damaged, match="more than the 67108864"):
        PredictedStepDescent.load(path)


@pytest.mark.parametrize("make", [make_pipe, make_device, pathlib.Path.mkdir])
def test_no_policy_file(make, tmp_path, limit):
    path = tmp_path / "policy.npz"
    make(path)
    limit()
    with pytest.raises(Damaged, match=r"policy.npz is a .*, where a file was expected"):
        PredictedStepDescent.load(path)


def test_a_policy_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="path of a policy's file"):
        PredictedStepDescent.load(tmp_path / "policy.npz")


@pytest.mark.parametrize(("packed", "save"), [(False, np.savez), (True, np.savez_compressed)])
def test_what_is_written_is_what_numpy_writes(packed, save):
    ours, numpys = io.BytesIO(), io.BytesIO()
    content = dict(number=3, text="text", numbers=np.asfortranarray(np.eye(3)), half=np.ones(2, np.float32))
    arrays.write_arrays(ours, content, packed)
    save(numpys, **content)
    assert ours.getvalue() == numpys.getvalue()
