"""What is said while a rule is waited for, and for how long one is."""

import concurrent.futures
import dataclasses
import io

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.progress import ProgressBar
from neural_optimizer_search.search import waiting
from neural_optimizer_search.search.progress import RuleBar
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.timeout import LEAST_SECONDS, find_timeout
from neural_optimizer_search.workers.executor import LONGEST_TIMEOUT, MEASURE, Executor, Work

RULE = parse_formula("g")


class Slow(Executor):
    """Measures a rule once it was said what takes long, each of its works once."""

    def __init__(self, *works):
        self.future = concurrent.futures.Future()
        self.works = list(works)

    def submit(self, rule, ask=MEASURE):
        return self.future

    @property
    def longest_work(self):
        work = self.works.pop(0)
        if not self.works:
            self.future.set_result(fakes.fake_evaluation(RULE))
        return work


def test_what_takes_long_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "TELL_SECONDS", 0.001)
    executor = Slow(
        Work("a worker has been starting", 2.0, 3600),
        Work("a worker has been starting", 70.2, 3600),
        None,
        Work("one rule has been running", 40.0, 60.0),
        Work("a worker has been starting", 99.0, None),
        Work("a worker has been starting", 5.0, None, is_start=True),
    )
    said = []
    EvaluationRecorder(executor, Ledger(tmp_path / "ledger.sqlite", {}), on_wait=said.append)([RULE])
    assert said == [
        "",
        "a worker has been starting for 70 s (limit 3600 s)",
        "",
        "one rule has been running for 40 s (limit 60 s)",
        "a worker has been starting for 99 s (no limit)",
        "a worker has been starting for 5 s (no limit)",
    ]


def test_where_nothing_is_in_work_nothing_is_waited_for(tmp_path):
    EvaluationRecorder(Slow(None), Ledger(tmp_path / "ledger.sqlite", {})).wait()


@pytest.mark.parametrize("make", [lambda: ProgressBar(3, "rules"), lambda: RuleBar(3, "rules", best=0.5)])
def test_the_bar_says_it_behind_its_note_until_something_is_done(make, monkeypatch):
    monkeypatch.setattr("sys.stderr", shown := io.StringIO())
    with make() as bar:
        bar.note("best 0.5")
        bar._bar.mininterval = 0.0
        bar.wait_for("one rule has been running for 40 s (limit 60 s)")
        assert shown.getvalue().rstrip().endswith("best 0.5, one rule has been running for 40 s (limit 60 s)")
        bar.wait_for("")
        assert shown.getvalue().rstrip().endswith("left, best 0.5")
        before = shown.getvalue()
        bar.wait_for("")
        assert shown.getvalue() == before
        # A file does not get a line each time.
        bar._bar.mininterval = 1000.0
        bar.wait_for("one rule has been running for 45 s (limit 60 s)")
        assert shown.getvalue() == before


@pytest.mark.parametrize(("seconds", "expected"), [
    ([], LEAST_SECONDS),
    ([1.0, 2.0], LEAST_SECONDS),
    ([1.0, 8.0], 80),
    ([1.0, 8e5], LONGEST_TIMEOUT),
    ([1.0, 8.0, 1e300], 80),
    ([float("nan"), 8.0, float("inf"), -7.0, 10**400], 80),
    ([float("nan")], LEAST_SECONDS),
])  # fmt: skip
def test_a_rule_may_take_what_the_known_optimizers_tell(seconds, expected):
    known = [dataclasses.replace(fakes.fake_evaluation(RULE), seconds=s) for s in seconds]
    assert find_timeout(known) == expected


def test_what_another_machine_took_sets_no_limit():
    own, cached = (
        [dataclasses.replace(fakes.fake_evaluation(RULE), seconds=s, cached=cached) for s in seconds]
        for seconds, cached in (((7.0, 8.0), False), ((1.0, 500.0), True))
    )
    assert find_timeout([*own, *cached]) == 80
    assert find_timeout(cached) == LONGEST_TIMEOUT
