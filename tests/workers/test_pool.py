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

    def start(self, seconds=None):
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
        def start(self, seconds=None):
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


FAILURES = {
    "failed": "RuntimeError: the cable fell out (a.py:1)",
    "timeout": "It took longer than 5 seconds.",
    "killed": "Its process ended with exit code -9.",
    "out of memory": "MemoryError: no more (a.py:1)",
}


def test_every_failure_is_tried_once_more_and_the_others_go_on():
    """Each status once for a rule that then works, and twice for one that does not."""
    formulas = {status: (f"drop(g, 0.{p})", f"drop(m, 0.{p})") for status, p in zip(FAILURES, (1, 3, 5))}
    formulas["out of memory"] = ("exp(g)", "exp(m)")
    left = {text: status for status, texts in formulas.items() for text in texts}
    lock, counts, stops = threading.Lock(), dict.fromkeys(left, 0), []

    class Faulty(Worker):
        def measure(self, rule, seconds):
            text = rule.formula()
            with lock:
                counts[text] = counts.get(text, 0) + 1
                often = 2 if "m" in text else 1
                if text in left and counts[text] <= often:
                    return Failed(left[text], FAILURES[left[text]])
            return super().measure(rule, seconds)

        def stop(self):
            if self.started:
                stops.append(1)
            super().stop()

    rules = [parse_formula(text) for text in left]
    with WorkerPool(Faulty, 2) as pool:
        found = {e.rule.formula(): e for e in pool([*RULES, *rules])}
        stopped = len(stops)
    for status, (once, twice) in formulas.items():
        assert (found[once].status, found[once].reward) == ("ok", fakes.fake_evaluation(parse_formula(once)).reward)
        assert (found[twice].status, found[twice].reward) == (status, 0.0)
        assert found[twice].message == f"{FAILURES[status]} Tried twice."
    assert all(found[rule.formula()].status == "ok" for rule in RULES)
    assert stopped == 3 * 3  # whoever did more than raise an error was started anew


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
        def start(self, seconds=None):
            raise ConnectionError("the cluster is gone")

    with WorkerPool(Wrong, 2) as pool:
        for future in [pool.submit(rule) for rule in RULES]:
            with pytest.raises(ConnectionError, match="the cluster is gone"):
                future.result(timeout=60)
