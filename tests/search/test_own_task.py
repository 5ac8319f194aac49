"""A task of somebody's own, before the first rule: what is said, refused and recorded."""

import contextlib
import dataclasses
import itertools
import re
import sqlite3
import sys
from pathlib import Path

import fakes
import pytest
from refusals import refused
from tiny_searches import OWN_MODULE as MODULE
from tiny_searches import TINY, found

from neural_optimizer_search.promotion import command as promote
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command
from neural_optimizer_search.search.known_optimizers import THE_SIX
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.tasks.named_task import NamedTask, load
from neural_optimizer_search.trials.first_trials import find_most_trial_steps
from neural_optimizer_search.workers.describing import Describer

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trains_nothing")]

NUMBERS = itertools.count()
# Without the starts and the tuning that such a task has by default: they take time, and are tested elsewhere.
FLAGS = [*TINY[:-2], "--algorithm", "evolution", "--budget", "10", "--start", "none", "--constants", "0"]


class Mine:
    """A task in a module of its own, which may be written anew."""

    def __init__(self, directory):
        self.module = f"own_task_{next(NUMBERS)}"
        self.task, self._path = f"{self.module}:task", directory / f"{self.module}.py"
        self.write(MODULE)

    def write(self, text):
        self._path.write_text(text)
        sys.modules.pop(self.module, None)
        load.cache_clear()


@pytest.fixture
def mine(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Mine(tmp_path)


def search(mine, *more):
    return command.main([*FLAGS, "--task", mine.task, "--cache", "cache.sqlite", *more])


def cached(run):
    with contextlib.closing(Ledger(run, read_only=True)) as ledger:
        return ledger.counts()["cached"]


def set_fingerprint(run, text):
    with sqlite3.connect(run) as db:
        db.execute("DELETE FROM run WHERE key = 'fingerprint'")
        if text is not None:
            db.execute("INSERT INTO run VALUES ('fingerprint', ?)", [text])
    db.close()


@pytest.fixture
def looks(monkeypatch):
    """One item for each time that a task was described."""
    describe, times = Describer.__call__, []

    def count(*given):
        times.append(1)
        return describe(*given)

    monkeypatch.setattr(Describer, "__call__", count)
    return times


# -- The code --------------------------------------------------------------------------------------


def test_what_will_be_trained_is_said_first(mine, capfd):
    assert search(mine, "--out", "run") == 0
    out, err = capfd.readouterr()
    begun, first, second, third, *_ = out.splitlines()
    assert begun == f"Reads the data of {mine.task}, and trains it with Adam: two whole runs and a short one."
    sizes = "9 weights, 40 examples in batches of 10, 20 to validate; at most 64 steps and about 0.5 s a rule"
    assert first == f"{mine.task}: {sizes}"
    assert second == "Untrained: accuracy 0.25, score 0.25, loss 1.5"
    assert third.startswith("Regularized evolution")
    assert err.startswith("nos-search: note: Nothing was looked at.\n")


def test_a_search_for_settings_tells_what_a_trial_takes(mine, capfd):
    """It has one setting, and no sweep over rates."""
    pytest.importorskip("optuna")
    steps = find_most_trial_steps(find_task(mine.task).protocols["reduced"])
    assert search(mine, "--algorithm", "settings", "--budget", "2", "--out", "run") == 0
    told = capfd.readouterr().out.splitlines()[1]
    assert re.search(rf"; at most {steps} steps and about 0\.\d+ s a trial$", told)


def test_a_shipped_task_is_not_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(Describer, "__call__", None)
    assert command.main([*FLAGS, "--cache", "none", "--out", str(tmp_path / "run")]) == 0
    with contextlib.closing(Ledger(tmp_path / "run" / "ledger.sqlite", read_only=True)) as ledger:
        assert ledger.run.fingerprint is None


def test_a_run_goes_on_with_its_own_task_only(mine, capfd, looks):
    assert search(mine, "--out", "run") == 0
    before = found(Path("run"))
    mine.write("# Another comment.\n" + MODULE)
    assert command.main(["--resume", "run", "--minutes", "1"]) == 0
    over = "Nothing is left to search: the limit of 10 rules is used up. To go on, give a larger --budget too."
    assert over in capfd.readouterr().out and len(looks) == 1  # for that the code is enough
    mine.write(MODULE.replace("Dense(1)", "Dense(1, use_bias=False)"))
    told = refused(command.main, ["--resume", "run"], capfd, begun=True)
    assert told.startswith(
        "nos-search: argument --resume: the task is not the one that the run began with "
        f"(the code of {mine.module}.py), "
    )
    assert "--changed_task" in told
    assert found(Path("run")) == before
    assert command.main(["--resume", "run", "--changed_task", "--budget", "15"]) == 0
    assert len(found(Path("run"))) > len(before)
    assert len(looks) == 3
    told = " ".join((Path("run") / "leaderboard.txt").read_text().split())
    changes = f"the run continued after changes (the code of {mine.module}.py)."
    assert f"Some rewards are of an earlier task: {changes}" in told
    # From now on that is its task.
    assert command.main(["--resume", "run"]) == 0
    mine.write(MODULE)
    assert "the task is not the one" in refused(command.main, ["--resume", "run"], capfd, begun=True)


def test_a_run_without_a_fingerprint(mine):
    """As an earlier release wrote it."""
    assert search(mine, "--out", "run") == 0
    set_fingerprint("run/ledger.sqlite", None)
    mine.write(MODULE.replace("Dense(1)", "Dense(1, use_bias=False)"))
    assert command.main(["--resume", "run"]) == 0
    with contextlib.closing(Ledger(Path("run") / "ledger.sqlite", read_only=True)) as ledger:
        assert ledger.run.fingerprint is not None


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"code": 1, "data": {}, "untrained": 1}'])
def test_a_fingerprint_that_is_none(mine, text, capfd):
    assert search(mine, "--out", "run") == 0
    set_fingerprint("run/ledger.sqlite", text)
    told = refused(command.main, ["--resume", "run"], capfd, begun=True)
    assert told.startswith("nos-search: argument --resume: run is damaged: run/ledger.sqlite: its fingerprint")
    assert command.main(["--check", "run"]) == 1
    assert "run is damaged, or no search: run/ledger.sqlite: its fingerprint" in capfd.readouterr().out


