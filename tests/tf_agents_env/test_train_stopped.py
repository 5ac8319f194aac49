"""Searches that are stopped, cannot go on, wait for nobody, or need not be done; at tiny size."""

import dataclasses
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import marks
import pytest
from environments import environment
from tiny_searches import TINY, found, trained

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command
from neural_optimizer_search.search.known_optimizers import THE_SIX
from neural_optimizer_search.stopping import STOPPED
from tf_agents_env.controller_config import CONTROLLERS

pytestmark = pytest.mark.slow

# `make test` kills searches in test_kills.py.
LONG = marks.only_long("Slow.")


@pytest.mark.parametrize(
    ("stop", "algorithm"),
    [
        pytest.param(signal.SIGINT, "evolution", marks=marks.only_long("tests/search stops evolution anywhere.")),
        pytest.param(signal.SIGINT, "ppo", marks=LONG),
        pytest.param(signal.SIGKILL, "ppo", marks=LONG),
    ],
)
def test_stopped_and_resumed_is_undisturbed(tmp_path, stop, algorithm, trains_nothing):
    """Stopped with a worker that is a process; what goes on needs none."""
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    # At depth 1 a controller soon repeats itself.
    flags = [*TINY, "--task", "digits_mlp", "--baselines", THE_SIX]
    flags += ["--algorithm", algorithm, "--depth", "2", "--seed", "1"]
    # However late a busy machine stops it, it is not done.
    endless = [*flags, "--budget", "100000", "--out", str(stopped)]
    process = subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).parent / "made_up_search.py", *endless],
        env=environment(),
        # A shell starts what it runs in the background with Ctrl-C ignored, these tests and their processes too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for_evaluations(stopped / "ledger.sqlite", len(THE_SIX.split(",")) + 7, process)
    # As a terminal does it: Ctrl-C reaches every process of the search.
    os.killpg(process.pid, stop) if stop == signal.SIGINT else process.send_signal(stop)
    output, _ = process.communicate(timeout=60)
    if stop == signal.SIGINT:
        assert process.returncode == STOPPED
        assert f"Go on with: nos-search --resume {stopped}" in output
        assert "Traceback" not in output
    budget = f"--budget={trained(stopped) + 5}"
    assert command.main([*flags, budget, "--out", str(whole)]) == 0
    assert len(found(stopped)) < len(found(whole))
    assert command.main(["--resume", str(stopped), budget]) == 0
    assert found(stopped) == found(whole)


def wait_for_evaluations(path, count, process):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
                if db.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0] >= count:
                    return
        except sqlite3.OperationalError:
            pass  # not there yet
        time.sleep(0.01)
    pytest.fail(f"The search did not get to {count} evaluations: {process.communicate()[0]}")


@pytest.mark.parametrize(
    "change",
    [dict(queue_size=0), pytest.param(dict(units=16), marks=marks.only_long("It is refused as a queue is."))],
)
def test_a_checkpoint_of_other_settings_is_one_clear_line(change, tmp_path, capfd, monkeypatch, trains_nothing):
    fast, out = CONTROLLERS["ppo"]["fast"], tmp_path / "run"
    monkeypatch.setitem(CONTROLLERS["ppo"], "fast", dataclasses.replace(fast, **change))
    assert command.main([*TINY, "--algorithm", "ppo", "--budget", "12", "--out", str(out)]) == 0
    monkeypatch.setitem(CONTROLLERS["ppo"], "fast", fast)
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(out), "--budget", "15"])
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("nos-search: argument --resume: The checkpoint ")
    assert last.endswith("by another version. Go on with the release that wrote it.")


@marks.only_long("tests/search stops asynchronous searches.")
def test_asynchronous(tmp_path, trains_nothing):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--depth", "2", "--async", "--budget", "30", "--out", str(out)]
    assert command.main(flags) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.run.config["asynchronous"] and ledger.counts()["trained"] == 30
    assert ledger.run.versions[0]["python"]
    assert {e.status for e in ledger.evaluations()} == {"ok"}
