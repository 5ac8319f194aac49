"""What ends a search, and what a person sees of it."""

import dataclasses
import re
import types

import fakes
import pytest

from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.records import progress
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report.run import read
from neural_optimizer_search.search import command, limits, loop, running
from neural_optimizer_search.search import progress as search_progress
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.limits import Limits, Spent
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.progress import RuleBar
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.executor import TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = pytest.mark.once

SPENT = Spent(rules=100, steps=50_000, patience=15, minutes=4.0)


@pytest.mark.parametrize(
    "given, reached",
    [
        (dict(), None),
        (dict(rules=101, steps=50_001, patience=16, minutes=4.1), None),
        (dict(rules=100, minutes=1.0), "rules"),
        (dict(rules=101, steps=50_000), "steps"),
        (dict(patience=15), "patience"),
        (dict(minutes=4.0), "minutes"),
    ],
)
def test_the_first_that_is_reached_ends_a_search(given, reached):
    assert Limits(**given).find_reached(SPENT) == reached


@pytest.mark.parametrize(
    "given, before, left",
    [
        (dict(rules=300), 0, [("rules", 200)]),
        (dict(rules=300, steps=100_000), 0, [("steps", 100), ("rules", 200)]),
        (dict(patience=20, rules=110), 0, [("patience", 5), ("rules", 10)]),
        # This command has trained ten a minute.
        (dict(minutes=6.0, patience=50), 60, [("minutes", 20), ("patience", 35)]),
        (dict(minutes=6.0), 100, [("minutes", 0.5)]),
        (dict(steps=10), 0, [("steps", 0)]),
    ],
)
def test_the_nearest_is_first(given, before, left):
    found = Limits(**given).find_left(SPENT, before)
    assert list(found) == [name for name, _ in left] and found == pytest.approx(dict(left))


def run(ledger, executor=fakes.fake_executor, **given):
    algorithm = RandomSearch(search_space("signs", 1), 0, ledger.steps, BatchSizes(5))
    recorder = EvaluationRecorder(executor, ledger)
    return recorder, list(search(algorithm, recorder, ledger, Limits(**given)))


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite", {})


def test_after_its_minutes_what_is_in_work_is_finished(ledger, monkeypatch):
    """A rule takes a minute: the third proposal of five begins in the tenth. A search that goes on has them anew."""
    clock = iter(range(10**6))
    monkeypatch.setattr(limits, "time", types.SimpleNamespace(monotonic=lambda: 60.0 * minutes[0]))
    monkeypatch.setattr(loop, "time", limits.time)
    minutes = [next(clock)]

    def measure(rule):
        minutes[0] = next(clock)
        return fakes.fake_evaluation(rule)

    _, steps = run(ledger, executor=InProcess(measure), minutes=9.5)
    assert [step.trained for step in steps] == [5, 10]
    assert run(ledger, executor=InProcess(measure), minutes=3.0)[1][-1].trained == 15


def test_patience_counts_rules_since_the_last_best_one(ledger):
    recorder, _ = run(ledger, patience=12)
    rewards = [e.reward for e in ledger.evaluations()]
    since = len(rewards) - 1 - rewards.index(max(rewards))
    assert recorder.waited == since >= 12 and since - 12 < 5


@pytest.mark.parametrize(
    "given, share, total, note",
    [
        (dict(rules=300), None, 300, ""),
        (dict(rules=300, steps=200_000), None, 300, "33% of 300 rules, 25% of 200,000 gradient steps"),
        (dict(minutes=5.0, patience=30), None, 115, "50% of 30 rules without a better one, 80% of 5 minutes"),
        (dict(), 0.25, 400, ""),
        (dict(rules=300), 0.5, 200, ""),
        (dict(), None, None, ""),
    ],
)
def test_the_bar_says_what_will_end_it(given, share, total, note):
    with RuleBar(None, "rules", SPENT.rules) as bar:
        bar.show(dataclasses.replace(fakes.fake_evaluation(parse_formula("g")), cached=True))
        bar.approach(Limits(**given), SPENT, 0, share)
        assert bar._bar.total == total and note in bar._note and ("% of" in bar._note) == bool(note)


def read_bar(bar):
    return re.sub(r"\d\d:\d\d,", "", str(bar._bar), count=1)


