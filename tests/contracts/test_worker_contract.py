"""What every worker promises; one joins by a row."""

import concurrent.futures
import dataclasses
import importlib.util
import os
import signal
import sys
import threading
import time

import fakes
import marks
import pytest
from environments import python_path

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.kept_runs import CannotKeep
from neural_optimizer_search.measuring.outcome import WrongScores
from neural_optimizer_search.measuring.progress import tell
from neural_optimizer_search.measuring.racing import Bar
from neural_optimizer_search.workers import process_workers, ray_workers
from neural_optimizer_search.workers.executor import Ask
from neural_optimizer_search.workers.measuring_worker import MeasuringWorker
from neural_optimizer_search.workers.process_workers import ProcessWorker
from neural_optimizer_search.workers.worker import Failed, Measured, Ready, Unmeasurable

pytestmark = [pytest.mark.once, pytest.mark.slow]
SECONDS = 120.0  # for what is quick
BAR = Bar(0.5, 0.1, (0.1, -0.1), 0.1, 0.2, (0.1,))


class Evaluates:
    """Measures nothing: a rule's formula says what happens with it."""

    def __call__(self, rule, bar=None):
        if rule.formula() == "v":
            raise RuntimeError("the cable fell out")
        if rule.formula() == "g^2":
            raise MemoryError("no more")
        if rule.formula() == "m * g":
            sys.exit("enough")
        if rule.formula() == "-g":
            os.kill(os.getpid(), signal.SIGKILL)
        if rule.formula() == "-m":
            time.sleep(1000)
        return dataclasses.replace(fakes.fake_evaluation(rule), message=f"The bar is {bar}.")

    def look(self, rule, at):
        """No evaluation."""
        return {"formula": rule.formula(), "looked at": at}

    def train(self, rule, seconds):
        """Says every now and then how far it is."""
        began, done = time.monotonic(), 0
        while time.monotonic() < began + seconds:
            tell(done := done + 1, 1_000)
            time.sleep(0.01)

    def lose(self, rule):
        raise CannotKeep("The disk is full.")

    def score_wrongly(self, rule):
        raise WrongScores("A task must have scores in [0, 1].")

    def look_in_vain(self, rule):
        raise LookupError("nothing there")


@dataclasses.dataclass(frozen=True)
class Make:
    """Makes what measures nothing."""

    works: bool = True

    def __call__(self):
        if not self.works:
            raise FileNotFoundError("no data here")
        return Evaluates()


@pytest.fixture(scope="module")
def ray():
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed.")
    from neural_optimizer_search.workers.ray_workers import start_ray

    with start_ray(cpus=1) as ray:
        yield ray


def on_ray(ray, make):
    from neural_optimizer_search.workers.ray_workers import RayWorker

    return RayWorker(ray, MeasuringWorker, make, environment={"PYTHONPATH": python_path()})


RAY = pytest.param("ray", marks=marks.only_long("tests/workers/test_ray_workers.py measures on it."))


@pytest.fixture(scope="module", params=["process", RAY])
def make_worker(request):
    """Gives a worker, not started yet, of what makes an evaluator."""
    workers = []
    patch = pytest.MonkeyPatch()
    patch.setattr(ray_workers, "LOOK_SECONDS", 0.1)
    patch.setattr(ray_workers, "PROGRESS_SECONDS", 0.1)

    def make_worker(make):
        one = ProcessWorker(make) if request.param == "process" else on_ray(request.getfixturevalue("ray"), make)
        workers.append(one)
        return one

    yield make_worker
    patch.undo()
    for worker in workers:
        worker.stop()


@pytest.fixture(scope="module")
def worker(make_worker):
    worker = make_worker(Make())
    assert not worker.started
    assert worker.start() == Ready() and worker.started
    yield worker
    worker.stop()


def test_it_measures(worker):
    rule = parse_formula("m")
    answer = worker.measure(rule, SECONDS)
    assert isinstance(answer, Measured)
    assert (answer.evaluation.rule, answer.evaluation.reward) == (rule, fakes.fake_evaluation(rule).reward)
    host, number = answer.evaluation.worker.split(":")
    assert host and int(number) != os.getpid()


def test_it_does_what_is_asked(worker):
    rule = parse_formula("m")
    answer = worker.measure(rule, SECONDS, Ask(arguments={"bar": BAR}))
    assert isinstance(answer, Measured)
    assert answer.evaluation.message == f"The bar is {BAR}."
    assert answer.evaluation.worker
    answer = worker.measure(rule, SECONDS, Ask("look", {"at": (1.5, "seeds")}))
    assert answer == Measured({"formula": "m", "looked at": (1.5, "seeds")})


