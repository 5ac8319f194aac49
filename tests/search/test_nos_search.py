"""The command line of `nos-search`, at tiny size, through `main`, with an algorithm that needs no TF-Agents."""

import contextlib
import re
import shlex
import sys

import marks
import pytest
from tiny_searches import TINY, found

from neural_optimizer_search import listing, search_space
from neural_optimizer_search.measuring import behaviour
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS, THE_SIX

pytestmark = pytest.mark.slow
ONCE = pytest.mark.once  # with any Keras there is a search from beginning to end

EVOLUTION = [*TINY, "--task", "digits_mlp", "--algorithm", "evolution"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("evolution") / "run"
    assert command.main([*EVOLUTION, "--budget", "12", "--out", str(out)]) == 0
    return out


def test_a_search_from_beginning_to_end(run, capfd):
    table = (run / "leaderboard.txt").read_text()
    for name in KNOWN_OPTIMIZERS:
        assert name in table
    assert " beats " in table.splitlines()[0] and "optimizer = " in table
    assert list((run / "tensorboard").glob("events.*"))
    ledger = Ledger(run / "ledger.sqlite", read_only=True)
    assert len(ledger.evaluations("search")) == 12
    assert len(ledger.evaluations("baseline")) == len(KNOWN_OPTIMIZERS) >= 6
    assert ledger.run.config["algorithm"] == "evolution"
    fresh = ledger.fresh_evaluations()
    assert len(fresh) > len(KNOWN_OPTIMIZERS) and {e.seeds for e in fresh.values()} == {(1000, 1001)}
    assert ledger.count_steps()["fresh seeds"] == sum(e.steps for e in fresh.values()) > 0
    # Already at its budget: shows the result again and trains nothing.
    before = found(run)
    assert command.main(["--resume", str(run)]) == 0
    assert found(run) == before
    said = capfd.readouterr().out
    assert "update rule" in said
    asked = re.search(r"^Rule 1 as a file .*: nos-optimizers (.*)$", said, re.MULTILINE)[1]
    assert listing.main(shlex.split(asked)) == 0
    assert "class FoundOptimizer1(torch.optim.Optimizer)" in capfd.readouterr().out


def test_fresh_seeds_do_not_become_fewer(run, capfd):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(run), "--fresh_seeds", "1"])
    told = "argument --fresh_seeds: must be at least 2, with which "
    assert told in capfd.readouterr().err
    with contextlib.closing(Ledger(run / "ledger.sqlite", read_only=True)) as ledger:
        assert ledger.run.config["fresh_seeds"] == 2


@ONCE
@marks.only_long("The evaluator measures on it.")
def test_random_on_the_other_task(tmp_path, capfd):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", "random", "--budget", "5", "--seed", "3"]
    flags += ["--baselines", THE_SIX]
    assert command.main([*flags, "--seeds_per_rule", "1", "--out", str(out)]) == 0
    captured = capfd.readouterr()
    assert captured.out.startswith("Random search over signs at depth 1")
    assert "screened out" in captured.out
    assert re.search(r"(\d+)/\1 rules", captured.err)
    known, rules = (part.rpartition("best ")[2] for part in captured.err.split("0/5 rules"))
    assert float(known.split()[0].rstrip(",")) > 0 and float(rules.split()[0].rstrip(",")) > 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert all(len(e.rewards) == 1 for e in ledger.evaluations("search") if e.status == "ok")


@ONCE
def test_a_whole_space_needs_no_budget(tmp_path, capfd, trains_nothing):
    out = tmp_path / "run"
    assert command.main([*TINY, "--algorithm", "exhaustive", "--out", str(out)]) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.run.config["budget"] is None
    assert ledger.counts()["sampled"] == search_space("signs", 1).size
    captured = capfd.readouterr()
    assert captured.out.startswith("Exhaustive search over signs")
    assert re.search(r"(\d+)/\1 rules", captured.err)  # the end that was expected


