"""What every executor promises; one joins by a row."""

import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib

import fakes
import forked
import marks
import pytest
from environments import python_path
from waiting import wait_until

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.racing import Bar
from neural_optimizer_search.workers.config import EXECUTORS, WorkerConfig
from neural_optimizer_search.workers.executor import (
    FIRST_TIMEOUT,
    LEAST_START_TIMEOUT,
    LONGEST_TIMEOUT,
    Ask,
    Executor,
    TaskFailed,
    Work,
)
from neural_optimizer_search.workers.in_process import InProcess
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.process_workers import ProcessWorker

pytestmark = pytest.mark.once
BAR = Bar(0.5, 0.1, (0.1, -0.1), 0.1, 0.2, (0.1,))

RULES = [parse_formula(text) for text in ("g", "m", "sign(g)", "v", "m * g")]


class Faulty(fakes.FakeEvaluator):
    """Measures nothing, and cannot measure the rule v."""

    def __call__(self, rule, bar=None):
        if rule.formula() == "v":
            raise RuntimeError("the cable fell out")
        return dataclasses.replace(super().__call__(rule), message=f"The bar is {bar}.")

    def look_in_vain(self, rule):
        raise LookupError("nothing there")


def count_words(evaluator, rule, times):
    """What is asked of a function, which no evaluator knows."""
    return type(evaluator).__name__, times * len(rule.iterations)


def wait_until_there(evaluator, rule, path):
    """Is asked of a function, too, and takes until there is a file."""
    wait_until(lambda: os.path.exists(path))
    return path


def is_in_process(executor):
    """Whether a rule is measured in this process before `submit` returns, so that an error is the caller's."""
    return isinstance(executor, InProcess)


def wait_for_work(executor):
    """What a worker is doing, as soon as one does more than start."""
    wait_until(lambda: executor.longest_work is not None and not executor.longest_work.is_start)
    return executor.longest_work


def in_process():
    return InProcess(Faulty())


@contextlib.contextmanager
def processes():
    """Forked ones; test_worker_contract.py spawns them, as a command does."""
    with forked.workers(__name__), WorkerPool([ProcessWorker(Faulty) for _ in range(2)]) as pool:
        yield pool


def ray():
    from neural_optimizer_search.workers.measuring_worker import MeasuringWorker
    from neural_optimizer_search.workers.ray_workers import RayWorker, start_ray

    class OnRay(WorkerPool):
        def __init__(self):
            self._ray = start_ray(cpus=1)
            module = self._ray.__enter__()
            environment = {"PYTHONPATH": python_path()}
            super().__init__([RayWorker(module, MeasuringWorker, Faulty, environment=environment)])

        def close(self):
            super().close()
            self._ray.__exit__(None, None, None)

    return OnRay()


ROWS = {
    "in process": in_process,
    "processes": processes,
    "ray": pytest.param(ray, marks=marks.NEEDS_RAY),
}


@pytest.fixture(scope="module", params=list(ROWS.values()), ids=list(ROWS))
def executor(request):
    with request.param() as executor:
        yield executor


def test_it_is_whole(executor):
    assert isinstance(executor, Executor)
    assert executor.workers >= 1 and 0 < executor.timeout <= LONGEST_TIMEOUT
    assert executor.start_timeout is None or 0 < executor.start_timeout <= LONGEST_TIMEOUT


def test_submit_gives_futures_of_evaluations(executor):
    good = [rule for rule in RULES if rule.formula() != "v"]
    futures = {rule: executor.submit(rule) for rule in good}
    assert all(isinstance(future, concurrent.futures.Future) for future in futures.values())
    for rule, future in futures.items():
        evaluation = future.result(timeout=120)
        assert (evaluation.rule, evaluation.reward) == (rule, fakes.fake_evaluation(rule).reward)


def test_called_it_yields_each_as_it_is_there(executor):
    good = [rule for rule in RULES if rule.formula() != "v"]
    assert {e.rule for e in executor(good)} == set(good)


def test_what_is_asked_is_answered(executor):
    rule = parse_formula("m")
    measured = executor.submit(rule, Ask(arguments={"bar": BAR})).result(timeout=120)
    assert (measured.rule, measured.message) == (rule, f"The bar is {BAR}.")
    recorded = executor.submit(rule, Ask("record_descent")).result(timeout=120)
    assert recorded == fakes.FakeEvaluator().record_descent(rule)
    setting = dict(learning_rate=0.3, schedule="linear", weight_decay=0.1, seeds=(5, 6))
    again = executor.submit(rule, Ask("measure_again", setting)).result(timeout=120)
    assert (again.seeds, again.schedule, len(again.rewards)) == ((5, 6), "linear", 2)
    name, count = executor.submit(rule, Ask(count_words, {"times": 3})).result(timeout=120)
    assert name.startswith("Faulty") and count == 3