def test_it_says_how_far_it_is(worker):
    assert worker.progress is None
    seen = []
    with concurrent.futures.ThreadPoolExecutor() as threads:
        asked = threads.submit(worker.measure, parse_formula("m"), SECONDS, Ask("train", {"seconds": 2.0}))
        while not asked.done():
            seen.append(worker.progress)
            time.sleep(0.05)
    assert asked.result() == Measured(None)
    heard = [progress for progress in seen if progress]
    assert heard and heard == sorted(heard) and {progress.steps for progress in heard} == {1_000}
    assert worker.progress is None


def test_a_long_silence_is_a_failure(worker, monkeypatch):
    for module in (process_workers, ray_workers):
        monkeypatch.setattr(module, "LONGEST_SILENCE", 1.5)
    answer = worker.measure(parse_formula("m"), SECONDS, Ask("train", {"seconds": 2.0}))
    assert answer == Measured(None)  # it says something
    answer = worker.measure(parse_formula("-m"), SECONDS)
    assert isinstance(answer, Failed) and answer.status == "timeout"
    assert answer.message == "It reported no progress for 1.5 s."
    worker.stop()
    assert worker.start() == Ready()


def test_what_cannot_be_kept_is_no_fault_of_the_rule(worker):
    answer = worker.measure(parse_formula("m"), SECONDS, Ask("lose"))
    assert answer == Unmeasurable("The disk is full.")


def test_scores_out_of_range_are_the_tasks_fault_so_no_rule_is_measured(worker):
    """Otherwise the best rules would fail, and the search would return the best of the others."""
    answer = worker.measure(parse_formula("m"), SECONDS, Ask("score_wrongly"))
    assert answer == Unmeasurable("A task must have scores in [0, 1].")


@pytest.mark.parametrize(("ask", "message"), [
    (Ask("look_in_vain"), "LookupError: nothing there"),
    (Ask("fly"), "AttributeError: "),
    (Ask("look", {"under": 1}), "TypeError: "),
])  # fmt: skip
def test_it_answers_what_went_wrong_with_what_was_asked(worker, ask, message):
    answer = worker.measure(parse_formula("m"), SECONDS, ask)
    assert isinstance(answer, Failed)
    assert answer.status == "failed" and answer.message.startswith(message)
    assert isinstance(worker.measure(parse_formula("g"), SECONDS), Measured)


def test_it_answers_that_what_was_asked_cannot_be_sent(worker):
    answer = worker.measure(parse_formula("m"), SECONDS, Ask("look", {"at": threading.Lock()}))
    assert isinstance(answer, Failed) and answer.status == "failed"
    assert answer.message.startswith("What was asked cannot be sent to a worker: TypeError: ")
    assert isinstance(worker.measure(parse_formula("g"), SECONDS), Measured)


@pytest.mark.parametrize(("formula", "status", "message"), [
    ("v", "failed", "RuntimeError: the cable fell out"),
    ("g^2", "out of memory", "MemoryError: no more"),
    ("m * g", "failed", "SystemExit: enough"),
])  # fmt: skip
def test_it_answers_what_went_wrong_and_goes_on(worker, formula, status, message):
    answer = worker.measure(parse_formula(formula), SECONDS)
    assert isinstance(answer, Failed)
    assert answer.status == status and answer.message.startswith(message)
    assert answer.traceback.startswith("Traceback (most recent call last):")
    assert answer.traceback.rstrip().endswith(message)
    assert isinstance(worker.measure(parse_formula("g"), SECONDS), Measured)


@pytest.mark.parametrize(
    ("formula", "seconds", "status"),
    [("-g", SECONDS, "killed"), pytest.param("-m", 0.5, "timeout", marks=marks.only_long("As killed."))],
)
def test_stopped_after_the_worst_it_starts_anew(worker, formula, seconds, status):
    answer = worker.measure(parse_formula(formula), seconds)
    assert isinstance(answer, Failed) and answer.status == status
    worker.stop()
    assert not worker.started
    assert worker.start() == Ready()
    assert isinstance(worker.measure(parse_formula("g"), SECONDS), Measured)


def test_a_start_takes_no_longer_than_it_may(worker):
    worker.stop()
    answer = worker.start(0.01)
    assert isinstance(answer, Failed) and answer.status == "timeout"
    worker.stop()
    assert worker.start(SECONDS) == Ready()


def test_nothing_can_be_measured(worker, make_worker):
    worker.stop()  # a place for the other one
    without_data = make_worker(Make(works=False))
    answer = without_data.start()
    assert isinstance(answer, Unmeasurable)
    assert answer.message.startswith("FileNotFoundError: no data here (test_worker_contract.py:")
    without_data.stop()
    assert worker.start() == Ready()
