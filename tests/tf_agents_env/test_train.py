"""Every path of the command line, at tiny size, through `main` or as a process of its own."""

import dataclasses
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from neural_optimizer_search.evaluation.ledger import Ledger
from tf_agents_env import train
from tf_agents_env.controllers import CONTROLLERS

ROOT = pathlib.Path(__file__).parents[2]
TINY = ["--protocol", "reduced", "--space", "signs", "--depth", "1", "--workers", "1", "--cache", "none"]


def found(out):
    """What a search proposed and what it was paid, in order."""
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    try:
        return ledger.samples()
    finally:
        ledger.close()


def trained(out):
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    try:
        return ledger.counts()["trained"]
    finally:
        ledger.close()


@pytest.fixture(scope="module")
def ppo_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("ppo") / "run"
    assert train.main([*TINY, "--budget", "12", "--out", str(out)]) == 0
    return out


def test_ppo(ppo_run, capfd):
    table = (ppo_run / "leaderboard.txt").read_text()
    for name in ("SGD", "Momentum", "RMSProp", "Adam", "PowerSign", "AddSign"):
        assert name in table
    assert list((ppo_run / "tensorboard").glob("events.*"))
    ledger = Ledger(ppo_run / "ledger.sqlite", read_only=True)
    assert len(ledger.evaluations("search")) >= 12
    assert len(ledger.evaluations("baseline")) == 6
    assert ledger.config["algorithm"] == "ppo"
    # Already at its budget: shows the result again and trains nothing.
    before = found(ppo_run)
    assert train.main(["--resume", str(ppo_run)]) == 0
    assert found(ppo_run) == before
    assert "update rule" in capfd.readouterr().out


def test_resumed_with_a_larger_budget_is_the_larger_run(ppo_run, tmp_path):
    whole = tmp_path / "whole"
    assert train.main([*TINY, "--budget", "20", "--out", str(whole)]) == 0
    assert train.main(["--resume", str(ppo_run), "--budget", "20"]) == 0
    assert found(ppo_run) == found(whole)


def test_random_on_the_other_task(tmp_path, capfd):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", "random", "--budget", "5", "--seed", "3"]
    assert train.main([*flags, "--out", str(out)]) == 0
    captured = capfd.readouterr()
    assert captured.out.startswith("Random search over signs at depth 1")
    assert re.search(r"(\d+)/\1 rules", captured.err)
    assert "best 0." in captured.err


