"""The pool with workers of the test's own: what is charged to whom."""

import concurrent.futures
import dataclasses
import threading

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.progress import Progress
from neural_optimizer_search.search.alike import DESCENT
from neural_optimizer_search.workers.executor import LONGEST_TIMEOUT, MEASURE, Ask, Failure, TaskFailed
from neural_optimizer_search.workers.pool import STARTS, WorkerPool
from neural_optimizer_search.workers.worker import Failed, Measured, Ready, Unmeasurable

RULES = [parse_formula(text) for text in ("g", "m", "sign(g)", "v", "m * g", "exp(g)")]


class Worker:
    """Answers what it is told to, start by start, and then is ready."""

    progress, needs_place = Progress(12, 5_000), False

    def __init__(self, *starts):
        self._starts, self.started, self.attempts = iter(starts), False, 0

    def start(self, seconds=None):
        self.attempts += 1
        answer = next(self._starts, Ready())
        self.started = isinstance(answer, Ready)
        return answer

    def measure(self, rule, seconds, ask=MEASURE):
        return Measured(ask.answer(fakes.fake_evaluation, rule))

    def stop(self):
        self.started = False


def vain(times):
    return [Failed("killed", "The worker's process crashed.")] * times


def run(*workers):
    with WorkerPool(workers) as pool:
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
        def measure(self, rule, seconds, ask=MEASURE):
            assert given_up.wait(60)
            return super().measure(rule, seconds, ask)

    broken = Broken()
    found = run(broken, Patient())
    assert all(e.status == "ok" for e in found.values()) and len(found) == len(RULES)
    assert broken.attempts == STARTS


FAILURES = {
    "failed": "RuntimeError: the cable fell out (a.py:1)",
    "timeout": "It took longer than 5 seconds.",
    "killed": "The worker's process crashed.",
    "out of memory": "MemoryError: no more (a.py:1)",
}


def test_every_failure_is_tried_once_more_and_the_others_go_on():
    """Each status once for a rule that then works, and twice for one that does not."""
    formulas = {status: (f"drop(g, 0.{p})", f"drop(m, 0.{p})") for status, p in zip(FAILURES, (1, 3, 5))}
    formulas["out of memory"] = ("exp(g)", "exp(m)")
    left = {text: status for status, texts in formulas.items() for text in texts}
    lock, counts, stops = threading.Lock(), dict.fromkeys(left, 0), []

    class Faulty(Worker):
        def measure(self, rule, seconds, ask=MEASURE):
            text = rule.formula()
            with lock:
                counts[text] = counts.get(text, 0) + 1
                often = 2 if "m" in text else 1
                if text in left and counts[text] <= often:
                    return Failed(left[text], FAILURES[left[text]])
            return super().measure(rule, seconds, ask)

        def stop(self):
            if self.started:
                stops.append(1)
            super().stop()

    rules = [parse_formula(text) for text in left]
    with WorkerPool([Faulty(), Faulty()]) as pool:
        found = {e.rule.formula(): e for e in pool([*RULES, *rules])}
        stopped = len(stops)
    for status, (once, twice) in formulas.items():
        assert (found[once].status, found[once].reward) == ("ok", fakes.fake_evaluation(parse_formula(once)).reward)
        assert (found[twice].status, found[twice].reward) == (status, 0.0)
        assert found[twice].message == f"{FAILURES[status]} Tried twice."
    assert all(found[rule.formula()].status == "ok" for rule in RULES)
    assert stopped == 3 * 3  # whoever did more than raise an error was started anew


def test_if_no_worker_starts_it_says_so_and_charges_no_rule():
    with WorkerPool([Worker(*vain(100)) for _ in range(2)]) as pool:
        futures = [pool.submit(rule) for rule in RULES]
        for future in futures:
            with pytest.raises(TaskFailed, match=r"^No worker starts. The last one: The worker's process crashed"):
                future.result(timeout=60)


