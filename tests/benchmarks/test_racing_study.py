"""The study `racing`, on a tiny task."""

import contextlib
import dataclasses
import json
from types import SimpleNamespace

import fakes
import marks
import pytest

from benchmarks import run
from benchmarks.studies import racing
from benchmarks.studies.common import full_measurements
from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.tasks.image_task import TaskSetting
from neural_optimizer_search.tasks.protocol import Racing
from neural_optimizer_search.tasks.small_networks import MLP
from neural_optimizer_search.workers.config import WorkerConfig
from neural_optimizer_search.workers.in_process import InProcess

PROTOCOL = dataclasses.replace(
    fakes.TINY,
    name="default",
    learning_rates=(1e-3, 1e-2, 1e-1, 1.0),
    reward="mean_cross_entropy",
    racing=Racing(best=3),
)


@pytest.fixture
def argv(monkeypatch, tmp_path):
    """What races four rules on a tiny task against three known ones."""
    task = dataclasses.replace(fakes.BLOBS, settings=(TaskSetting(PROTOCOL, MLP(units=4)),))
    in_full = Evaluator(task, dataclasses.replace(PROTOCOL, racing=None))
    monkeypatch.setattr(WorkerConfig, "open_executor", lambda *arguments: contextlib.nullcontext(InProcess(in_full)))
    monkeypatch.setattr(racing, "find_task", lambda name: task)
    known = dict(list(KNOWN_OPTIMIZERS.items())[:3])
    for module in (racing, full_measurements):
        monkeypatch.setattr(module, "KNOWN_OPTIMIZERS", known)
    monkeypatch.setattr(racing, "Racing", lambda: PROTOCOL.racing)
    monkeypatch.setattr(racing, "BATCH", 2)
    return ["racing", "--tasks", "digits", "--rules", "4", "--runs", str(tmp_path)]


@marks.only_long("It measures for a while.")
def test_it_races_and_does_nothing_twice(argv, capsys, monkeypatch):
    calls = []

    def make_counting(*arguments):
        evaluate = Evaluator(*arguments)
        train = evaluate.train
        evaluate.train = lambda rule, plan: calls.append((rule, plan)) or train(rule, plan)
        return evaluate

    monkeypatch.setattr(racing, "Evaluator", make_counting)
    assert run.main(argv) == 0
    printed = capsys.readouterr().out
    figures = json.loads(printed.splitlines()[-1])
    row = figures["tasks"]["digits"]
    assert (row["rules"], figures["rules"]) == (4, 4)
    assert 0.0 < row["raced_steps"] < row["steps"]
    assert figures["steps_share"] == row["steps_share"] == pytest.approx(row["raced_steps"] / row["steps"], abs=1e-3)
    assert row["top10_raced"] == 4 and row["top10_kept"] == 4 - sum(row["stopped"].values())
    assert figures["top10_stopped"] == sum(row["stopped"].values())
    # What was trained to the end is remembered: few runs are missing, as with a rate that the race chose for a while.
    assert len(calls) == len(set(calls)) < 10
    assert run.main(argv) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == figures


def test_known_optimizers_are_none_of_the_best_that_race(capsys, monkeypatch):
    """Of the ten best, two are known, and of the eight others two are stopped."""
    bar = SimpleNamespace(reward=0.5)

    def measured(reward, bar, status="ok"):
        full = fakes.fake_evaluation(parse_formula("g"), reward)
        full = dataclasses.replace(full, steps=10)
        return racing.Raced(full, dataclasses.replace(full, status=status, steps=5), bar)

    known, drawn = [measured(0.9, None)] * 2, [measured(0.8, bar)] * 6
    stopped = [measured(0.7, bar, "stopped")] * 2 + [measured(0.1, bar, "stopped")] * 5
    monkeypatch.setattr(racing, "KNOWN_OPTIMIZERS", dict.fromkeys("ab"))
    row = racing._summarize("digits", [*known, *drawn, *stopped])
    assert (row["top10_raced"], row["top10_kept"], row["stopped_wrongly"]) == (8, 6, 2)
    assert "6 of the 8 that raced  2" in capsys.readouterr().out