@ONCE
@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task", "mnist"], "argument --task: must be one of: digits, "),
        (
            ["--protocol", "long"],
            "argument --protocol: must be one of: default, reduced, paper, with --task digits. Received: 'long'.",
        ),
        (["--space", "all"], "argument --space: must be one of: arxiv2017, "),
        (["--depth", "5"], "argument --depth: must be a whole number from 1 to 4. Received: 5."),
        (["--space", "icml2017", "--depth", "4"], "argument --depth: Argument `depth` must be 1 to 3"),
        (["--algorithm", "sgd"], "argument --algorithm: must be one of: random, "),
        (["--preset", "slow"], "argument --preset: must be one of: paper, fast. Received: 'slow'."),
        (["--budget", "0"], "argument --budget: must be a whole number from 1 to 2147483647. Received: 0."),
        (["--budget", "many"], "argument --budget: must be a whole number from 1 to 2147483647. Received: many."),
        (["--workers", "0"], "argument --workers: must be a whole number from 1 to 10000. Received: 0."),
        (["--batch_size", "0"], "argument --batch_size: must be a whole number from 1 to 10000. Received: 0."),
        (
            ["--algorithm", "exhaustive", "--batch_size", "5"],
            "argument --batch_size: not allowed with --algorithm exhaustive, whose batches have a size of their own.",
        ),
        (
            ["--algorithm", "exhaustive", "--depth", "4"],
            "argument --depth: must be lower with --algorithm exhaustive, which goes through at most 9.2e+18 "
            "strings. Received: 4, for 7.5e+21 strings.",
        ),
        (
            ["--async", "--pipeline", "2"],
            "argument --pipeline: not allowed with --async, which learns from whichever batch is finished first. ",
        ),
        (["--seed", "-1"], "argument --seed: must be a whole number from 0 to 2147483647. Received: -1."),
        (["--ray_address", "auto"], "argument --ray_address: needs --executor ray"),
        (
            ["--executor", "ray", "--ray_address", "nonsense"],
            "argument --ray_address: must be auto, for the cluster that runs on this machine, or HOST:PORT. ",
        ),
        (["--nonsense"], "argument --nonsense: there is no such flag. To see all arguments: nos-search --help"),
        (["--resume", "nowhere", "--out", "here"], "argument --out: not allowed with --resume: a resumed run stays"),
        (["--resume", "nowhere"], "argument --resume: nowhere is not a run: "),
        (["nowhere"], "argument nowhere: it is one argument too many. To see all arguments: nos-search --help"),
        (["--out", "/proc/here"], "argument --out: cannot write to /proc/here: No such file or directory: "),
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


@ONCE
def test_without_tf_agents(tmp_path, capfd, monkeypatch, trains_nothing):
    monkeypatch.setitem(sys.modules, "tf_agents", None)
    with pytest.raises(SystemExit) as stopped:
        command.main(["--algorithm", "ppo", "--out", str(tmp_path / "none")])
    assert stopped.value.code == 2
    error = capfd.readouterr().err
    missing = "ppo needs TF-Agents: pip install "
    assert error.startswith(f"nos-search: argument --algorithm: {missing}")
    assert "Usable here: random, evolution, local, exhaustive" in error and error.count("\n") == 1
    assert not (tmp_path / "none").exists()
    out = tmp_path / "run"
    assert command.main([*TINY, "--task", "digits_mlp", "--budget", "2", "--out", str(out)]) == 0
    first, second, *_ = capfd.readouterr().out.splitlines()
    assert first.startswith("Local search, because guided needs TF-Agents: pip install ")
    assert second.startswith("Local search over signs")
    assert Ledger(out / "ledger.sqlite", read_only=True).run.config["algorithm"] == "local"


@ONCE
def test_without_a_package_of_the_command(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(SystemExit, match="2"):
        command.main([])
    assert capfd.readouterr().err == "nos-search: needs tqdm: pip install 'neural-optimizer-search[search]'\n"


@ONCE
def test_a_resumed_run_keeps_its_own_flags(run, capfd):
    with pytest.raises(SystemExit) as stopped:
        command.main(["--resume", str(run), "--seed", "7"])
    assert stopped.value.code == 2
    assert "argument --seed: not allowed with --resume: a resumed run keeps its own (0)." in capfd.readouterr().err
    Ledger(run / "ledger.sqlite").close()  # nobody holds it, although the exception still holds its frames


@ONCE
def test_a_run_is_not_overwritten(run, capfd):
    before = found(run)
    with pytest.raises(SystemExit) as stopped:
        command.main(["--out", str(run)])
    assert stopped.value.code == 2
    assert f"holds a search. Use --resume {run}, or another directory." in capfd.readouterr().err
    assert found(run) == before


@ONCE
def test_two_processes_do_not_write_one_run(run, capfd):
    holding = Ledger(run / "ledger.sqlite")
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(run)])
    holding.close()
    assert "is being written by another process. Wait for it, or stop it." in capfd.readouterr().err


