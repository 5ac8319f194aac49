"""A search on several tasks at once, from the command line to the page."""

import contextlib
import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path

import fakes
import pytest
from refusals import refused
from tiny_searches import OWN_MODULE, TINY

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.promotion import command as promote
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report import run as recorded
from neural_optimizer_search.report.search_page import search_page
from neural_optimizer_search.search import command, opening
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.ranking import read_found_rules
from neural_optimizer_search.tasks.named_task import load

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trains_nothing")]

TASKS = ["--task", "digits", "digits_mlp"]
FLAGS = [*TINY[:-2], "--algorithm", "random", "--budget", "8", "--baselines", "adam,sgd,lion,rmsprop"]


def search(out, *more, cache="none", tasks=TASKS):
    return command.main([*FLAGS, *tasks, "--out", str(out), "--cache", str(cache), *more])


@contextlib.contextmanager
def ledger_of(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        yield ledger


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run, which no test changes."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        fakes.train_nothing(patch)
        assert search(directory) == 0
    return directory


@pytest.fixture
def out(tmp_path, finished):
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_what_is_recorded(out, capfd):
    with ledger_of(out) as ledger:
        found, known = ledger.evaluations("search"), ledger.evaluations("baseline")
        assert ledger.run.config["task"] == ["digits", "digits_mlp"]
        sgd, adam = ledger.run.anchors
        fresh = ledger.fresh_evaluations()
    assert {e.rule.formula(): e.reward for e in known if e.rule.formula() in ("g", "Adam")} == {"g": 0.0, "Adam": 1.0}
    assert [len(e.parts) for e in known] == [2, 2, 2, 2] and max(e.reward for e in found) > 1.0
    stopped = [e for e in found if e.status == "stopped"]
    assert stopped and {len(e.parts) for e in stopped} == {1} and {e.reward for e in stopped} == {0.0}
    assert all(len(e.parts) == 2 and len(e.rewards) == 2 for e in fresh.values())
    assert (sgd.reward, adam.reward) == (0.0, 1.0)
    assert command.main(["--check", str(out)]) == 0
    assert len(read_found_rules(out)) == sum(e.status == "ok" for e in found)


def test_the_leaderboard_has_a_column_for_each_task(out):
    lines = (out / "leaderboard.txt").read_text().splitlines()
    header = next(line for line in lines if "update rule" in line)
    assert re.search(r"fresh mean score +P\(better\) +search +digits +digits_mlp +rates +alike", header)
    assert any(line.startswith("mean score: over the tasks. On each, tuned SGD has the score 0") for line in lines)
    assert "digits: the reward 0.2000 of tuned SGD has the score 0, and 0.6000 of tuned Adam the score 1." in lines
    assert not any("score 0 of SGD" in line for line in lines)
    assert any(line.startswith("    # as on digits; on digits_mlp: learning rate 0.167") for line in lines)


def test_the_columns_are_the_scores(out):
    with ledger_of(out) as ledger:
        fresh = next(e for e in ledger.fresh_evaluations().values() if e.rule.formula() == "Adam")
    (line,) = re.findall(r"^.* Adam +Adam$", (out / "leaderboard.txt").read_text(), re.M)
    assert all(f"  {part.score:.4f}" in line for part in fresh.parts)
    assert f"{fresh.reward:.4f}" in line and fresh.reward == pytest.approx(sum(p.score for p in fresh.parts) / 2)


def test_the_page_has_them_too(out):
    page = search_page(recorded.read(out))
    for title in ("digits", "digits_mlp", "fresh seeds, 95 % interval"):
        assert f">{title}</th>" in page
    assert "Mean score: over the tasks." in page and "learning rates 0.1, 0.167" in page
    assert "Learning rates of the known optimizers" not in page  # the sweeps are not kept
    assert "stopped after 1 task" in page
    assert "--task digits digits_mlp" in page and "task digits digits_mlp, protocol reduced" in page


def test_without_fresh_seeds(tmp_path):
    assert search(tmp_path / "run", "--fresh_seeds", "0") == 0
    lines = (tmp_path / "run" / "leaderboard.txt").read_text().splitlines()
    assert re.match(r" +mean score +digits +digits_mlp +rates", lines[0])
    assert "mean score: from a single training seed." in lines
    page = search_page(recorded.read(tmp_path / "run"))
    assert ">mean score</th>" in page and ">learning rates</th>" in page


def test_what_is_resumed_is_as_if_never_stopped(tmp_path, out):
    assert search(tmp_path / "short", "--budget", "5", "--fresh_seeds", "0") == 0
    assert command.main(["--resume", str(tmp_path / "short"), "--budget", "8", "--fresh_seeds", "2"]) == 0
    with ledger_of(out) as one, ledger_of(tmp_path / "short") as other:
        assert one.samples() == other.samples() and one.run.anchors == other.run.anchors
        assert one.evaluations() == other.evaluations() and one.fresh_evaluations() == other.fresh_evaluations()


def test_more_fresh_seeds_are_added(out, tmp_path):
    assert command.main(["--resume", str(out), "--fresh_seeds", "5"]) == 0
    assert search(tmp_path / "other", "--fresh_seeds", "5") == 0
    with ledger_of(out) as one, ledger_of(tmp_path / "other") as other:
        both = [it.fresh_evaluations() for it in (one, other)]
    rewards = [{key: (e.rewards, [part.rewards for part in e.parts]) for key, e in fresh.items()} for fresh in both]
    assert rewards[0] == rewards[1]


def test_another_search_takes_them_from_the_cache(tmp_path):
    cache = tmp_path / "cache.sqlite"
    assert search(tmp_path / "one", cache=cache) == search(tmp_path / "two", cache=cache) == 0
    with ledger_of(tmp_path / "one") as one, ledger_of(tmp_path / "two") as two:
        cached = [e for e in two.evaluations("search") if e.cached]
        of_one = {e.key: (e.reward, e.parts) for e in one.evaluations("search")}
    assert max(e.reward for e in cached) > 1.0
    assert all(of_one[e.key] == (e.reward, e.parts) for e in cached if e.key in of_one)
    assert command.main(["--check", str(tmp_path / "two")]) == 0


def test_the_order_of_names_is_that_of_the_columns_unless_one_is_cheaper(tmp_path):
    assert search(tmp_path / "run", tasks=["--task", "digits_mlp", "digits"]) == 0
    with ledger_of(tmp_path / "run") as ledger:
        assert [part.task for part in ledger.run.anchors[0].parts] == ["digits_mlp", "digits"]


def test_a_directory_is_named_after_all_tasks(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    many = tuple(f"a:{'b' * n}" for n in range(1, 20))
    for tasks, name in ((("digits", "a.b:c"), "digits+a.b.c-random"), (many, "19-tasks-random")):
        assert opening._make_directory(SearchConfig(task=tasks, algorithm="random")).name.startswith(name)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--task", "digits", "digits"], "argument --task: must name each once. Received twice: digits."),
        (["--task", "digits", "dogs"], "argument --task: must be one of: digits, "),
        ([*TASKS, "--baselines", "adam,lion"], "argument --baselines: must name sgd, for scores on several tasks"),
        (
            [*TASKS, "--protocol", "mine"],
            "argument --protocol: must be one of: default, reduced, paper, with",
        ),
    ],
)
def test_flags_that_do_not_go_together(flags, message, tmp_path, capfd):
    assert message in refused(command.main, [*FLAGS, *flags, "--out", tmp_path / "run"], capfd)