def test_rewards_of_one_task_are_shared(mine):
    assert search(mine, "--out", "first") == 0
    assert search(mine, "--out", "second") == 0
    assert cached(Path("second") / "ledger.sqlite") > 0
    mine.write(MODULE.replace("Dense(1)", "Dense(1, use_bias=False)"))
    assert search(mine, "--out", "third") == 0
    assert cached(Path("third") / "ledger.sqlite") == 0


def test_check_imports_nothing(mine, capfd):
    assert search(mine, "--out", "run") == 0
    mine.write("raise SystemExit('imported')")
    capfd.readouterr()
    assert command.main(["--check", "run"]) == 0
    assert "the cache was not checked, because that would run your task's module." in capfd.readouterr().out


@pytest.mark.parametrize("flag", [["--out", "run"], ["--resume", "run"], ["--changed_task"]])
def test_describe_goes_with_no_run(mine, flag, capfd):
    told = refused(command.main, ["--describe", *flag], capfd)
    assert f"argument {flag[0]}: not allowed with --describe" in told


def test_changed_task_is_for_a_run_to_go_on(mine, capfd):
    assert "argument --changed_task: needs --resume" in refused(command.main, ["--changed_task"], capfd)


def test_describe_writes_nothing(mine, tmp_path, capfd):
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    flags = ["--describe", "--task", mine.task, "--workers", "2", "--budget", "94", "--baselines", THE_SIX]
    assert command.main([*flags, "--algorithm", "local"]) == 0
    out, err = capfd.readouterr()
    assert "known         6 known optimizers: 0.73 to 3.8 s\n" in out
    assert re.search(r"^start         \d\d rules, measured first; they count among the budget$", out, re.MULTILINE)
    assert re.search(
        r"^constants     \d+ to \d+ rounds of [\d,]+ steps at most, the first after [\d,]+ others", out, re.M
    )
    assert re.search(r"^in all        .* with 2 workers$", out, re.M)
    # Ten rules and six known optimizers, ten seeds each.
    (fresh,) = re.findall(
        r"^fresh seeds   16 rules \* 10 seeds \* (\d+) steps = (\d[\d,]*) steps .*$", out, re.MULTILINE
    )
    assert int(fresh[1].replace(",", "")) == 160 * int(fresh[0])
    assert "time a rule   about 0.5 s, from two timed runs with Adam on one core\n" in out
    assert out.endswith("note          Nothing was looked at.\n") and err == ""
    assert {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts} == before


def test_describe_tells_of_a_wrong_task_or_start(mine, capfd):
    told = refused(command.main, ["--describe", "--task", "digits", "digits"], capfd)
    assert "argument --task: must name each once." in told  # as the run would be
    told = refused(command.main, ["--describe", "--start", "nonsense("], capfd)
    assert "argument --start: must be formulas, names of the catalogue" in told
    mine.write("raise ValueError('mine')")
    assert f"module {mine.module!r} raises ValueError: mine" in refused(
        command.main, ["--describe", "--task", mine.task], capfd
    )
    assert "must be one of: default, reduced, paper" in refused(
        command.main, ["--describe", "--protocol", "long"], capfd
    )


def test_a_promotion_looks_at_its_task_too(mine, capfd):
    assert search(mine, "--out", "run") == 0
    capfd.readouterr()
    flags = ["run", "--task", mine.task, "--workers", "1", "--top", "4", "--rungs", "2"]
    assert promote.main(flags) == 0
    out, err = capfd.readouterr()
    assert f"\n{mine.task}: 9 weights" in out and err.startswith("nos-promote: note: Nothing was looked at.")
    mine.write(MODULE.replace("Dense(1)", "Dense(1, use_bias=False)"))
    told = refused(promote.main, flags, capfd, begun=True)
    assert told.startswith(
        "nos-promote: argument --task: the task is not the one that the run began with (the code of "
    )
    assert told.endswith("Undo that, or give another --out.")


