"""A search that tunes constants: what it shows, what others make of it, and a ledger that somebody has changed."""

import contextlib
import dataclasses
import re
import shutil
import sqlite3

import fakes
import pytest
from tiny_searches import TINY, found

from benchmarks.studies.archive.candidates import read_searches
from neural_optimizer_search import parse_formula
from neural_optimizer_search.promotion.candidates import choose_candidates
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.report import command as report
from neural_optimizer_search.report.run import read
from neural_optimizer_search.search import command
from neural_optimizer_search.search.named_rules import find_rule, find_starts
from neural_optimizer_search.search.ranking import make_ranking, read_found_rules, read_ranking
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.describing import Describer

pytestmark = pytest.mark.once

FLAGS = [*TINY, "--space", "arxiv2017_no_decay", "--algorithm", "evolution", "--budget", "20", "--start", "none"]


def evaluate(rule):
    """Low values of beta_1 are better, and so is a short formula."""
    length = len(dataclasses.replace(rule, constants=type(rule.constants)()).formula())
    made = fakes.fake_evaluation(rule, 0.5 + 0.3 * (1.0 - rule.constants.beta_1) - length / 1000)
    return dataclasses.replace(made, steps=250)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(EXECUTORS, "local", fakes.open_fake(evaluate))
        patch.setattr(Describer, "__call__", fakes.describe_nothing)
        out = tmp_path_factory.mktemp("tuned") / "run"
        assert command.main([*FLAGS, "--constants", "0.5", "--out", str(out)]) == 0
    return out


@pytest.fixture
def run(whole, tmp_path, monkeypatch):
    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(evaluate))
    monkeypatch.setattr(Describer, "__call__", fakes.describe_nothing)
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def test_the_leaderboard_shows_what_tuning_made_of_a_rule(whole, capfd):
    with contextlib.closing(Ledger(whole / "ledger.sqlite", read_only=True)) as ledger:
        ranking, tuned = read_ranking(ledger), {e.key: e for e in ledger.evaluations("tuned")}
    first, adam = ranking.found[0], next(one for one in ranking.known if one.name == "Adam")
    assert first.evaluation.form and first.fresh and first.fresh.form == first.evaluation.form
    assert first.evaluation == tuned[first.evaluation.key]
    assert first.fresh.rule == first.rule and first.rule.constants.beta_1 < 0.9
    table = (whole / "leaderboard.txt").read_text()
    assert re.search(r"beta_1=.*\(tuned", table) and "tuned: with the constants, the rate," in table
    assert adam.name == "Adam"


def test_what_was_tuned_is_found_again_elsewhere(run, capfd):
    assert command.main(["--check", str(run)]) == 0
    assert "more measurements with tuned constants" in capfd.readouterr().out
    with contextlib.closing(Ledger(run / "ledger.sqlite", read_only=True)) as ledger:
        best = read_ranking(ledger).found[0]
        steps, tunings = ledger.count_steps(), ledger.tunings()
        proposed = len(ledger.sample_rows(only_proposed=True))
    assert find_rule(f"{run}#1").rule == best.rule
    assert choose_candidates(read_found_rules(run), 1, [])[0].rule == best.rule
    assert proposed == sum(not sample.tuned for sample in found(run)) < len(found(run))
    assert steps["constants"] == sum(one.steps for one in tunings) > 0
    assert report.main([str(run)]) == 0
    page = (run / "report.html").read_text()
    assert "tuned" in page and "tuning of constants" in page
    assert read(run).ranking.found[0].evaluation == best.evaluation


def test_a_search_that_starts_from_it_begins_with_what_was_tuned(run, tmp_path, capfd):
    starts = find_starts([f"run:{run}#1", "m"])
    with contextlib.closing(Ledger(run / "ledger.sqlite", read_only=True)) as ledger:
        best = read_ranking(ledger).found[0].evaluation
    assert starts[0] == Start(best.rule, (best.learning_rate, best.schedule, best.weight_decay))
    assert starts[1].tuned is None
    flags = [*FLAGS[:-1], f"run:{run}#1", "m", "--budget", "5"]
    assert command.main([*flags, "--constants", "0.5", "--out", str(tmp_path / "next")]) == 0
    assert "1 rule is also measured with the rate" in capfd.readouterr().out
    with contextlib.closing(Ledger(tmp_path / "next" / "ledger.sqlite", read_only=True)) as ledger:
        first = ledger.tunings()[0]
        again = next(e for e in ledger.evaluations("tuned") if e.key == first.key)
        assert ledger.run.start == starts and not first.trials
    assert (again.rule, again.learning_rate, again.schedule) == (best.rule, best.learning_rate, best.schedule)
    assert command.main([*flags, "--constants", "0", "--out", str(tmp_path / "untuned")]) == 0
    with contextlib.closing(Ledger(tmp_path / "untuned" / "ledger.sqlite", read_only=True)) as ledger:
        assert not ledger.tunings()


def test_an_archive_takes_the_forms(run):
    """What was tuned, was tuned for one task."""
    found = read_found_rules(run)
    assert any(one.evaluation.form for one in found[:3])
    (searched,) = read_searches([run], top=3)
    assert [rule.constants.changes() for rule in searched.rules] == [{}] * 3


def test_it_goes_on_and_measures_nothing_twice(run, monkeypatch):
    before = found(run)
    monkeypatch.setattr(fakes.FakeTraining, "begin", None)
    assert command.main(["--resume", str(run)]) == 0
    assert found(run) == before


