"""The command, with an executor that trains nothing; and once for real."""

import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys

import fakes
import marks
import pytest
from promotions import FORMULAS, SMALL, promote
from waiting import wait_until

from neural_optimizer_search import parse_formula
from neural_optimizer_search.file_lock import FileLock
from neural_optimizer_search.promotion import command, saved
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEADERBOARD, LEDGER, PROMOTION_FILE
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.ranking import read_found_rules
from neural_optimizer_search.stopping import STOPPED

ROOT = pathlib.Path(__file__).parents[2]
# Trains nothing, counts what it was asked for, and is killed at a certain rule.
KILLED = """
import os, signal, sys
sys.path[:0] = {path!r}
import fakes
from neural_optimizer_search.promotion import command
from neural_optimizer_search.workers.config import EXECUTORS
asked = 0
def open_killing(config, task, protocol, data_dir):
    def evaluate(rule):
        global asked
        asked += 1
        if asked > {count}:
            os.kill(os.getpid(), signal.SIG{stop})
        return fakes.fake_evaluation(rule)
    return fakes.open_fake(evaluate)(config, task, protocol, data_dir)
EXECUTORS["local"] = open_killing
sys.exit(command.main({arguments!r}))
"""


def evaluations(path, role=None):
    ledger = Ledger(path)
    try:
        return ledger.evaluations(role)
    finally:
        ledger.close()


def test_three_rungs(run, trained, capfd):
    assert promote(run) == 0
    out = run / "promoted-digits"
    found = [evaluations(out / name, "search") for name in ("rung1.sqlite", "rung2.sqlite", LEDGER)]
    assert [len(rung) for rung in found] == [9, 3, 1]
    for rung, after in zip(found, found[1:]):
        best = sorted(rung, key=lambda e: -e.reward)[: len(after)]
        assert {e.rule for e in best} == {e.rule for e in after}
    assert {e.rule.formula() for e in found[0]} == set(FORMULAS[3:])
    assert {e.rule for e in evaluations(out / LEDGER, "baseline")} == set(KNOWN_OPTIMIZERS.values())
    assert len(trained) == 9 + 3 + 1 + 3 * len(KNOWN_OPTIMIZERS)

    printed = capfd.readouterr().out
    assert "rungs of 9, 3, 1 rules" in printed
    assert "The test set was not touched." in printed
    assert (out / LEADERBOARD).read_text() in printed
    rows = [line.split(maxsplit=6) for line in printed.splitlines() if "/3 " in line][:9]
    assert [row[2] for row in rows] == ["3/3", "2/3", "2/3"] + ["1/3"] * 6
    assert [row[0] for row in rows] == list("123456789")
    for _, search, *_, formula in rows:
        assert FORMULAS[-int(search)] == formula


def test_called_again_it_trains_nothing_and_says_the_same(run, trained, capfd):
    assert promote(run) == 0
    first, count = capfd.readouterr().out, len(trained)
    assert promote(run) == 0
    assert capfd.readouterr().out == first
    assert len(trained) == count


@pytest.mark.parametrize(("count", "stop"), [(4, "KILL"), (17, "INT")])
def test_stopped_anywhere_it_goes_on_and_trains_nothing_twice(run, trained, tmp_path, count, stop):
    out = tmp_path / "stopped"
    arguments = [str(run), *SMALL, "--top", "9", "--out", str(out)]
    code = KILLED.format(path=[str(ROOT), str(ROOT / "tests")], count=count, stop=stop, arguments=arguments)
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    if stop == "INT":
        assert process.returncode == STOPPED
        assert "Traceback" not in process.stderr
        # What it says can be pasted.
        arguments = shlex.split(process.stderr.rpartition("Go on with: nos-promote ")[2])
    else:
        assert process.returncode == -signal.SIGKILL
    before = sum(len(evaluations(path)) for path in out.glob("*.sqlite"))
    assert before == count
    assert command.main(arguments) == 0
    assert len(trained) == 13 + 3 * len(KNOWN_OPTIMIZERS) - before
    trained.clear()
    assert promote(run, "--out", str(tmp_path / "whole")) == 0
    whole, stopped = ((tmp_path / name / LEADERBOARD).read_text() for name in ("whole", "stopped"))
    assert whole == stopped


@pytest.mark.parametrize("name", ["rung1.sqlite", saved.PROMOTION_FILE])
def test_half_a_file_is_no_obstacle(run, trained, name):
    out = run / "promoted-digits"
    out.mkdir()
    (out / name).with_name(f"{name}.unfinished").write_text("half")
    assert promote(run) == 0


def test_the_rules_are_those_that_it_began_with(run, trained, monkeypatch):
    monkeypatch.setattr(command, "_promote", lambda *arguments: None)
    assert promote(run) == 0
    before = saved.load(run / "promoted-digits")
    ledger = Ledger(run / LEDGER)
    ledger.add_evaluation(fakes.fake_evaluation(parse_formula("g + m"), 0.9), "search")
    ledger.close()
    assert promote(run) == 0
    assert saved.load(run / "promoted-digits") == before


