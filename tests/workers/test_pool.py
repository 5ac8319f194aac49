"""The pool with workers of the test's own: what is charged to whom."""

import threading

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.workers.executor import TaskFailed
from neural_optimizer_search.workers.pool import STARTS, WorkerPool
from neural_optimizer_search.workers.worker import Failed, Measured, Ready, Unmeasurable

RULES = [parse_formula(text) for text in ("g", "m", "sign(g)", "v", "m * g", "exp(g)")]


class Worker:
    """Answers what it is told to, start by start, and then is ready."""

    def __init__(self, *starts):
        self._starts, self.started, self.attempts = iter(starts), False, 0

    def start(self):
        self.attempts += 1
        answer = next(self._starts, Ready())
        self.started = isinstance(answer, Ready)
        return answer

    def measure(self, rule, seconds):
        return Measured(fakes.fake_evaluation(rule))

    def stop(self):
        self.started = False


def vain(times):
    return [Failed("killed", "Its process ended with exit code 1.")] * times


def run(*workers):
    waiting = iter(workers)
    with WorkerPool(lambda: next(waiting), len(workers)) as pool:
        return {e.rule: e for e in pool(RULES)}


def test_a_worker_that_does_not_start_is_no_rules_fault():
    found = run(Worker(*vain(STARTS - 1)))
    assert {rule: e.reward for rule, e in found.items()} == {
        rule: fakes.fake_evaluation(rule).reward for rule in RULES
    }


def test_a_worker_that_never_starts_is_given_up_and_the_others_go_on():
    given_up = threading.Event()

    class Broken(Worker):
        def start(self):
            super().start()
            if self.attempts == STARTS:
                given_up.set()
            return vain(1)[0]

    class Patient(Worker):
        def measure(self, rule, seconds):
            assert given_up.wait(60)
            return super().measure(rule, seconds)

    broken = Broken()
    found = run(broken, Patient())
    assert all(e.status == "ok" for e in found.values()) and len(found) == len(RULES)
    assert broken.attempts == STARTS


def test_if_no_worker_starts_it_says_so_and_charges_no_rule():
    with WorkerPool(lambda: Worker(*vain(100)), 2) as pool:
        futures = [pool.submit(rule) for rule in RULES]
        for future in futures:
            with pytest.raises(
                TaskFailed, match=r"^No worker starts. The last one: Its process ended with exit code 1"
            ):
                future.result(timeout=60)


def test_a_task_of_which_nothing_can_be_measured_is_said_at_once():
    with (
        WorkerPool(lambda: Worker(Unmeasurable("no data here")), 1) as pool,
        pytest.raises(TaskFailed, match=r"^no data here$"),
    ):
        list(pool(RULES))


def test_an_error_of_the_pools_own_reaches_everyone_who_waits():
    class Wrong(Worker):
        def start(self):
            raise ConnectionError("the cluster is gone")

    with WorkerPool(Wrong, 2) as pool:
        for future in [pool.submit(rule) for rule in RULES]:
            with pytest.raises(ConnectionError, match="the cluster is gone"):
                future.result(timeout=60)