def test_the_corrected_command_runs_in_the_directory_of_one_that_failed(mine, monkeypatch, capfd):
    """It has the traceback, which stays."""
    assert search(mine, "--out", "run") == 0
    known = ["--task", mine.task, "--workers", "1", "--top", "4", "--rungs", "2"]
    for main, flags in (
        (command.main, [*FLAGS, "--task", mine.task, "--out", "other"]),
        (promote.main, ["run", *known, "--out", "promoted"]),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(Describer, "__call__", fakes.fail_to_describe)
            for _ in range(2):
                told = refused(main, flags, capfd, begun=True)
                assert told.endswith(f"in make). The traceback is in {flags[-1]}/tracebacks.txt.")
                assert [path.name for path in Path(flags[-1]).iterdir()] == ["tracebacks.txt"]
        kept = (Path(flags[-1]) / "tracebacks.txt").read_text()
        assert kept.count("Traceback (most recent call last):") == 2
        assert main(flags) == 0
        assert (Path(flags[-1]) / "tracebacks.txt").read_text() == kept


# -- Without Optuna --------------------------------------------------------------------------------


def test_without_optuna_another_algorithm_runs_and_it_is_said_why(mine, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "optuna", None)
    flags = [*TINY, "--start", "none", "--budget", "2", "--task", mine.task, "--out", "run"]
    told = refused(command.main, flags, capfd, begun=True)
    assert told == "nos-search: needs optuna: pip install 'neural-optimizer-search[search]'"
    assert command.main([*flags, "--constants", "0"]) == 0
    first = capfd.readouterr().out.splitlines()[0]
    assert first == "Local search, because settings needs Optuna: pip install 'neural-optimizer-search[search]'"


# -- The data --------------------------------------------------------------------------------------


def test_a_worker_with_other_data_refuses(mine):
    task = NamedTask(mine.task, data="of another process")
    with pytest.raises(ValueError, match=r"the data of own_task_.* are others in each process"):
        task.child(task.protocols["default"])


def test_data_that_are_compared_with_nothing_are_not_read(mine, monkeypatch):
    monkeypatch.setattr("neural_optimizer_search.tasks.named_task.hash_data", lambda child: pytest.fail("it is read"))
    task = NamedTask(mine.task)
    assert task.child(task.protocols["default"])


def test_a_worker_with_another_model_refuses(mine):
    task = NamedTask(mine.task, untrained_loss=1e3)
    with pytest.raises(
        ValueError, match=r"the model of own_task_.* is another in each process, .* loss is 1000 in one"
    ):
        task.child(task.protocols["default"])


@pytest.mark.parametrize(("gpus", "off", "is_same"), [
    ([], 1e-5, True), ([], 1e-3, False), (["a GPU"], 1e-3, True), (["a GPU"], 0.1, False),
])  # fmt: skip
def test_a_worker_on_a_gpu_has_the_same_model_although_it_rounds_more(mine, monkeypatch, gpus, off, is_same):
    """Tasks are described on the CPU; a GPU multiplies with fewer digits."""
    task = NamedTask(mine.task)
    protocol = task.protocols["default"]
    untrained = task.child(protocol).untrained_loss
    monkeypatch.setattr("tensorflow.config.get_visible_devices", lambda kind: gpus)
    with contextlib.nullcontext() if is_same else pytest.raises(ValueError, match="is another in each process"):
        dataclasses.replace(task, untrained_loss=untrained * (1 + off)).child(protocol)


DESCRIBE = Describer.__call__


@pytest.fixture
def describes(monkeypatch, trains_nothing):
    monkeypatch.setattr(Describer, "__call__", DESCRIBE)
    monkeypatch.setattr("neural_optimizer_search.workers.describing.ProcessWorker", fakes.DescribesInThread)


@pytest.mark.slow
def test_data_and_metric_are_others_when_a_run_goes_on(mine, describes, capfd):
    assert search(mine, "--out", "run") == 0
    mine.write(MODULE.replace("y = x.sum(axis=1)", "y = x.sum(axis=1) ** 2").replace('metric="mae"', 'metric="loss"'))
    told = refused(command.main, ["--resume", "run"], capfd, begun=True)
    changes = "the data of `train`, the data of `validation`, the metric, from mae to loss, "
    assert f"(the code of {mine.module}.py, {changes}" in told


@pytest.mark.slow
def test_all_that_is_wrong_is_told_at_once(mine, describes, capfd):
    mine.write(
        MODULE.replace("y = x.sum(axis=1)", "y = np.zeros(60, np.int32); x[3, 1] = np.nan")
        .replace('"mse", metrics=["mae"]', '"binary_crossentropy", metrics=["accuracy"]')
        .replace('metric="mae"', 'metric="accuracy"')
        .replace("Dense(1)", "Dense(1, 'sigmoid')")
    )
    told = refused(command.main, [*FLAGS, "--task", mine.task, "--cache", "none", "--out", "run"], capfd, begun=True)
    assert told.startswith("nos-search: Argument `train` must have finite inputs: 1 value is NaN or infinite, in 1 ")
    assert "Argument `validation` must have targets of several classes for the metric 'accuracy'." in told
    assert "Traceback" not in told
