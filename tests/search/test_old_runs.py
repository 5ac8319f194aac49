"""Flags of today leave searches as they were that do without them: runs of before, and what the paper did."""

import contextlib
import dataclasses

import fakes
import marks
import old_ledger
import pytest
from tiny_searches import found

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report import run
from neural_optimizer_search.search import command
from neural_optimizer_search.workers.config import EXECUTORS

pytestmark = pytest.mark.once

TINY = ["--algorithm", "evolution", "--depth", "1", "--workers", "1", "--cache", "none"]
WITHOUT = ["--alike", "off", "--racing", "off", "--fresh_seeds", "0"]


@pytest.fixture
def asked(trains_nothing, monkeypatch):
    """(whether rules race, what methods of evaluators were asked for) of each search."""
    searches = []

    def open_watched(config, task, protocol, data_dir):
        methods = set()
        searches.append((protocol.racing is not None, methods))

        class Watched(fakes.FakeEvaluator):
            def __call__(self, rule, bar=None):
                methods.add("with a bar" if bar else "without")
                return super().__call__(rule)

            def record_descent(self, rule):
                methods.add("record")
                return super().record_descent(rule)

            def measure_again(self, *setting, **named):
                methods.add("again")
                return super().measure_again(*setting, **named)

        return fakes.InProcess(Watched())

    monkeypatch.setitem(EXECUTORS, "local", open_watched)
    return searches


def search(out, *flags):
    assert command.main([*TINY, "--budget", "60", *flags, "--out", str(out)]) == 0
    return read(out)


def read(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        return found(out), ledger.evaluations(), ledger.counts(), ledger.fresh_evaluations()


def test_by_default_all_is_on(tmp_path, asked):
    samples, _, counts, fresh = search(tmp_path / "run")
    assert asked == [(True, {"record", "without", "with a bar", "again"})]
    assert counts["alike"] == sum(sample.alike for sample in samples) > 0 and fresh


OLDEST, *LATER = old_ledger.SCHEMAS


@pytest.mark.parametrize(
    "version", [OLDEST, *(pytest.param(one, marks=marks.only_long("The oldest has all steps up.")) for one in LATER)]
)
def test_a_run_of_before_goes_on_without(tmp_path, asked, version):
    expected = search(tmp_path / "whole", *WITHOUT)
    out = tmp_path / "run"
    search(out, *WITHOUT, "--budget", "13")
    old_ledger.write_as_before(out / "ledger.sqlite", version)
    for budget in ("30", "60"):
        assert command.main(["--resume", str(out), "--budget", budget]) == 0
    assert read(out) == expected
    assert asked == [(False, {"without"})] * 4


OFF = {
    "preset paper": (["--preset", "paper", "--fresh_seeds", "0"], (False, {"without"})),
    "preset paper, joined": (["--preset", "paper", "--alike", "on"], (False, {"record", "without", "again"})),
    "preset paper, raced": (
        ["--preset", "paper", "--racing", "on", "--fresh_seeds", "0"],
        (True, {"without", "with a bar"}),
    ),
    "protocol paper": (["--protocol", "paper", "--fresh_seeds", "0"], (False, {"record", "without"})),
    "not joined": (["--alike", "off", "--fresh_seeds", "0"], (True, {"without", "with a bar"})),
    "not screened": (
        ["--screen", "off", "--alike", "on", "--fresh_seeds", "0"],
        (True, {"record", "without", "with a bar"}),
    ),
}


@pytest.mark.parametrize("row", OFF)
def test_what_is_off(tmp_path, asked, row):
    flags, expected = OFF[row]
    _, _, counts, fresh = search(tmp_path / "run", *flags)
    assert asked == [expected]
    assert (counts["alike"] > 0) == ("record" in expected[1])
    assert bool(fresh) == ("again" in expected[1])


def test_a_limit_that_had_another_name(tmp_path, asked, capsys):
    out = tmp_path / "run"
    search(out, "--steps", "1", "--budget", "13")
    old_ledger.write_as_before(out / "ledger.sqlite", 6)
    assert '"step_budget": 1' in (out / "ledger.sqlite").read_bytes().decode(errors="ignore")
    assert run.read(out).config["steps"] == 1 and command.main(["--check", str(out)]) == 0
    assert command.main(["--resume", str(out)]) == 0
    assert "The search ended after 13 rules." in capsys.readouterr().out


def test_joining_leaves_what_is_not_joined_as_it_was(tmp_path, asked):
    """A rule has the evaluation that it has without racing and joining, or that of the one that it is alike."""
    joined, plain = (
        search(tmp_path / str(i), "--algorithm", "random", *flags) for i, flags in enumerate(((), WITHOUT))
    )
    rewards = {e.key: e.reward for e in plain[1]}
    alone = [sample for sample in joined[0] if not sample.alike and sample.key in rewards]
    assert len(alone) > 40 and all(sample.reward == rewards[sample.key] for sample in alone)


@pytest.mark.parametrize("more", [["--steps", "1"], ["--algorithm", "exhaustive", "--budget", "3"]], ids=str)
def test_a_run_without_a_budget_of_rules_goes_on(tmp_path, trains_nothing, monkeypatch, more):
    def take_a_step(rule):
        return dataclasses.replace(fakes.fake_evaluation(rule), steps=1)

    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(take_a_step))
    begin = ["--task", "digits", "--space", "signs", "--depth", "1", "--algorithm", "random", "--cache", "none"]
    assert command.main([*begin, *more, "--out", str(tmp_path / "run")]) == 0
    with contextlib.closing(Ledger(tmp_path / "run" / "ledger.sqlite")) as ledger:
        ledger.run.set_config({**ledger.run.config, "budget": None})
    assert command.main(["--resume", str(tmp_path / "run"), "--fresh_seeds", "10"]) == 0