def test_steps_that_end_within_a_round(tmp_path, monkeypatch, trains_nothing, capfd):
    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(evaluate))
    assert command.main([*FLAGS, "--constants", "0.5", "--steps", "4500", "--out", str(tmp_path / "run")]) == 0
    ended = "The search ended: too few of 4,500 gradient steps are left for a whole round of tuning."
    assert ended in capfd.readouterr().out
    with contextlib.closing(Ledger(tmp_path / "run" / "ledger.sqlite", read_only=True)) as ledger:
        assert 4000 < sum(steps for what, steps in ledger.count_steps().items() if what != "fresh seeds") <= 4500
        *_, last = tunings = ledger.tunings()
        tried = {len(one.trials) for one in tunings if one.step == last.step}
    assert len(tried) == 1 and tried < set(range(1, 20))  # found and known ones are tried equally often


def test_without_optuna_it_says_so(tmp_path, capfd, monkeypatch, trains_nothing):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(SystemExit, match="2"):
        command.main([*FLAGS, "--constants", "0.1", "--out", str(tmp_path / "run")])
    assert "needs optuna: pip install" in capfd.readouterr().err and not (tmp_path / "run").exists()
    assert command.main([*FLAGS, "--budget", "1", "--out", str(tmp_path / "run")]) == 0


TUNED = "(SELECT key FROM evaluations WHERE role = 'tuned' LIMIT 1)"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (f"UPDATE evaluations SET form = '' WHERE key = {TUNED}", "tuned rules have no form"),
        (f"UPDATE evaluations SET form = 'x' WHERE key = {TUNED}", "tuned rules have no form"),
        (f"UPDATE evaluations SET role = 'search' WHERE key = {TUNED}", "tuned rules belong to no round"),
        ("UPDATE evaluations SET role = 'another' WHERE role = 'tuned'", "evaluations have an unknown role"),
        ("UPDATE samples SET tuned = 'x' WHERE position = 1", "do not say whether they are tuned"),
        ("UPDATE samples SET tuned = 0", "do not say whether they are tuned"),
        ("UPDATE tunings SET steps = 'many'", "rounds of tuning have types"),
        ("UPDATE tunings SET step = -1", "rounds of tuning have types"),
        ("UPDATE tunings SET form = 'x' || form", "rounds of tuning have no form"),
        ("DELETE FROM tunings WHERE round = 0", "forms lack a round of tuning"),
        ("DELETE FROM tunings", "tuned rules belong to no round"),
        (f"UPDATE evaluations SET learning_rate = NULL WHERE key = {TUNED}", "tuned rules were not measured"),
        (f"UPDATE evaluations SET status = 'failed' WHERE key = {TUNED}", "tuned rules were not measured"),
        (f"UPDATE evaluations SET learning_rate = 0.0 WHERE key = {TUNED}", "no search writes the learning_rate 0.0"),
        ("UPDATE evaluations SET learning_rate = -3.0", "no search writes the learning_rate -3.0"),
        ("UPDATE tunings SET trials = '['", "are not a list"),
        ("UPDATE tunings SET trials = '[1]'", "are not a list of trials"),
        (f"UPDATE evaluations SET reward = 0.0 WHERE key = {TUNED}", " reward"),
    ],
)
def test_a_ledger_that_somebody_has_changed(run, statement, message, capfd):
    with contextlib.closing(sqlite3.connect(run / "ledger.sqlite")) as db, db:
        assert db.execute(statement).rowcount > 0
    assert command.main(["--check", str(run)]) == 1
    assert message in capfd.readouterr().out


@pytest.mark.parametrize("trials", ["[{}]", '[{"params": 3, "value": 1, "course": [], "steps": 1, "scale": 1}]'])
def test_trials_that_no_study_has(run, trials, capfd):
    with contextlib.closing(sqlite3.connect(run / "ledger.sqlite")) as db, db:
        db.execute("UPDATE tunings SET trials = ?", [trials])
    with pytest.raises(SystemExit, match="2"):  # a worker that is another process tells it as a failure
        command.main(["--resume", str(run), "--budget", "40"])
    assert "run is damaged: a trial is invalid: " in capfd.readouterr().err


def test_a_trial_whose_steps_are_none(run, capfd):
    with contextlib.closing(sqlite3.connect(run / "ledger.sqlite")) as db, db:
        course = """replace(trials, '"course": [[', '"course": [["a", 0.1], [')"""
        db.execute(f"UPDATE tunings SET trials = {course}")
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(run), "--budget", "40"])
    assert "trial 0 must have from 0 to 17 steps. Received: 'a'" in capfd.readouterr().err


# -- The ranking -----------------------------------------------------------------------------------


def make(formula, reward, form="", **changes):
    evaluation = fakes.fake_evaluation(parse_formula(formula), reward)
    return dataclasses.replace(evaluation, form=form, key=f"{form} #0" if form else evaluation.key, **changes)


def test_a_rule_is_as_good_as_with_its_best_constants():
    known, first, second = make("Adam", 0.3), make("g * m", 0.6), make("drop(g, 0.3)", 0.5)
    tuned = [
        make("drop(g, 0.7)", 0.8, second.key, schedule="cosine"),
        make("g * m, beta_1=0.1", 0.4, first.key),  # worse than untuned
        make("Adam, beta_1=0.2", 0.35, known.key),
        make("g * m, beta_1=0.3", 0.9, first.key, status="diverged"),
    ]
    ranking = make_ranking([first, second], [known], {"Adam": known.rule}, tuned=tuned)
    assert [(one.name, one.evaluation.reward) for one in ranking.found] == [("drop(g, 0.7)", 0.8), ("g * m", 0.6)]
    (adam,) = ranking.known
    assert (adam.name, adam.rule.formula(), adam.evaluation.training_setting) == ("Adam", "Adam, beta_1=0.2", "tuned")
