"""Workers that are processes: rewards, and every way in which a worker fails."""

import contextlib
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import types

import fakes
import forked
import graphs
import marks
import pytest
from measured import RULES, evaluations, rewards
from misbehaving import Misbehaving
from waiting import wait_until

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.tasks.image_task import ImageTask, TaskSetting
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.workers.executor import TaskFailed
from neural_optimizer_search.workers.in_process import InProcess
from neural_optimizer_search.workers.placement import Wanted
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.process_workers import ProcessWorker, process_executor
from neural_optimizer_search.workers.worker import Failed

pytestmark = [pytest.mark.once, pytest.mark.slow]


@pytest.fixture
def quick():
    with forked.workers(__name__):
        yield


def test_rewards_depend_neither_on_workers_nor_on_order(quick):
    """Of forked workers; test_ray_workers.py compares spawned ones with those of Ray."""
    with graphs.as_traced():
        alone = rewards(InProcess(Evaluator(fakes.BLOBS, fakes.TINY)), RULES)
    with process_executor(fakes.BLOBS, fakes.TINY, wanted=Wanted(2)) as two:
        found, again = (evaluations(two, rules) for rules in (RULES, RULES[::-1]))
    first = {rule: evaluation.rewards for rule, evaluation in found.items()}
    for rule in RULES:
        assert first[rule] == pytest.approx(alone[rule], abs=1e-6)
        # It says where it was measured, and with what.
        assert found[rule].seeds == fakes.TINY.seeds
        host, number = found[rule].worker.split(":")
        assert host and int(number) != os.getpid()
    assert {rule: evaluation.rewards for rule, evaluation in again.items()} == first


def missing(data_dir=None):
    raise FileNotFoundError("no data here")


def test_a_task_that_cannot_be_made_is_said_at_once(quick):
    protocol = Protocol("tiny", 1, 1, (1.0,), 1, 1, 1, batch_size=1)
    task = ImageTask("missing", 2, missing, (TaskSetting(protocol, fakes.BLOBS.networks["tiny"]),))
    with (
        process_executor(task, protocol, wanted=Wanted(1)) as executor,
        pytest.raises(TaskFailed, match=r"^FileNotFoundError: no data here \(test_processes.py:\d+, in missing\)$"),
    ):
        list(executor(RULES[:1]))


# -- Workers that misbehave ------------------------------------------------------------------------


def pool(directory, behaviours, workers=2, timeout=5.0):
    for formula, behaviour in behaviours.items():
        (directory / formula).write_text(behaviour)
    pool = WorkerPool([ProcessWorker(Misbehaving(directory)) for _ in range(workers)])
    pool.timeout = timeout
    return pool


@marks.only_long("It waits for workers that hang.")
def test_a_rule_is_tried_once_more_and_the_others_go_on(quick, tmp_path):
    behaviours = {"g": "fail 1", "m": "hang 1", "sign(g)": "fail 2", "-g": "die 2", "v": "die 1"}
    rules = [parse_formula(text) for text in (*behaviours, "m * g", "exp(g)", "g^2")]
    with pool(tmp_path, behaviours) as executor:
        found = {evaluation.rule.formula(): evaluation for evaluation in executor(rules)}
    assert len(found) == len(rules)
    expected = {
        "sign(g)": ("failed", r"RuntimeError: the cable fell out \(misbehaving.py:\d+, in fail\) Tried twice\."),
        "-g": ("killed", r"The worker's process was killed \(SIGKILL\), .*\. Tried twice\."),
    }
    for formula, evaluation in found.items():
        status, message = expected.get(formula, ("ok", "Made up."))
        assert evaluation.status == status and re.fullmatch(message, evaluation.message), evaluation
        right = fakes.fake_evaluation(evaluation.rule).reward if status == "ok" else 0.0
        assert evaluation.reward == right


def test_a_task_that_fails_for_every_rule_ends_with_the_first_error(quick, tmp_path):
    rules = [parse_formula(text) for text in ("g", "m", "v", "g^2", "m * g")]
    message = "failed for all of the first 3 rules. First, [gmv]: RuntimeError: the cable fell out"
    with pool(tmp_path, {rule.formula(): "fail 9" for rule in rules}, workers=1) as executor:
        with pytest.raises(TaskFailed, match=message):
            list(executor(rules))
        with pytest.raises(TaskFailed, match=message):
            executor.submit(parse_formula("exp(g)")).result()


