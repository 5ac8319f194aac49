"""A directory belongs to one run, and what a received one says of this machine is not believed."""

import contextlib
import os
import re
import shutil
import sqlite3
import sys

import marks
import pytest
from refusals import refused
from tiny_searches import TINY, found

from neural_optimizer_search.promotion import command as promote
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command
from neural_optimizer_search.search.tracebacks import keep_tracebacks
from neural_optimizer_search.tasks.named_task import load
from neural_optimizer_search.workers.executor import Failure
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trains_nothing")]

FLAGS = [*TINY, "--algorithm", "evolution", "--budget", "10"]
SMALL = ["--task", "digits", "--protocol", "reduced", "--workers", "1", "--top", "4", "--rungs", "2"]
TASK = "from neural_optimizer_search.tasks import TASKS\nopen('imported', 'a').close()\ntask = TASKS['digits']\n"


@pytest.fixture
def run(tmp_path):
    assert command.main([*FLAGS, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


def content(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def set_about(run, key, text):
    with sqlite3.connect(run / "ledger.sqlite") as db:
        db.execute("UPDATE run SET value = ? WHERE key = ?", [text, key])
    db.close()


# -- One owner -------------------------------------------------------------------------------------


def test_a_promotion_does_not_write_into_a_search(run, capfd):
    before = content(run)
    assert "argument --out: " in (line := refused(promote.main, [run, *SMALL, "--out", run], capfd))
    assert "run holds a search. Give another directory." in line
    assert content(run) == before


def test_a_search_does_not_write_into_a_promotion(run, tmp_path, capfd):
    out = tmp_path / "promoted"
    assert promote.main([str(run), *SMALL, "--out", str(out)]) == 0
    for name in ("ledger.sqlite", "nothing"):
        (out / name).unlink(missing_ok=True)  # as a promotion is before its last rung
        before = content(out)
        assert "promoted holds a promotion." in refused(command.main, [*FLAGS, "--out", out], capfd)
        assert content(out) == before
    assert "is not a run" in refused(command.main, ["--resume", out], capfd)


def test_a_promotion_is_no_search(run, tmp_path, capfd):
    assert promote.main([str(run), *SMALL, "--out", str(tmp_path / "promoted")]) == 0
    line = refused(command.main, ["--resume", tmp_path / "promoted"], capfd)
    assert line.endswith("was not written by nos-search.")


def test_the_rung_of_another_promotion(run, tmp_path, capfd):
    one, other = tmp_path / "one", tmp_path / "other"
    for out in (one, other):
        assert promote.main([str(run), *SMALL, "--out", str(out)]) == 0
    shutil.copy(other / "rung1.sqlite", one / "rung1.sqlite")
    line = refused(promote.main, [run, *SMALL, "--out", one], capfd, begun=True)
    assert "rung1.sqlite is the ledger of another run. Give another directory." in line


@pytest.mark.parametrize("flag", ["--out", "--resume", "--check", "--cache", "--data_dir"])
@pytest.mark.parametrize("name", ["", "a" * 300, "nul\0", "b\udcff"], ids=["empty", "long", "NUL", "bytes"])
def test_what_is_no_name(flag, name, capfd):
    assert f"argument {flag}: must " in refused(command.main, [f"{flag}={name}"], capfd)


@pytest.mark.parametrize("name", ["ledger.sqlite", "controller", "tensorboard"])
def test_a_link_to_what_is_another_s(run, tmp_path, name, capfd):
    (run / name).rename(tmp_path / name) if (run / name).exists() else (tmp_path / name).mkdir()
    (run / name).symlink_to(tmp_path / name)
    before = content(tmp_path)
    assert f"{name} is a link to " in refused(command.main, ["--resume", run], capfd)
    assert content(tmp_path) == before


def test_a_ledger_with_two_names(run, tmp_path, capfd):
    os.link(run / "ledger.sqlite", tmp_path / "backup.sqlite")
    assert "has 2 names (hard links), where a file of its own was expected" in refused(
        command.main, ["--resume", run], capfd
    )


def test_a_run_that_is_moved_while_it_runs(tmp_path, monkeypatch, capfd):
    out, moved = tmp_path / "run", tmp_path / "moved"
    add_samples = Ledger.add_samples

    def move(ledger, step, *arguments, **named):
        if step == 2:
            out.rename(moved)
        add_samples(ledger, step, *arguments, **named)

    monkeypatch.setattr(Ledger, "add_samples", move)
    assert command.main([*FLAGS, "--out", str(out)]) == 1
    error = capfd.readouterr().err.strip().splitlines()[-1]
    assert "was moved" in error and "What was measured is kept there." in error
    assert f"nos-search --resume {moved}" in error
    assert not out.exists()
    monkeypatch.undo()
    assert len(found(moved)) > 0


def test_what_moved_gets_no_tracebacks(run, tmp_path):
    def fail(rule):
        raise OSError("cannot read shard 7")

    with ledger_of(run) as ledger:
        executor = InProcess(fail)
        with keep_tracebacks(executor, run / "tracebacks.txt", ledger.require_in_place):
            executor.on_failure(Failure("g", "It failed.", "Traceback of the first"))
            run.rename(tmp_path / "moved")
            shutil.copytree(tmp_path / "moved", run)
            executor.on_failure(Failure("g", "It failed.", "Traceback of the second"))
    assert "first" in (run / "tracebacks.txt").read_text()
    assert "second" not in (run / "tracebacks.txt").read_text()


@pytest.mark.parametrize("name", ["leaderboard.txt", "controller", "tensorboard"])
def test_what_is_somebody_s_own_is_not_written_over(tmp_path, name, capfd):
    (tmp_path / name).write_text("mine")
    before = content(tmp_path)
    assert f"has {name}, which the run would write over" in refused(command.main, [*FLAGS, "--out", tmp_path], capfd)
    assert content(tmp_path) == before


def test_check_goes_alone(run, capfd):
    line = refused(command.main, ["--check", run, "--resume", run], capfd)
    assert "argument --check: no other flag is allowed" in line


@marks.only_long("It starts several searches.")
def test_a_module_that_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "wandering.py").write_text(f"import os\nos.chdir(os.path.dirname(__file__))\n{TASK}")
    assert command.main([*FLAGS, "--task", "sub.wandering:task", "--out", "here"]) == 0
    assert (tmp_path / "here" / "ledger.sqlite").exists()


# -- What a received run says ----------------------------------------------------------------------


@pytest.fixture
def received(tmp_path, monkeypatch):
    """A run with a task of somebody's own, a cache and the like, that was made elsewhere and copied here."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "their_task.py").write_text(TASK)
    flags = [*TINY[:-2], "--algorithm", "evolution", "--budget", "10", "--task", "their_task:task"]
    assert command.main([*flags, "--cache", "their_cache.sqlite", "--out", "theirs"]) == 0
    (tmp_path / "theirs").rename(tmp_path / "mine")
    (tmp_path / "imported").unlink(missing_ok=True)
    for name in ("their_task",):
        monkeypatch.delitem(__import__("sys").modules, name)
    return tmp_path / "mine"


def test_its_module_is_not_imported_unasked(received, tmp_path, capfd):
    line = refused(command.main, ["--resume", received], capfd)
    assert "argument --task: the run was made by another user, on another machine or in another directory" in line
    assert line.endswith(
        "resuming it runs the code of their_task:task. If you trust that code, say so with --task their_task:task"
    )
    assert not (tmp_path / "imported").exists()
    assert "not allowed with --resume" in refused(command.main, ["--resume", received, "--task", "digits"], capfd)


@marks.only_long("It starts several searches.")
def test_what_is_given_now_is_used(received, tmp_path, capfd):
    assert command.main(["--resume", str(received), "--task", "their_task:task", "--cache", "none"]) == 0
    # From now on it is a run of this place.
    capfd.readouterr()
    assert command.main(["--resume", str(received)]) == 0
    assert "another machine" not in capfd.readouterr().err


def test_a_task_that_is_not_here_is_told_with_what_to_do(received, tmp_path, monkeypatch, capfd):
    assert command.main(["--resume", str(received), "--task", "their_task:task", "--cache", "none"]) == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delitem(sys.modules, "their_task", raising=False)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not os.path.exists(f"{place}/their_task.py")])
    load.cache_clear()
    line = refused(command.main, ["--resume", received], capfd)
    assert "argument --task: there is no module 'their_task' in " in line
    assert line.endswith("Received: 'their_task:task'. Go on where its module is.")
    assert "Go on where" not in refused(command.main, ["--task", "their_task:task", "--out", "new"], capfd)


def test_its_cache_is_not_opened(run, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    with ledger_of(run) as ledger:
        ledger.run.set_config({**ledger.run.config, "cache": "their_cache.sqlite"})
    run.rename(tmp_path / "mine")
    assert command.main(["--resume", "mine"]) == 0
    assert "--cache is runs/cache.sqlite, not their_cache.sqlite as recorded" in capfd.readouterr().err
    assert not (tmp_path / "their_cache.sqlite").exists()


def ledger_of(run):
    return contextlib.closing(Ledger(run / "ledger.sqlite"))


@pytest.mark.parametrize("origin", ["{}", '{"user": "root"}', "[]", "null"])
def test_an_origin_that_is_none(run, origin, capfd):
    set_about(run, "origin", origin)
    if origin.startswith("{"):
        assert command.main(["--resume", str(run)]) == 0
    else:
        assert "its origin is not a table" in refused(command.main, ["--resume", run], capfd)


# -- What a damaged configuration says -------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("null", "its config is not a table"),
        ("[" * 100_000, "its config is damaged"),
        ('{"depth": "two"}', "has two for --depth"),
        ('{"depth": 10000000000}', "has 10000000000 for --depth"),
        ('{"budget": true}', "has on for --budget"),
        ('{"seed": -1}', "has -1 for --seed"),
        ('{"seed": 1.0}', "has 1.0 for --seed"),
        ('{"task": [["digits"]]}', "has ['digits'] for --task"),
        ('{"task": []}', "has  for --task"),
        ('{"start": {"archive": 1}}', "for --start"),
        ('{"unconstrained": 1}', "has 1 for --unconstrained"),
        ('{"screen": "perhaps"}', "has perhaps for --screen"),
        ('{"speed": 1}', "has 'speed', which is none of this command's flags"),
        ('{"algorithm": "magic"}', "the algorithm must be one of"),
    ],
)
def test_a_configuration_that_no_search_records(run, config, message, capfd):
    set_about(run, "config", config)
    assert message in refused(command.main, ["--resume", run], capfd)


# -- --check ---------------------------------------------------------------------------------------


def check(run, capfd):
    capfd.readouterr()
    code = command.main(["--check", str(run)])
    (line,) = capfd.readouterr().out.strip().splitlines()
    return code, line


def test_a_whole_run(run, capfd):
    before = content(run)
    code, line = check(run, capfd)
    assert code == 0 and "run is intact: " in line and "rules measured" in line
    assert content(run) == before


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (
            "UPDATE evaluations SET reward = reward / 2 WHERE key NOT IN (SELECT key FROM samples)",
            "is not the mean of its seeds' rewards",
        ),
        ("UPDATE samples SET reward = reward / 2 WHERE position = 1", "a reward that differs from their evaluation"),
        ("DELETE FROM samples WHERE position = 2", "1 of its samples are missing"),
        ("DELETE FROM evaluations WHERE key = (SELECT key FROM samples WHERE key != '')", "have no evaluation"),
        ("DROP INDEX samples_by_key", "its tables are not those of a ledger"),
        (
            "CREATE TRIGGER t AFTER INSERT ON samples BEGIN DELETE FROM samples; END",
            "its tables are not those of a ledger",
        ),
        ("UPDATE samples SET alike = 'x' WHERE position = 1", "1 of its samples do not say whether they are alike"),
        ("UPDATE run SET value = '{}' WHERE key = 'descent'", "the recorded gradients are damaged"),
        ("UPDATE evaluations SET learning_rate = NULL WHERE role = 'search'", "but not as the search trained it"),
        ("UPDATE fresh SET key = key || '2' WHERE rowid = 1", "but not as the search trained it"),
        ("UPDATE fresh SET status = 'stopped' WHERE rowid = 1", "but not as the search trained it"),
        ("UPDATE fresh SET reward = 0.0 WHERE rowid = 1", "is not the mean of its seeds' rewards"),
        ("UPDATE fresh SET rewards = '[]' WHERE rowid = 1", "Adam has 0 rewards with "),
        ("UPDATE fresh SET seeds = '[5]' WHERE rowid = 1", " rewards with 1 seeds"),
    ],
)
def test_a_run_that_is_not_whole(run, statement, message, capfd):
    with sqlite3.connect(run / "ledger.sqlite") as db:
        db.execute(statement)
    db.close()
    code, line = check(run, capfd)
    assert code == 1 and message in line


def test_a_run_with_damaged_pages_is_refused_before_it_goes_on(run, capfd):
    ledger = run / "ledger.sqlite"
    whole = ledger.read_bytes()
    page = int.from_bytes(whole[16:18], "big")  # its size: SQLite's file format, section 1.3
    ledger.write_bytes(whole[:-page] + b"\xff" * page)
    kept = ledger.read_bytes()
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(run), "--budget", "100"])
    shown = capfd.readouterr()
    assert "is damaged: " in shown.err and "\n" not in shown.err.strip() and shown.out == ""
    assert ledger.read_bytes() == kept
    code, line = check(run, capfd)
    assert code == 1 and "***" not in line


def test_rules_of_other_seeds_are_not_compared(run, capfd):
    with sqlite3.connect(run / "ledger.sqlite") as db:
        db.execute("UPDATE evaluations SET rewards = '[0.1, 0.2]' WHERE rowid = 1")
    db.close()
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(run)])
    assert "rewards with more seeds than others" in capfd.readouterr().err


def test_a_run_with_rules_that_were_stopped_is_whole(run, capfd):
    """What these are paid is an estimate, and no mean."""
    found = "(SELECT key FROM evaluations WHERE role = 'search')"
    with sqlite3.connect(run / "ledger.sqlite") as db:
        db.execute(f"DELETE FROM fresh WHERE key IN {found}")
        db.execute("UPDATE evaluations SET status = 'stopped', reward = 0.1 WHERE role = 'search'")
        db.execute(f"UPDATE samples SET reward = 0.1 WHERE key IN {found}")
    db.close()
    assert check(run, capfd)[0] == 0


def test_the_cache_is_checked_too(tmp_path, capfd):
    cache, out = tmp_path / "cache.sqlite", tmp_path / "cached"
    assert command.main([*TINY[:-2], *FLAGS[len(TINY) :], "--cache", str(cache), "--out", str(out)]) == 0
    code, line = check(out, capfd)
    assert code == 0 and re.search("the cache agrees about [1-9][0-9]* rules", line)
    found = "(SELECT key FROM evaluations WHERE role = 'search')"
    with sqlite3.connect(out / "ledger.sqlite") as db:  # what was stopped here was measured in full by another search
        db.execute(f"DELETE FROM fresh WHERE key IN {found}")
        db.execute("UPDATE evaluations SET status = 'stopped', reward = 0.1 WHERE role = 'search'")
        db.execute(f"UPDATE samples SET reward = 0.1 WHERE key IN {found}")
    db.close()
    code, line = check(out, capfd)
    assert code == 0 and "the cache agrees about 10 rules" in line
    with sqlite3.connect(cache) as db:
        db.execute("UPDATE evaluations_5 SET reward = reward / 2")
    db.close()
    code, line = check(out, capfd)
    assert code == 1 and "cache.sqlite has another reward for " in line
    cache.unlink()
    code, line = check(out, capfd)
    assert code == 0 and "no cache at" in line


def test_what_is_no_run(tmp_path, capfd):
    code, line = check(tmp_path, capfd)
    assert code == 1 and "is not a run of nos-search: " in line