@ONCE
def test_preset_paper_trains_what_the_screen_would_reject(tmp_path, trains_nothing):
    out = tmp_path / "run"
    flags = [*TINY, "--algorithm", "random", "--preset", "paper", "--budget", "12"]
    assert command.main([*flags, "--out", str(out)]) == 0
    assert Ledger(out / "ledger.sqlite", read_only=True).counts()["screened"] == 0


@ONCE
def test_a_cache_spares_what_another_run_has_trained(tmp_path, trains_nothing):
    flags = [*TINY[:-2], "--algorithm", "random", "--cache", str(tmp_path / "cache.sqlite"), "--budget", "4"]
    for name in ("first", "second"):
        assert command.main([*flags, "--out", str(tmp_path / name)]) == 0
    ledgers = [Ledger(tmp_path / name / "ledger.sqlite", read_only=True) for name in ("first", "second")]
    first, second = (ledger.counts() for ledger in ledgers)
    assert first["cached"] == 0 and second["cached"] == first["trained"]


@ONCE
def test_no_behaviour_is_computed_twice(tmp_path, monkeypatch, trains_nothing):
    """The ranking at the end is of the behaviours that the search has computed."""
    computed, find_behaviour = [], behaviour.find_behaviour

    def find_and_note(probe, rule):
        computed.append((probe.descent.g.tobytes(), rule))
        return find_behaviour(probe, rule)

    monkeypatch.setattr(behaviour, "find_behaviour", find_and_note)
    flags = [*TINY, "--algorithm", "random", "--budget", "12", "--baselines", "adam,sgd"]
    assert command.main([*flags, "--out", str(tmp_path / "run")]) == 0
    assert computed and len(set(computed)) == len(computed)


@ONCE
def test_missing_data(tmp_path, capfd):
    pytest.importorskip("tensorflow_datasets")
    flags = [*TINY, "--algorithm", "random", "--task", "cifar10", "--data_dir", str(tmp_path)]
    with pytest.raises(SystemExit) as stopped:
        command.main([*flags, "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    assert "nos-search: --data_dir must be a tensorflow_datasets directory" in capfd.readouterr().err


@ONCE
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
    flags = [*TINY, "--algorithm", "random", "--task", "mine:task", "--budget", "5"]
    with pytest.raises(SystemExit, match="2"):
        command.main([*flags, "--out", str(tmp_path / "run")])
    error = capfd.readouterr().err
    assert "nos-search: " in error and "RuntimeError: no such layer (mine.py:4, in make)" in error
    assert "Traceback" not in error
    assert error.rstrip().endswith(f"The traceback is in {tmp_path / 'run' / 'tracebacks.txt'}.")
    (traceback,) = (tmp_path / "run").iterdir()  # no run is left, so that the corrected command can use its directory
    assert traceback.name == "tracebacks.txt" and 'mine.py", line 4, in make' in traceback.read_text()


@ONCE
def test_a_time_limit_leaves_the_known_optimizers_in(tmp_path, capfd, trains_nothing):
    out = tmp_path / "run"
    assert command.main([*EVOLUTION, "--budget", "3", "--timeout", "60", "--out", str(out)]) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert len(ledger.evaluations("baseline")) == len(KNOWN_OPTIMIZERS) >= 6
    count = len(KNOWN_OPTIMIZERS)
    assert f"{count}/{count} known optimizers" in capfd.readouterr().err
    # They are there when it is resumed, and the bar says so.
    assert command.main(["--resume", str(out)]) == 0
    assert f"\r0/{count}" not in (error := capfd.readouterr().err) and f"{count}/{count} known optimizers" in error
