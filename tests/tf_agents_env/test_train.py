"""Every path of the command line, at tiny size, through `main`."""

import re

import pytest
from tiny_searches import TINY, found

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command


@pytest.fixture(scope="module")
def ppo_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("ppo") / "run"
    assert command.main([*TINY, "--budget", "12", "--out", str(out)]) == 0
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
    assert command.main(["--resume", str(ppo_run)]) == 0
    assert found(ppo_run) == before
    assert "update rule" in capfd.readouterr().out


def test_resumed_with_a_larger_budget_is_the_larger_run(ppo_run, tmp_path):
    whole = tmp_path / "whole"
    assert command.main([*TINY, "--budget", "20", "--out", str(whole)]) == 0
    assert command.main(["--resume", str(ppo_run), "--budget", "20"]) == 0
    assert found(ppo_run) == found(whole)


def test_random_on_the_other_task(tmp_path, capfd):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", "random", "--budget", "5", "--seed", "3"]
    assert command.main([*flags, "--out", str(out)]) == 0
    captured = capfd.readouterr()
    assert captured.out.startswith("Random search over signs at depth 1")
    assert re.search(r"(\d+)/\1 rules", captured.err)
    assert "best 0." in captured.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task", "mnist"], "argument --task: must be one of: digits, "),
        (
            ["--protocol", "long"],
            "argument --protocol: must be one of: default, reduced, paper, with --task digits. Received: 'long'.",
        ),
        (["--space", "all"], "argument --space: invalid choice: 'all' (choose from 'arxiv2017', "),
        (["--depth", "5"], "argument --depth: invalid choice: 5 (choose from 1, 2, 3, 4)"),
        (["--space", "icml2017", "--depth", "4"], "argument --depth: Argument `depth` must be 1 to 3"),
        (["--algorithm", "sgd"], "argument --algorithm: invalid choice: 'sgd' (choose from 'random', "),
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
        command.main(flags)
    assert stopped.value.code == 2
    error = capfd.readouterr().err
    assert error.startswith(f"nos-search: {message}")
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_resumed_run_keeps_its_own_flags(ppo_run, capfd):
    with pytest.raises(SystemExit) as stopped:
        command.main(["--resume", str(ppo_run), "--seed", "7"])
    assert stopped.value.code == 2
    assert "argument --seed: not allowed with --resume: a resumed run keeps its own (0)." in capfd.readouterr().err
    Ledger(ppo_run / "ledger.sqlite").close()  # nobody holds it, although the exception still holds its frames


def test_a_run_is_not_overwritten(ppo_run, capfd):
    before = found(ppo_run)
    with pytest.raises(SystemExit) as stopped:
        command.main(["--out", str(ppo_run)])
    assert stopped.value.code == 2
    assert f"holds a run. Use --resume {ppo_run}, or another directory." in capfd.readouterr().err
    assert found(ppo_run) == before


def test_two_processes_do_not_write_one_run(ppo_run, capfd):
    holding = Ledger(ppo_run / "ledger.sqlite")
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(ppo_run)])
    holding.close()
    assert "is being written by another process. Wait for it, or stop it." in capfd.readouterr().err


@pytest.mark.parametrize("algorithm", ["reinforce", "trpo", "evolution"])
def test_other_algorithms(tmp_path, algorithm, capfd):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", algorithm, "--budget", "5", "--seeds_per_rule", "1"]
    assert command.main([*flags, "--out", str(out)]) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.counts()["trained"] >= 5
    assert all(len(e.rewards) == 1 for e in ledger.evaluations("search") if e.status == "ok")
    assert "screened out" in capfd.readouterr().out


def test_preset_paper_trains_what_the_screen_would_reject(tmp_path):
    out = tmp_path / "run"
    assert (
        command.main([*TINY, "--algorithm", "random", "--preset", "paper", "--budget", "12", "--out", str(out)]) == 0
    )
    assert Ledger(out / "ledger.sqlite", read_only=True).counts()["screened"] == 0