def test_a_moved_run_goes_on(run, trained, tmp_path):
    assert promote(run) == 0
    moved = run.rename(tmp_path / "moved")
    assert promote(moved) == 0


@pytest.mark.slow
def test_for_real(run):
    assert command.main([str(run), *SMALL, "--top", "2", "--rungs", "2", "--keep", "1/2", "--baselines", "sgd"]) == 0
    out = run / "promoted-digits"
    assert len(evaluations(out / LEDGER, "search")) == 1
    (best,) = evaluations(out / LEDGER, "search")
    assert best.status == "ok" and best.message == "Trained 12 steps with 1 seed."


@marks.only_long("Slow: it starts Ray twice.")
def test_killed_on_ray_it_goes_on_as_without(run, tmp_path):
    pytest.importorskip("ray")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    flags = [str(run), *SMALL, "--top", "3", "--baselines", "sgd,adam"]
    assert command.main([*flags, "--out", str(whole)]) == 0
    on_ray = [*flags, "--executor", "ray", "--out", str(killed)]
    process = subprocess.Popen([sys.executable, "-m", command.__name__, *on_ray], cwd=ROOT, start_new_session=True)
    first = killed / "rung1.sqlite"
    wait_until(lambda: first.exists() and len(look(first)) >= 2, process=process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert command.main(on_ray) == 0
    assert (killed / LEADERBOARD).read_text() == (whole / LEADERBOARD).read_text()
    assert not (killed / saved.TRAININGS).exists()


def look(path):
    """The evaluations of a rung that another process writes."""
    with contextlib.closing(Ledger(path, read_only=True)) as ledger:
        return ledger.evaluations()


def test_the_result_reads_as_a_run(run, trained):
    assert promote(run) == 0
    out = run / "promoted-digits"
    assert [one.evaluation for one in read_found_rules(out)] == evaluations(out / LEDGER, "search") != []


def test_the_known_optimizers_are_those_that_are_named(run, trained, capfd):
    assert promote(run, "--baselines", "adamw,m-exp-v") == 0
    out = run / "promoted-digits"
    assert [e.rule.formula() for e in evaluations(out / LEDGER, "baseline")] == ["Adam + 1e-2*w", "m * exp(v)"]
    assert "9 rules of" in (printed := capfd.readouterr().out) and "and 2 known optimizers" in printed
    rows = (out / LEADERBOARD).read_text().partition("known optimizers:")[2].splitlines()[1:3]
    assert {" ".join(row.split()[4:]) for row in rows} == {"AdamW Adam + 1e-2*w", "m-exp-v m * exp(v)"}
    with pytest.raises(SystemExit, match="2"):
        promote(run)
    assert "holds a promotion with --baselines adamw,m-exp-v." in capfd.readouterr().err


def test_a_promotion_of_an_earlier_release_is_named(run, trained, capfd):
    assert promote(run) == 0
    out = run / "promoted-digits"
    kept = json.loads((out / PROMOTION_FILE).read_text())
    del kept["version"]
    (out / PROMOTION_FILE).write_text(json.dumps(kept))
    with pytest.raises(SystemExit, match="2"):
        promote(run)
    assert "promotion.json is of an earlier release, whose rungs trained anew. Give another" in capfd.readouterr().err


@pytest.fixture
def stopped_promotion(run, trained, monkeypatch):
    """A promotion that was stopped after its first rung, with trainings."""
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(saved, "clear_trainings", interrupt)
        command._promote(*begun(run))
    return run / "promoted-digits"


def interrupt(*arguments):
    raise KeyboardInterrupt


def begun(run):
    """What `_promote` needs of a promotion that has just begun."""
    with pytest.MonkeyPatch.context() as patch:
        found = []
        patch.setattr(command, "_promote", lambda *arguments: found.append(arguments))
        assert promote(run) == 0
    return found[0]


def test_what_somebody_put_beside_the_trainings_stays(run, stopped_promotion):
    trainings = stopped_promotion / saved.TRAININGS
    (trainings / ".DS_Store").write_text("mine")
    (trainings / ("0" * 16)).mkdir()
    assert promote(run) == 0
    assert [path.name for path in trainings.iterdir()] == [".DS_Store"]


def test_trainings_may_be_kept_on_another_disk(run, stopped_promotion, tmp_path):
    trainings, other = stopped_promotion / saved.TRAININGS, tmp_path / "other"
    trainings.rename(other)
    trainings.symlink_to(other)
    assert promote(run) == 0
    assert trainings.is_symlink() and list(other.iterdir()) == []


def test_a_file_in_place_of_the_trainings_is_named(run, stopped_promotion, capfd):
    trainings = stopped_promotion / saved.TRAININGS
    trainings.rmdir()
    trainings.write_text("mine")
    with pytest.raises(SystemExit, match="2"):
        promote(run)
    assert (
        f"{trainings} is not a directory, so that trainings cannot be kept there. Remove it."
        in capfd.readouterr().err
    )


def test_two_at_once(run, stopped_promotion, capfd):
    with contextlib.closing(FileLock(stopped_promotion / PROMOTION_FILE)), pytest.raises(SystemExit, match="2"):
        promote(run)
    assert "Wait for it, or stop it." in capfd.readouterr().err