def test_rules_that_all_take_too_long_and_starts_too_are_told_with_what_to_do():
    class Slow(Worker):
        def measure(self, rule, seconds, ask=MEASURE):
            return Failed("timeout", "It took longer than the limit of 1 s.")

    told = r"First, .*: It took longer than the limit of 1 s\. Give a longer --timeout\.$"
    with WorkerPool([Slow()]) as pool, pytest.raises(TaskFailed, match=told):
        list(pool(RULES))
    late = [Failed("timeout", "Its start took longer than the limit of 60 s.")] * 100
    with (
        WorkerPool([Worker(*late)]) as pool,
        pytest.raises(TaskFailed, match=r"60 s\. Give a longer --timeout\.$"),
    ):
        list(pool(RULES))


def test_an_answer_that_measures_nothing_does_not_hide_that_all_rules_fail():
    """A search first asks for the first gradients of the task, which take no time."""

    class Slow(Worker):
        def measure(self, rule, seconds, ask=MEASURE):
            return Measured({"gradients": []}) if ask == DESCENT else Failed("timeout", "It took too long.")

    with WorkerPool([Slow()]) as pool:
        assert pool.submit(RULES[0], DESCENT).result(timeout=60) == {"gradients": []}
        with pytest.raises(TaskFailed, match=r"It took too long\. Give a longer --timeout\.$"):
            list(pool(RULES))


def test_an_answer_that_measures_shows_that_the_task_works_whatever_it_is():
    class Studied(Worker):
        def measure(self, rule, seconds, ask=MEASURE):
            return Measured({"runs": []}) if ask.method == "study" else Failed("timeout", "It took too long.")

    with WorkerPool([Studied()]) as pool:
        pool.submit(RULES[0], Ask("study")).result(timeout=60)
        assert {e.status for e in pool(RULES)} == {"timeout"}


def test_a_task_of_which_nothing_can_be_measured_is_said_at_once():
    with (
        WorkerPool([Worker(Unmeasurable("no data here"))]) as pool,
        pytest.raises(TaskFailed, match=r"^no data here$"),
    ):
        list(pool(RULES))


def test_an_error_of_the_pools_own_reaches_everyone_who_waits():
    class Wrong(Worker):
        def start(self, seconds=None):
            raise ConnectionError("the cluster is gone")

    with WorkerPool([Wrong(), Wrong()]) as pool:
        for future in [pool.submit(rule) for rule in RULES]:
            with pytest.raises(ConnectionError, match="the cluster is gone"):
                future.result(timeout=60)


def test_what_is_under_way_is_told_with_its_limit():
    seen, go_on = [], threading.Semaphore(0)

    class Watched(Worker):
        def start(self, seconds=None):
            seen.append((pool.longest_work, seconds))
            return super().start()

        def measure(self, rule, seconds, ask=MEASURE):
            seen.append((pool.longest_work, seconds))
            go_on.release()
            return super().measure(rule, seconds, ask)

    with WorkerPool([Watched()]) as pool:
        assert pool.longest_work is None
        pool.timeout, pool.start_timeout = 7.0, 60.0
        pool.submit(RULES[0]).result(timeout=60)
        pool.timeout = 9.0
        pool.submit(RULES[1]).result(timeout=60)
        pool.submit(RULES[0], Ask(patience=3.0)).result(timeout=60)
        pool.submit(RULES[1], Ask(patience=1e9)).result(timeout=60)
        assert go_on.acquire(timeout=60)
    assert {work.progress for work, _ in seen} == {Worker.progress}
    assert str(seen[1][0]).endswith("(limit 7 s), step 12 of 5,000 of a training")
    assert [(work.what, work.limit, seconds) for work, seconds in seen] == [
        ("a worker has been starting", 60.0, 60.0),
        ("one rule has been running", 7.0, 7.0),
        ("one rule has been running", 9.0, 9.0),
        ("one rule has been running", 27.0, 27.0),
        ("one rule has been running", LONGEST_TIMEOUT, LONGEST_TIMEOUT),
    ]
    assert all(0 <= work.seconds < 60 for work, _ in seen)


