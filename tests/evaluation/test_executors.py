import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.evaluation.evaluator import Evaluator
from neural_optimizer_search.evaluation.executors import ProcessExecutor, in_process
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task

RULES = [parse_formula(text) for text in ("g", "Adam", "drop(g, 0.3) * (1 + eps)", "log(g - g)", "m")]


def rewards(executor, rules):
    return {evaluation.rule: evaluation.rewards for evaluation in executor(rules)}


def test_rewards_depend_neither_on_workers_nor_on_order():
    alone = rewards(in_process(Evaluator(fakes.BLOBS, fakes.TINY)), RULES)
    with ProcessExecutor(fakes.BLOBS, fakes.TINY, workers=1) as one:
        first = rewards(one, RULES)
        for rule in RULES:
            assert first[rule] == pytest.approx(alone[rule], abs=1e-6)
    with ProcessExecutor(fakes.BLOBS, fakes.TINY, workers=2) as two:
        assert rewards(two, RULES[::-1]) == first


def missing(data_dir=None):
    raise FileNotFoundError("no data here")


def test_an_error_of_the_task_reaches_the_caller():
    task = Task("missing", 2, missing, {})
    protocol = Protocol(fakes.TINY.child, 1, 1, (1.0,), 1, 1, 1, batch_size=1)
    with ProcessExecutor(task, protocol, workers=1) as executor, pytest.raises(FileNotFoundError, match="no data"):
        list(executor(RULES[:1]))
