"""`nos-learn` as a person uses it."""

import contextlib
import dataclasses
import io
import pathlib
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from bowls import BOWLS, TINY
from environments import environment
from waiting import wait_until

from neural_optimizer_search.l2o import PredictedStepDescent, saved, training
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig, Training
from neural_optimizer_search.objectives import FAMILIES

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("graphs_as_traced")]

SMALL = dict(dataclasses.asdict(TINY), updates=50)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(FAMILIES, "bowls", BOWLS)


def begin(directory):
    """Small settings in the place of the usual ones."""
    directory.mkdir()
    saved.lock(directory).close()
    saved.save_config(directory, Training("bowls"), GuidedPolicySearchConfig(**SMALL))


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Two trainings, each to be looked at or copied: one in one go, one that was to have one iteration."""
    directories = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setitem(FAMILIES, "bowls", BOWLS)
        for name, flags in (("whole", []), ("half", ["--iterations", "1"])):
            directories[name] = tmp_path_factory.mktemp("trainings") / name
            begin(directories[name])
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                assert training.main(["--resume", str(directories[name]), *flags]) == 0
            directories[f"{name} said"] = said.getvalue()
    return directories


def copy_of(directory, tmp_path):
    return pathlib.Path(shutil.copytree(directory, tmp_path / "run"))


def test_it_learns_and_says_how_to_use_it(learned):
    directory, said = learned["whole"], learned["whole said"]
    assert "8 functions of 2 numbers" in said and "seconds" in said
    descent = PredictedStepDescent.load(directory / "policy.npz")
    assert descent.about["family"] == "bowls" and descent.about["functions"] == 8
    assert str(directory / "policy.npz") in said


def test_resumed_is_the_same_as_undisturbed(learned, tmp_path):
    assert not saved.is_finished(tmp_path / "nowhere")
    assert saved.is_finished(learned["half"]) and saved.load_state(learned["half"], 2).number == 1
    # What a killed process left of a state does no harm.
    resumed = copy_of(learned["half"], tmp_path)
    (resumed / "state.npz.unfinished").write_bytes(b"half")
    assert training.main(["--resume", str(resumed), "--iterations", "2"]) == 0
    assert saved.is_finished(resumed)
    whole, parts = (saved.load_state(directory, 2) for directory in (learned["whole"], resumed))
    assert whole.number == parts.number == 2
    for ours, theirs in zip(whole.policy, parts.policy):
        np.testing.assert_array_equal(ours, theirs)


def test_a_finished_training_is_not_repeated(learned, tmp_path):
    directory = copy_of(learned["whole"], tmp_path)
    before = (directory / "policy.npz").stat().st_mtime_ns
    assert training.main(["--resume", str(directory)]) == 0
    assert (directory / "policy.npz").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--family", "bowl"], "must be one of"),
        (["--family", "nowhere:family"], "no module 'nowhere'"),
        (["--family", "bowls:TINY"], "must be an instance of Family"),
        (["--functions", "0"], "argument --functions: must be a whole number from 1 to 100000. Received: 0."),
        (["--iterations", "few"], "argument --iterations: must be a whole number from 0 to 100000. Received: few."),
        (["--seed", "-1"], "argument --seed: must be a whole number from 0 to 2147483647. Received: -1."),
        (["--momentum", "none"], "argument --momentum: must be one of: "),
        (["--preset", "slow"], "argument --preset: must be one of: steady, paper. Received: 'slow'."),
        (["--resume", "nowhere"], "is not a training"),
        (
            ["--preset", "paper", "--anew"],
            "argument --anew: not allowed with --preset paper, where each function keeps its target",
        ),
    ],
)
def test_wrong_flags_are_one_line(flags, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        training.main(flags)
    said = capsys.readouterr().err
    assert stop.value.code == 2 and said.count("\n") == 1 and message in said


def test_a_directory_with_a_training_is_not_overwritten(tmp_path, capsys):
    begin(tmp_path / "run")
    for flags in (["--out"], ["--seed", "1", "--resume"]):
        with pytest.raises(SystemExit, match="2"):
            training.main([*flags, str(tmp_path / "run")])
    said = capsys.readouterr().err
    assert "holds a training" in said and "argument --seed: not allowed with --resume" in said


@pytest.mark.parametrize(("flag", "value"), [("--family", "robust"), ("--out", "there"), ("--functions", "3")])
def test_a_resumed_training_keeps_its_own(flag, value, capsys, tmp_path):
    begin(tmp_path / "run")
    with pytest.raises(SystemExit, match="2"):
        training.main(["--resume", str(tmp_path / "run"), flag, value])
    assert f"argument {flag}: not allowed with --resume: a resumed run keeps its own" in capsys.readouterr().err


def test_without_the_packages_that_learning_needs(tmp_path):
    program = """
import sys
for name in ("tqdm", "sklearn", "scipy"):
    sys.modules[name] = None
from neural_optimizer_search.l2o import training
try:
    training.main(["--help"])
except SystemExit as stop:
    assert stop.code == 0
training.main([])
"""
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2 and "--resume RUN" in result.stdout
    assert result.stderr == (
        "nos-learn: needs tqdm, scikit-learn and scipy: pip install 'neural-optimizer-search[l2o]'\n"
    )


def test_ctrl_c_keeps_what_is_done(tmp_path):
    directory = tmp_path / "run"
    directory.mkdir()
    saved.save_config(directory, Training("bowls:BOWLS"), GuidedPolicySearchConfig(**dict(SMALL, iterations=500)))
    process = subprocess.Popen(
        [sys.executable, "-m", "neural_optimizer_search.l2o.training", "--resume", str(directory)],
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_until((directory / "state.npz").exists, process=process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"nos-learn --resume {directory}" in said and "Traceback" not in said
    assert saved.load_state(directory, 2) is not None


def test_a_policy_that_diverges_everywhere_is_one_line(tmp_path, capsys, monkeypatch):
    def fail(*arguments, **named):
        raise FloatingPointError("In iteration 1 it left the finite numbers.")
        yield

    monkeypatch.setattr(training, "learn", fail)
    begin(tmp_path / "run")
    assert training.main(["--resume", str(tmp_path / "run")]) == 1
    assert "nos-learn: In iteration 1" in capsys.readouterr().err


def test_functions_that_are_too_steep_are_one_line(tmp_path, capsys):
    assert training.main(["--family", "bowls:STEEP", "--functions", "8", "--out", str(tmp_path / "run")]) == 1
    said = capsys.readouterr()
    assert "Scale the values of the functions down." in said.err and "more functions" not in said.err
    assert "Use it" not in said.out and not (tmp_path / "run" / saved.POLICY).exists()