def test_a_start_that_waits_for_a_place_is_told():
    """Otherwise nothing would tell a full cluster from a slow start."""
    told = []

    class OnFullCluster(Worker):
        def start(self, seconds=None):
            for self.needs_place in (True, False):
                told.append(pool.longest_work)
            return super().start()

    with WorkerPool([OnFullCluster()]) as pool:
        pool.start_timeout = None
        pool.submit(RULES[0]).result(timeout=60)
    assert [work.what for work in told] == [
        "a worker has been waiting for a free place on the cluster",
        "a worker has been starting",
    ]
    assert all(work.is_start for work in told)


def test_a_request_that_waits_has_its_own_limit():
    """All are in the queue before the first one begins."""
    limits, begin = {}, threading.Event()

    class Waiting(Worker):
        def start(self, seconds=None):
            assert begin.wait(60)
            return super().start()

        def measure(self, rule, seconds, ask=MEASURE):
            limits[ask.patience] = seconds
            return super().measure(rule, seconds, ask)

    with WorkerPool([Waiting()]) as pool:
        pool.timeout = 10.0
        futures = [pool.submit(RULES[0], Ask(patience=patience)) for patience in (2.0, 1.0, 5.0)]
        begin.set()
        concurrent.futures.wait(futures, timeout=60)
    assert limits == {2.0: 20.0, 1.0: 10.0, 5.0: 50.0}
    assert pool.longest_work is None


class Says(Worker):
    """Answers the same to every rule, or to every start."""

    def __init__(self, answer, at_start=False):
        super().__init__(*([answer] * 100 if at_start else []))
        self._answer = answer

    def measure(self, rule, seconds, ask=MEASURE):
        return self._answer


NONSENSE = {
    "nothing": (None, "The worker's answer is invalid: NoneType."),
    "a text": ("ok", "The worker's answer is invalid: str."),
    "ready": (Ready(), "The worker's answer is invalid: Ready."),
    "of no known status": (Failed("bored", "No."), "The worker's answer is invalid: Failed."),
    **{
        f"the reward {reward!r}": (
            Measured(dataclasses.replace(fakes.fake_evaluation(RULES[0]), reward=reward)),
            f"The reward must be a finite number. Received: {reward}.",
        )
        for reward in (float("nan"), float("inf"), None, "0.5")
    },
}


@pytest.mark.parametrize("name", list(NONSENSE))
def test_an_answer_that_is_none_is_a_failure(name):
    answer, message = NONSENSE[name]
    with WorkerPool([Says(answer)]) as pool:
        evaluation = pool.submit(RULES[0]).result(timeout=60)
        assert (evaluation.reward, evaluation.message) == (0.0, f"{message} Tried twice.")


def test_a_start_that_is_answered_with_nonsense_is_vain():
    with WorkerPool([Says("hello", at_start=True)]) as pool:
        future = pool.submit(RULES[0])
        with pytest.raises(TaskFailed, match=r"The last one: The worker's answer is invalid: str\.$"):
            future.result(timeout=60)


def test_every_failure_is_handed_on_with_its_traceback():
    told = []
    with WorkerPool([Says(Failed("failed", "OSError: x (a.py:1)", "Traceback ..."))]) as pool:
        pool.on_failure = told.append
        futures = [pool.submit(rule) for rule in RULES[:3]]
        concurrent.futures.wait(futures, timeout=60)
    errors = [future.exception() for future in futures if future.exception()]
    assert [(type(error), error.traceback) for error in errors] == [(TaskFailed, "Traceback ...")]
    assert sorted(told) == sorted(
        Failure(rule.formula(), "OSError: x (a.py:1)", "Traceback ...") for rule in RULES[:3] for _ in range(2)
    )


@pytest.mark.parametrize("at_start", [True, False])
def test_what_no_worker_can_do_ends_all(at_start):
    told = []
    with WorkerPool([Says(Unmeasurable("no shard 7", "Traceback ..."), at_start)]) as pool:
        pool.on_failure = told.append
        for future in [pool.submit(rule) for rule in RULES]:
            with pytest.raises(TaskFailed, match=r"^no shard 7$") as caught:
                future.result(timeout=60)
            assert caught.value.traceback == "Traceback ..."
    assert [failure[1:] for failure in told] == [("no shard 7", "Traceback ...")]
    assert bool(told[0].formula) != at_start