def test_what_is_asked_may_fail(executor):
    future = executor.submit(parse_formula("m"), Ask("look_in_vain"))
    if is_in_process(executor):
        with pytest.raises(LookupError, match="nothing there"):
            future.result()
    else:
        evaluation = future.result(timeout=120)
        assert evaluation.status == "failed" and "LookupError: nothing there" in evaluation.message
    assert executor.submit(parse_formula("g")).result(timeout=120).status == "ok"


def test_it_tells_what_is_under_way(executor, tmp_path):
    if is_in_process(executor):
        assert executor.submit(parse_formula("g")).done() and executor.longest_work is None
        return
    path = str(tmp_path / "there")
    future = executor.submit(parse_formula("g"), Ask(wait_until_there, {"path": path}))
    work = wait_for_work(executor)
    assert isinstance(work, Work) and work.seconds >= 0 and work.limit == executor.timeout
    assert not future.done()
    pathlib.Path(path).touch()
    assert future.result(timeout=120) == path
    assert executor.longest_work is None or executor.longest_work.is_start


def test_a_rule_that_fails_fails_alone(executor):
    failures = []
    executor.on_failure = failures.append
    future = executor.submit(parse_formula("v"))
    if is_in_process(executor):  # its errors are the caller's
        with pytest.raises(RuntimeError, match="the cable fell out"):
            future.result()
    else:
        evaluation = future.result(timeout=120)
        assert (evaluation.status, evaluation.reward) == ("failed", 0.0)
        assert "the cable fell out" in evaluation.message
        assert [failure.formula for failure in failures] == ["v", "v"]
        assert all("the cable fell out" in failure.message for failure in failures)
        assert all("Traceback (most recent call last)" in failure.traceback for failure in failures)
    assert executor.submit(parse_formula("g")).result(timeout=120).status == "ok"


def test_the_time_limit_may_change(executor, tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "timeout", 100.0)
    assert executor.submit(parse_formula("g")).result(timeout=120).status == "ok"
    if not is_in_process(executor):  # nothing can stop that one
        path = str(tmp_path / "there")
        future = executor.submit(parse_formula("g"), Ask(wait_until_there, {"path": path}, patience=2.0))
        assert wait_for_work(executor).limit == 200.0
        pathlib.Path(path).touch()
        assert future.result(timeout=120) == path


def test_left_it_measures_no_more(executor, tmp_path):
    """The last one with this executor, which it ends."""
    if is_in_process(executor):
        assert executor.submit(parse_formula("g")).done()  # so there is nothing that it could still measure
        return
    ask = Ask(wait_until_there, {"path": str(tmp_path / "never there")})
    futures = [executor.submit(parse_formula("g"), ask) for _ in range(executor.workers + 1)]
    wait_for_work(executor)
    executor.close()
    for future in futures:
        with pytest.raises(TaskFailed, match="The workers were stopped"):
            future.result(timeout=10)


def test_one_factory_knows_all(tmp_path):
    assert list(EXECUTORS) == ["local", "ray"]
    with WorkerConfig(workers=1).open_executor(fakes.BLOBS, fakes.TINY) as executor:
        assert isinstance(executor, Executor) and executor.workers == 1
        assert (executor.timeout, executor.start_timeout) == (LONGEST_TIMEOUT, FIRST_TIMEOUT)


@pytest.mark.parametrize(("timeout", "start"), [(1, LEAST_START_TIMEOUT), (100, 100), (LONGEST_TIMEOUT,) * 2])
def test_the_flag_limits_a_rule_and_a_start_from_the_first_one_on(timeout, start):
    with WorkerConfig(workers=1, timeout=timeout).open_executor(fakes.BLOBS, fakes.TINY) as executor:
        assert (executor.timeout, executor.start_timeout) == (timeout, start)


def test_a_stopped_executor_says_so():
    executor = WorkerPool([ProcessWorker(Faulty)])
    executor.close()
    future = executor.submit(RULES[0])
    with pytest.raises(TaskFailed, match="The workers were stopped"):
        future.result(timeout=10)