def test_stopped_with_ctrl_c_and_resumed_is_undisturbed(tmp_path):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    flags = [*TINY, "--depth", "2", "--seed", "1"]  # at depth 1 a controller soon repeats itself
    # However late a busy machine stops it, it is not done.
    endless = [*flags, "--budget", "100000", "--out", str(stopped)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tf_agents_env.train", *endless],
        # A shell starts what it runs in the background with Ctrl-C ignored, these tests and their processes too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for_evaluations(stopped / "ledger.sqlite", 6 + 7, process)
    # As a terminal does it: Ctrl-C reaches every process of the search.
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == train.STOPPED
    assert f"Go on with: nos-search --resume {stopped}" in output
    assert "Traceback" not in output
    budget = f"--budget={trained(stopped) + 10}"
    assert train.main([*flags, budget, "--out", str(whole)]) == 0
    assert len(found(stopped)) < len(found(whole))
    assert train.main(["--resume", str(stopped), budget]) == 0
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
    ("flags", "message"),
    [
        (["--task", "mnist"], "argument --task: must be one of: digits, "),
        (["--protocol", "long"], "argument --protocol: invalid choice: 'long' (choose from 'default', "),
        (["--space", "all"], "argument --space: invalid choice: 'all' (choose from 'arxiv2017', "),
        (["--depth", "5"], "argument --depth: invalid choice: 5 (choose from 1, 2, 3, 4)"),
        (["--space", "icml2017", "--depth", "4"], "argument --depth: Argument `depth` must be 1 to 3"),
        (["--algorithm", "sgd"], "argument --algorithm: invalid choice: 'sgd' (choose from 'ppo', "),
        (["--preset", "slow"], "argument --preset: invalid choice: 'slow' (choose from 'paper', 'fast')"),
        (["--budget", "0"], "argument --budget: must be a whole number of at least 1. Received: 0."),
        (["--budget", "many"], "argument --budget: must be a whole number of at least 1. Received: many."),
        (["--workers", "0"], "argument --workers: must be a whole number of at least 1. Received: 0."),
        (["--seed", "-1"], "argument --seed: must be a whole number of at least 0. Received: -1."),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
        (["--resume", "nowhere"], "argument --resume: nowhere is not a run: "),
        (["--out", "/proc/here"], "argument --out: cannot write to /proc/here: "),
    ],
)
def test_a_wrong_flag_gives_one_clear_line(flags, message, capfd, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        train.main(flags)
    assert stopped.value.code == 2
    error = capfd.readouterr().err
    assert error.startswith(f"nos-search: {message}")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_resumed_run_keeps_its_own_flags(ppo_run, capfd):
    with pytest.raises(SystemExit) as stopped:
        train.main(["--resume", str(ppo_run), "--seed", "7"])
    assert stopped.value.code == 2
    assert "argument --seed: not allowed with --resume: a resumed run keeps its own (0)." in capfd.readouterr().err
    Ledger(ppo_run / "ledger.sqlite").close()  # nobody holds it, although the exception still holds its frames


@pytest.mark.parametrize("change", [dict(queue_size=0), dict(units=16)])
def test_a_checkpoint_of_other_settings_is_one_clear_line(change, tmp_path, capfd, monkeypatch):
    fast, out = CONTROLLERS["ppo"]["fast"], tmp_path / "run"
    monkeypatch.setitem(CONTROLLERS["ppo"], "fast", dataclasses.replace(fast, **change))
    assert train.main([*TINY, "--budget", "3", "--out", str(out)]) == 0
    monkeypatch.setitem(CONTROLLERS["ppo"], "fast", fast)
    with pytest.raises(SystemExit, match="2"):
        train.main(["--resume", str(out), "--budget", "6"])
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("nos-search: argument --resume: The checkpoint ")
    assert last.endswith("by another version. Go on with the release that wrote it.")


def test_a_run_is_not_overwritten(ppo_run, capfd):
    before = found(ppo_run)
    with pytest.raises(SystemExit) as stopped:
        train.main(["--out", str(ppo_run)])
    assert stopped.value.code == 2
    assert f"holds a run. Use --resume {ppo_run}, or another directory." in capfd.readouterr().err
    assert found(ppo_run) == before


def test_missing_data(tmp_path, capfd):
    with pytest.raises(SystemExit) as stopped:
        train.main([*TINY, "--task", "cifar10", "--data_dir", str(tmp_path), "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    assert "nos-search: --data_dir must be a tensorflow_datasets directory" in capfd.readouterr().err


def test_a_task_that_always_fails_stops_the_search(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "import numpy as np, tensorflow as tf\n"
        "from neural_optimizer_search.tasks import KerasTask\n"
        "def make():\n"
        "    raise RuntimeError('no such layer')\n"
        "data = (np.zeros([40, 2], np.float32), np.zeros([40], np.int32))\n"
        "task = KerasTask(make, data, data, loss='mse', sizes=dict(batch_size=10))\n"
    )
    flags = [*TINY, "--task", "mine:task", "--budget", "5", "--out", str(tmp_path / "run")]
    with pytest.raises(SystemExit, match="2"):
        train.main(flags)
    error = capfd.readouterr().err
    assert "nos-search: " in error and "RuntimeError: no such layer (mine.py:4)" in error
    assert "Traceback" not in error


def test_two_processes_do_not_write_one_run(ppo_run, capfd):
    holding = Ledger(ppo_run / "ledger.sqlite")
    with pytest.raises(SystemExit, match="2"):
        train.main(["--resume", str(ppo_run)])
    holding.close()
    assert "is being written by another process. Wait for it, or stop it." in capfd.readouterr().err


def test_asynchronous(tmp_path):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--depth", "2", "--async", "--budget", "30", "--out", str(out)]
    assert train.main(flags) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.config["asynchronous"] and ledger.counts()["trained"] >= 30
    assert ledger.versions[0]["python"]
    assert {e.status for e in ledger.evaluations()} <= {"ok", "diverged"}
    assert all(e.worker and e.seeds for e in ledger.evaluations())


@pytest.mark.parametrize("algorithm", ["reinforce", "trpo", "evolution"])
def test_other_algorithms(tmp_path, algorithm, capfd):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", algorithm, "--budget", "5", "--seeds_per_rule", "1"]
    assert train.main([*flags, "--out", str(out)]) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.counts()["trained"] >= 5
    assert all(len(e.rewards) == 1 for e in ledger.evaluations("search") if e.status == "ok")
    assert "screened out" in capfd.readouterr().out


def test_a_cache_spares_what_another_run_has_trained(tmp_path):
    flags = [*TINY[:-2], "--algorithm", "random", "--cache", str(tmp_path / "cache.sqlite"), "--budget", "4"]
    for name in ("first", "second"):
        assert train.main([*flags, "--out", str(tmp_path / name)]) == 0
    ledgers = [Ledger(tmp_path / name / "ledger.sqlite", read_only=True) for name in ("first", "second")]
    first, second = (ledger.counts() for ledger in ledgers)
    assert first["cached"] == 0 and second["cached"] == first["trained"]


def test_preset_paper_trains_what_the_screen_would_reject(tmp_path):
    out = tmp_path / "run"
    assert train.main([*TINY, "--algorithm", "random", "--preset", "paper", "--budget", "12", "--out", str(out)]) == 0
    assert Ledger(out / "ledger.sqlite", read_only=True).counts()["screened"] == 0