def test_the_time_left_is_that_of_the_minutes(monkeypatch):
    """It does not depend on how fast rules are, and is there before the first one."""
    for module in (progress, search_progress):
        monkeypatch.setattr(module, "time", types.SimpleNamespace(monotonic=lambda: 1000.0))
    with RuleBar(None, "rules") as bar:
        bar.end_by(940.0, 180.0)
        assert re.match(r"0 rules \|█{7} {13}\|  02:00 left", read_bar(bar))
        bar.show(fakes.fake_evaluation(parse_formula("g")))
        bar.approach(Limits(minutes=3.0), Spent(1, 100, 0, 2.0), 0, None)
        assert re.match(r"1 rules \|█{13} {7}\|  01:00 left", read_bar(bar)) and bar._bar.total is None
        bar.approach(Limits(rules=2, minutes=300.0), Spent(1, 100, 0, 2.0), 0, None)
        assert re.match(r"1/2 rules \|", read_bar(bar))


def test_rules_are_counted_on_between_steps():
    with RuleBar(40, "rules", 22) as bar:
        bar.approach(Limits(rules=40, steps=1000), Spent(22, 100, 3, 0.1), 0, None)
        for _ in range(2):
            bar.show(fakes.fake_evaluation(parse_formula("g")))
        assert "60% of 40 rules" in str(bar._bar) and "24/40 rules" in str(bar._bar)


@pytest.mark.parametrize("counts_cached", [True, False])
def test_known_optimizers_from_the_cache_are_done(counts_cached):
    with RuleBar(10, "known optimizers", counts_cached=counts_cached) as bar:
        bar.show(dataclasses.replace(fakes.fake_evaluation(parse_formula("g")), cached=True))
        assert bar.done == counts_cached


def test_a_bar_with_nothing_to_do_is_shown_once(capsys):
    with RuleBar(10, "rules", 10):
        pass
    assert capsys.readouterr().err.count("10/10 rules") == 1


class OneStep(fakes.FakeEvaluator):
    def __call__(self, rule, bar=None):
        return dataclasses.replace(super().__call__(rule), steps=1)


FLAGS = ["--task", "digits", "--space", "signs", "--depth", "1", "--algorithm", "random", "--cache", "none"]


@pytest.mark.parametrize(
    "given, ended",
    [
        (["--budget", "7"], "The search ended after 7 rules."),
        (["--steps", "1"], "The search ended after 1 gradient step."),
        (["--patience", "3"], "The search ended after 3 rules without a better one."),
        (["--minutes", "0.001", "--budget", "100000"], "The search ended after 0.001 minutes."),
        (["--algorithm", "exhaustive", "--patience", "5"], "The search ended after 5 rules without a better one."),
    ],
)
def test_the_end_says_what_it_was(tmp_path, trains_nothing, monkeypatch, capsys, given, ended):
    monkeypatch.setitem(EXECUTORS, "local", lambda *_: fakes.InProcess(OneStep()))
    more = ["--fresh_seeds", "0", "--workers", "1", "--out", str(tmp_path / "run")]
    assert command.main([*FLAGS, *given, *more]) == 0
    assert ended in capsys.readouterr().out


def test_a_page_knows_the_end_until_more_is_asked_for(tmp_path, trains_nothing, monkeypatch):
    out, more = tmp_path / "run", ["--fresh_seeds", "0", "--workers", "1"]

    def fail(*given, **named):
        raise TaskFailed("The task is gone.")

    assert command.main([*FLAGS, "--patience", "3", *more, "--out", str(out)]) == 0
    assert read(out).is_finished
    monkeypatch.setattr(running, "prepare_search", fail)
    for flags, is_finished in (([], True), (["--patience", "4"], None)):
        with pytest.raises(SystemExit, match="2"):
            command.main(["--resume", str(out), *flags])
        assert read(out).is_finished is is_finished


@pytest.mark.parametrize(
    "given, sentence",
    [
        (["--patience", "300", "--budget", "300"], "argument --patience: must be less than --budget, which is 300"),
        (["--patience", "0"], "argument --patience: must be a whole number from 1 to"),
        (["--minutes", "nan"], "argument --minutes: must be a number from 0.001 to"),
        (["--minutes", "0"], "argument --minutes: must be a number from 0.001 to"),
        (["--steps", "1e3"], "argument --steps: must be a whole number from 1 to"),
    ],
)
def test_limits_that_say_nothing(tmp_path, capsys, given, sentence):
    with pytest.raises(SystemExit, match="2"):
        command.main([*FLAGS, *given, "--out", str(tmp_path / "run")])
    assert sentence in capsys.readouterr().err