def test_a_single_task_needs_no_sgd(tmp_path):
    assert search(tmp_path / "run", "--baselines", "lion", tasks=["--task", "digits"]) == 0
    with ledger_of(tmp_path / "run") as ledger:
        assert ledger.run.anchors == [] and not any(e.parts for e in ledger.evaluations())


def test_all_are_described(capfd):
    assert command.main(["--describe", *TASKS, "--protocol", "reduced", "--workers", "2"]) == 0
    text = capfd.readouterr().out
    assert re.findall(r"^task +(.*)$", text, re.M) == ["digits, protocol reduced", "digits_mlp, protocol reduced"]
    assert re.search(r"^all tasks +at most 128 steps, about 1 s a rule$", text, re.M)
    assert text.count("\nbudget ") == 1


def test_what_was_found_is_promoted(out, tmp_path):
    flags = ["--task", "digits", "--protocol", "reduced", "--workers", "1", "--top", "2", "--rungs", "1"]
    assert promote.main([str(out), *flags, "--out", str(tmp_path / "promoted")]) == 0


def test_a_task_of_the_users_own_that_changes(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    module = tmp_path / "one_of_several.py"
    module.write_text(OWN_MODULE)
    assert search("run", "--start", "none", tasks=["--task", "digits", "one_of_several:task"]) == 0
    assert "one_of_several:task: 9 weights" in capfd.readouterr().out
    assert command.main(["--resume", "run"]) == 0
    module.write_text(OWN_MODULE.replace("Dense(1)", "Dense(1, use_bias=False)"))
    sys.modules.pop("one_of_several")
    load.cache_clear()
    told = refused(command.main, ["--resume", "run"], capfd, begun=True)
    assert "one_of_several:task: the task is not the one that the run began with" in told
    assert "(the code of one_of_several.py)" in told
    assert command.main(["--resume", "run", "--changed_task"]) == 0
    assert "one_of_several:task: the code of one_of_several.py" in (tmp_path / "run/leaderboard.txt").read_text()


# -- What no search writes -------------------------------------------------------------------------

PARTS = {
    "no names": lambda parts: [[*part.values()] for part in parts],
    "too few": lambda parts: [{"task": "digits"}],
    "a text": lambda parts: ["digits"],
    "another status": lambda parts: [{**part, "status": "failed"} for part in parts],
    "no rewards": lambda parts: [{**part, "rewards": []} for part in parts],
    "infinity": lambda parts: [{**part, "rewards": [1e400]} for part in parts],
    "no unit": lambda parts: [{**part, "zero": part["one"]} for part in parts],
    "too small a unit": lambda parts: [{**part, "zero": 0.0, "one": 5e-324} for part in parts],
    "a text for a rate": lambda parts: [{**part, "learning_rate": "0.1"} for part in parts],
    "a table for a task": lambda parts: [{**part, "task": {}} for part in parts],
}


def change_parts(out, change, where="status = 'ok'"):
    with sqlite3.connect(out / "ledger.sqlite") as db:
        rows = list(db.execute(f"SELECT key, parts FROM evaluations WHERE {where} LIMIT 1"))
        for key, parts in rows:
            db.execute("UPDATE evaluations SET parts = ? WHERE key = ?", [json.dumps(change(json.loads(parts))), key])
    assert rows


@pytest.mark.parametrize("name", PARTS)
def test_parts_that_are_none(out, name, capfd):
    change_parts(out, PARTS[name])
    with pytest.raises(Damaged, match="part"), ledger_of(out) as ledger:
        ledger.evaluations()
    assert command.main(["--check", str(out)]) == 1
    assert "part" in refused(command.main, ["--resume", out], capfd, begun=True)
    with pytest.raises(recorded.NotARun, match="part"):
        recorded.read(out)


LIES = {
    "another score": (
        lambda parts: [{**parts[0], "rewards": [0.59]}, parts[1]],
        "not the mean of its tasks' scores",
    ),
    "another task": (
        lambda parts: [{**parts[0], "task": "dogs"}, parts[1]],
        "was not measured on the tasks",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_parts_of_another_search(out, name, capfd):
    change, message = LIES[name]
    change_parts(out, change, "formula = 'RMSProp'")
    assert command.main(["--check", str(out)]) == 1
    assert message in capfd.readouterr().out
    if name == "another task":
        assert "measured on other tasks than others" in refused(command.main, ["--resume", out], capfd, begun=True)
    recorded.read(out)