def test_leaving_does_not_wait_for_a_hanging_child(quick, tmp_path):
    with pool(tmp_path, {"g": "hang 9"}, workers=1, timeout=1000.0) as executor:
        future = executor.submit(parse_formula("g"))
        wait_until(lambda: (tmp_path / "g").read_text() != "hang 9")
    assert future.done() and isinstance(future.exception(), TaskFailed)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (-9, "was killed (SIGKILL), most likely because memory ran out. Use fewer --workers, or a smaller model, "),
        (-15, "was killed (SIGTERM), most likely because memory ran out. Use fewer --workers, or a smaller model, "),
        (-11, "crashed (SIGSEGV), most likely in native code that the task uses. Set PYTHONFAULTHANDLER=1 to see "),
        (-6, "crashed (SIGABRT), most likely in native code that the task uses. Set PYTHONFAULTHANDLER=1 to see "),
        (-999, "was killed (signal 999), "),
        (0, "ended itself with exit code 0. Look at what it printed, and for what exits in the task's code or "),
        (3, "ended itself with exit code 3. Look at what it printed, and for what exits in the task's code or "),
    ],
)
def test_the_end_of_a_process_is_told_with_its_likely_cause(code, told):
    class Ended:
        exitcode = code

        def join(self):
            pass

    class Pipe:
        def poll(self, seconds):
            raise EOFError

    worker = ProcessWorker(None)
    worker._process, worker._pipe = Ended(), Pipe()
    answer = worker._answer(1.0)
    assert answer.status == "killed" and answer.message.startswith(f"The worker's process {told}")
    worker._process = None  # as after `stop` by another thread
    assert worker._answer(1.0) == Failed("killed", "It was stopped.")


class Unreadable:
    """Makes what answers with a class that only the worker has."""

    def __call__(self):
        return self.evaluate

    def evaluate(self, rule):
        module = types.ModuleType("only_here")
        exec("class Reward(float): pass", module.__dict__)
        module.Reward.__module__ = "only_here"
        sys.modules["only_here"] = module
        return dataclasses.replace(fakes.fake_evaluation(rule), reward=module.Reward(0.5))


def test_an_answer_that_cannot_be_read_is_a_failure(quick):
    with WorkerPool([ProcessWorker(Unreadable())]) as executor:
        evaluation = executor.submit(parse_formula("g")).result(timeout=300)
    assert evaluation.status == "killed" and "Its answer cannot be read: ModuleNotFoundError" in evaluation.message


def test_a_process_that_cannot_start(monkeypatch):
    def fail(self):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(ProcessWorker, "_new_process", fail)
    with (
        WorkerPool([ProcessWorker(Misbehaving(pathlib.Path()))]) as executor,
        pytest.raises(TaskFailed, match=r"It could not start: .*temporarily unavailable"),
    ):
        list(executor(RULES[:1]))


# -- A parent that ends ----------------------------------------------------------------------------

PARENT = """
import os, sys, time
sys.path[:0] = {path!r}
if __name__ == "__mp_main__" and {hangs!r}:
    print("importing", os.getpid(), flush=True)
    time.sleep(1000)
if __name__ == "__main__":
    import pathlib
    from neural_optimizer_search import parse_formula
    from test_processes import pool
    with pool(pathlib.Path({directory!r}), {{"g": "hang 9"}}, workers=1, timeout=1000.0) as executor:
        executor.submit(parse_formula("g")).result()
"""


@contextlib.contextmanager
def parent_process(directory, hangs=False):
    """A process whose one worker hangs with a rule, or while it imports."""
    script = directory / "parent.py"
    here = str(pathlib.Path(__file__).parent)
    script.write_text(PARENT.format(path=[here, *sys.path], directory=str(directory), hangs=hangs))
    command = [sys.executable, str(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        try:
            yield parent
        finally:
            parent.kill()


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split() + [
        child
        for thread in os.listdir(f"/proc/{pid}/task")
        if thread != str(pid)
        for child in pathlib.Path(f"/proc/{pid}/task/{thread}/children").read_text().split()
    ]


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Elsewhere a thread of the worker does it.")


@ON_LINUX
@pytest.mark.parametrize(
    ("death", "stopped"),
    [(signal.SIGKILL, True), pytest.param(signal.SIGTERM, False, marks=marks.only_long("A kill is harder."))],
)
def test_no_process_survives_its_parent(death, stopped, tmp_path):
    with parent_process(tmp_path) as parent:
        wait_until(lambda: (tmp_path / "g").exists() and (tmp_path / "g").read_text() == "hang 8")
        left = children(parent.pid)
        assert left
        for pid in left if stopped else ():
            if "spawn_main" in pathlib.Path(f"/proc/{pid}/cmdline").read_text():  # and not a helper of Python's
                os.kill(int(pid), signal.SIGSTOP)
        parent.send_signal(death)
        parent.wait()
        wait_until(lambda: not any(lives(pid) for pid in left), seconds=10.0)
        assert "Traceback" not in parent.stderr.read()


@ON_LINUX
def test_a_worker_that_still_imports_leaves_ctrl_c_to_its_parent_and_does_not_survive_it(tmp_path):
    with parent_process(tmp_path, hangs=True) as parent:
        _, worker = parent.stdout.readline().split()
        left = children(parent.pid)
        assert worker in left
        os.kill(int(worker), signal.SIGINT)
        time.sleep(0.5)
        assert lives(worker)
        parent.kill()
        parent.wait()
        wait_until(lambda: not any(lives(pid) for pid in left), seconds=10.0)
        assert "Traceback" not in parent.stderr.read()
