"""Workers that are processes: rewards, and every way in which a worker fails."""

import dataclasses
import os
import pathlib
import re
import signal
import time

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.tasks.image_task import ImageTask, TaskSetting
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.workers.executor import TaskFailed
from neural_optimizer_search.workers.in_process import InProcess
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.process_workers import ProcessWorker, process_executor

pytestmark = [pytest.mark.once, pytest.mark.long, pytest.mark.slow]

RULES = [parse_formula(text) for text in ("g", "Adam", "drop(g, 0.3) * (1 + eps)", "log(g - g)", "m")]


def evaluations(executor, rules):
    futures = {rule: executor.submit(rule) for rule in rules}
    return {rule: future.result() for rule, future in futures.items()}


def rewards(executor, rules):
    return {rule: evaluation.rewards for rule, evaluation in evaluations(executor, rules).items()}


def test_rewards_depend_neither_on_workers_nor_on_order():
    alone = rewards(InProcess(Evaluator(fakes.BLOBS, fakes.TINY)), RULES)
    with process_executor(fakes.BLOBS, fakes.TINY, workers=1) as one:
        found = evaluations(one, RULES)
    first = {rule: evaluation.rewards for rule, evaluation in found.items()}
    for rule in RULES:
        assert first[rule] == pytest.approx(alone[rule], abs=1e-6)
        # It says where it was measured, and with what.
        assert found[rule].seeds == fakes.TINY.seeds
        host, number = found[rule].worker.split(":")
        assert host and int(number) != os.getpid()
    with process_executor(fakes.BLOBS, fakes.TINY, workers=2) as two:
        assert rewards(two, RULES[::-1]) == first


def missing(data_dir=None):
    raise FileNotFoundError("no data here")


def test_a_task_that_cannot_be_made_is_said_at_once():
    protocol = Protocol("tiny", 1, 1, (1.0,), 1, 1, 1, batch_size=1)
    task = ImageTask("missing", 2, missing, (TaskSetting(protocol, fakes.BLOBS.networks["tiny"]),))
    with process_executor(task, protocol, workers=1) as executor, pytest.raises(TaskFailed, match=r"^no data here$"):
        list(executor(RULES[:1]))


# -- Workers that misbehave ------------------------------------------------------------------------


def fail():
    raise RuntimeError("the cable fell out")


BEHAVIOURS = {
    "fail": fail,
    "hang": lambda: time.sleep(1000),
    "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


@dataclasses.dataclass(frozen=True)
class Misbehaving:
    """Makes what measures nothing, and misbehaves with some rules as often as the files of a directory say.

    Args:
      directory: Of files named like formulas that hold a behaviour, a space, and how often.
    """

    directory: pathlib.Path

    def __call__(self):
        return self.evaluate

    def evaluate(self, rule):
        path = self.directory / rule.formula()
        if path.exists():
            what, _, left = path.read_text().rpartition(" ")
            path.write_text(f"{what} {int(left) - 1}")
            if int(left) > 0:
                BEHAVIOURS[what]()
        return fakes.fake_evaluation(rule)


def pool(directory, behaviours, workers=2, timeout=5.0):
    for formula, behaviour in behaviours.items():
        (directory / formula).write_text(behaviour)
    pool = WorkerPool(lambda: ProcessWorker(Misbehaving(directory)), workers)
    pool.timeout = timeout
    return pool


def test_a_rule_is_tried_once_more_and_the_others_go_on(tmp_path):
    behaviours = {"g": "fail 1", "m": "hang 1", "v": "die 1", "sign(g)": "fail 2", "-g": "die 2"}
    rules = [parse_formula(text) for text in (*behaviours, "m * g", "exp(g)", "g^2")]
    with pool(tmp_path, behaviours) as executor:
        found = {evaluation.rule.formula(): evaluation for evaluation in executor(rules)}
    assert len(found) == len(rules)
    expected = {
        "sign(g)": ("failed", r"RuntimeError: the cable fell out \(test_processes.py:\d+\) Tried twice\."),
        "-g": ("killed", r"Its process ended with exit code -9\. Tried twice\."),
    }
    for formula, evaluation in found.items():
        status, message = expected.get(formula, ("ok", "Made up."))
        assert evaluation.status == status and re.fullmatch(message, evaluation.message), evaluation
        right = fakes.fake_evaluation(evaluation.rule).reward if status == "ok" else 0.0
        assert evaluation.reward == right


def test_a_task_that_fails_for_every_rule_ends_with_the_first_error(tmp_path):
    rules = [parse_formula(text) for text in ("g", "m", "v", "g^2", "m * g")]
    message = "failed for all of the first 3 rules. First: RuntimeError: the cable fell out"
    with pool(tmp_path, {rule.formula(): "fail 9" for rule in rules}, workers=1) as executor:
        with pytest.raises(TaskFailed, match=message):
            list(executor(rules))
        with pytest.raises(TaskFailed, match=message):
            executor.submit(parse_formula("exp(g)")).result()


def test_leaving_does_not_wait_for_a_hanging_child(tmp_path):
    with pool(tmp_path, {"g": "hang 9"}, workers=1, timeout=1000.0) as executor:
        future = executor.submit(parse_formula("g"))
        while (tmp_path / "g").read_text() == "hang 9":
            time.sleep(0.01)
    assert future.done() and isinstance(future.exception(), TaskFailed)
