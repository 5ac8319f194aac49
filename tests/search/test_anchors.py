"""What has the scores 0 and 1 on each of several tasks, and in which order they are measured."""

import contextlib
import dataclasses
import json

import fakes
import pytest

from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.measuring.joint import JointEvaluator, join
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.algorithm import Trial
from neural_optimizer_search.search.anchors import (
    Anchors,
    choose_order,
    choose_scale,
    describe_scales,
    open_anchors,
    record_anchors,
)
from neural_optimizer_search.search.recorder import EvaluationRecorder, pass_every_rule
from neural_optimizer_search.workers.executor import Ask, TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

SGD, ADAM, LION = (CATALOGUE[name].rule for name in ("sgd", "adam", "lion"))


def of(rule, *rewards):
    mean = sum(rewards) / len(rewards)
    return dataclasses.replace(fakes.fake_evaluation(rule, mean), rewards=rewards)


@pytest.mark.parametrize(
    ("sgd", "adam", "scale"),
    [
        ((0.5, 0.6, 0.5), (0.7, 0.8, 0.75), (1.6 / 3, 2.25 / 3)),
        ((0.0,), (0.5,), (0.0, 0.5)),
        ((0.5,), (0.6,), (0.5, 0.6)),  # one seed tells nothing of the noise
        ((0.5,), (0.501,), (0.0, 0.501)),  # but so small a unit is none
        ((0.5, 0.7, 0.6), (0.7, 0.6, 0.6), (0.0, 1.9 / 3)),  # within the noise
        ((0.7, 0.8, 0.75), (0.5, 0.6, 0.5), (0.0, 2.25 / 3)),  # Adam is worse
        ((0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (0.0, 0.5)),
    ],
)
def test_scales(sgd, adam, scale):
    assert choose_scale("a", of(SGD, *sgd), of(ADAM, *adam)) == pytest.approx(scale)


def test_no_reward_is_no_scale():
    with pytest.raises(TaskFailed, match="neither tuned SGD nor tuned Adam has a reward on mine:task, so"):
        choose_scale("mine:task", of(SGD, 0.0), of(ADAM, 0.0))


@pytest.mark.parametrize(
    ("seconds", "order"),
    [
        (dict(a=1.0, b=1.9, c=1.0), "abc"),
        (dict(a=1.9, b=1.0, c=1.2), "abc"),  # about as dear: the order does not depend on the clock
        (dict(a=30.0, b=9.0, c=3.0), "cba"),
        (dict(a=30.0, b=3.0, c=2.0), "bca"),
    ],
)
def test_the_order(seconds, order):
    assert choose_order(seconds) == list(order)


class Counting(JointEvaluator):
    def __init__(self, *names):
        super().__init__({name: fakes.FakeEvaluator(fakes.on_task(name)) for name in names})
        self.asked = []

    def measure_each(self, rule):
        self.asked.append(rule)
        return super().measure_each(rule)

    def __call__(self, rule, bar=None, scales=None):
        self.asked.append(rule)
        return super().__call__(rule, bar, scales)


@pytest.fixture
def ledger(tmp_path):
    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite", {})) as made:
        yield made


def test_they_are_measured_once_and_kept(ledger):
    evaluator = Counting("a", "tie")
    anchors = open_anchors(InProcess(evaluator), ledger, ["a", "tie"])
    assert evaluator.asked == [SGD, ADAM]
    assert dict(anchors.scales) == {"a": (0.2, 0.6), "tie": (0.0, 0.2)}
    assert (anchors.sgd.reward, anchors.adam.reward) == (0.5, 1.0)
    assert open_anchors(InProcess(evaluator), ledger, ["tie", "a"]) == anchors


def test_they_are_known_optimizers_that_are_not_measured_again(ledger):
    evaluator = Counting("a", "tie")
    anchors = open_anchors(InProcess(evaluator), ledger, ["a", "tie"])
    for _ in range(2):  # a resumed search has them
        record_anchors(anchors, [LION, ADAM, SGD], pass_every_rule, ledger)
    measure = Ask(arguments={"scales": anchors.scales})
    recorder = EvaluationRecorder(InProcess(evaluator), ledger, measure=measure)
    lion, adam, sgd = recorder([LION, ADAM, SGD], role="baseline")
    assert evaluator.asked == [SGD, ADAM, LION]
    assert [part.task for part in lion.parts] == ["a", "tie"] and recorder.trained == 0
    for found, anchor in ((sgd, anchors.sgd), (adam, anchors.adam)):
        assert found == dataclasses.replace(anchor, key=anchor.rule.canonical())


def test_a_setting_is_measured_with_the_scales_too(ledger):
    evaluator = Counting("a", "b")
    anchors = open_anchors(InProcess(evaluator), ledger, ["a", "b"])
    measure = Ask(arguments={"scales": anchors.scales})
    recorder = EvaluationRecorder(InProcess(evaluator), ledger, measure=measure)
    batch = recorder.start([LION], trials=[Trial(0.01, "cosine", 0.1)])
    (found,) = recorder.evaluations(batch)
    assert [(part.task, part.zero, part.one) for part in found.parts] == [
        (task, *scale) for task, scale in anchors.scales.items()
    ]
    assert (found.learning_rate, found.schedule, found.weight_decay) == (0.01, "cosine", 0.1)


def test_they_are_told(ledger):
    anchors = open_anchors(InProcess(Counting("a", "tie")), ledger, ["a", "tie"])
    assert describe_scales(anchors) == [
        "a: the reward 0.2000 of tuned SGD has the score 0, and 0.6000 of tuned Adam the score 1.",
        "tie: tuned Adam (0.2000) is no better than tuned SGD (0.2000) beyond seed noise: the score there is "
        "reward / 0.2000.",
    ]


def test_an_sgd_without_a_reward_is_worse_than_adam():
    scales = {"a": choose_scale("a", of(SGD, 0.0), of(ADAM, 0.5))}
    anchors = Anchors(*(join(e.rule, {"a": e}, scales) for e in (of(SGD, 0.0), of(ADAM, 0.5))))
    assert describe_scales(anchors) == [
        "a: the reward 0.0000 of tuned SGD has the score 0, and 0.5000 of tuned Adam the score 1."
    ]


def test_they_may_fail(ledger):
    class Failing(Counting):
        def measure_each(self, rule):
            return without_reward(rule, "failed", "OSError: the cable fell out. Tried twice.")

    with pytest.raises(TaskFailed, match="cannot be measured on all tasks: OSError: the cable fell out"):
        open_anchors(InProcess(Failing("a")), ledger, ["a"])
    assert ledger.run.anchors == []


def test_those_of_other_tasks_are_none(ledger):
    open_anchors(InProcess(Counting("a", "b")), ledger, ["a", "b"])
    with pytest.raises(Damaged, match="its anchors are of other tasks"):
        open_anchors(InProcess(Counting("a", "c")), ledger, ["a", "c"])


def set_anchors(db, change):
    ((text,),) = db.execute("SELECT value FROM run WHERE key = 'anchors'")
    rows = json.loads(text)
    db.execute("UPDATE run SET value = ? WHERE key = 'anchors'", [json.dumps(change(rows))])


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[:1],
        lambda rows: [rows[0], {**rows[1], "parts": "[]"}],
        lambda rows: [{**row, "parts": "[]"} for row in rows],
        lambda rows: [{**rows[0], "parts": rows[0]["parts"].replace('"zero": 0.2', '"zero": 0.1')}, rows[1]],
        lambda rows: [3, rows[1]],
        lambda rows: [{}, rows[1]],
        lambda rows: [{**rows[0], "reward": "high"}, rows[1]],
    ],
)
def test_damaged_anchors(ledger, change):
    open_anchors(InProcess(Counting("a", "b")), ledger, ["a", "b"])
    with ledger._db as db:
        set_anchors(db, change)
    with pytest.raises(Damaged, match=r"anchors|evaluation of"):
        _ = ledger.run.anchors
