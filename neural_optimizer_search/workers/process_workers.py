"""Workers that are processes on this machine."""

import contextlib
import functools
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Optional

from neural_optimizer_search.console import guard_output
from neural_optimizer_search.describe_error import describe_error
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.progress import Progress
from neural_optimizer_search.tasks.joint_task import Measurable
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.workers.end_with_parent import BindingName, end_with_parent
from neural_optimizer_search.workers.executor import LONGEST_SILENCE, MEASURE, Ask
from neural_optimizer_search.workers.measuring_worker import MeasuringWorker, make_evaluator
from neural_optimizer_search.workers.placement import ALL, ONE_THREAD, VISIBLE, Share, Wanted, place_here
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.worker import USE_LESS, Answer, Failed, StartAnswer, cannot_send

_environments = threading.Lock()  # workers start in several threads
# The signals that native code ends its own process with; others come from outside.
_CRASHES = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGTRAP}


class ProcessWorker:
    """A `Worker` in a separate process, which has its place at once.

    Args:
      make: See `MeasuringWorker`; it must pickle.
      serve: The function that the process runs, given its end of the pipe and `make`.
      share: The process's `Share`.
    """

    needs_place: bool = False

    def __init__(
        self,
        make: Callable[[], Any],
        serve: Optional[Callable[[Connection, Any], None]] = None,
        share: Share = ONE_THREAD,
    ):
        self._make, self._serve, self._share = make, serve or _serve, share
        self._process: Optional[BaseProcess] = None
        self._pipe: Connection  # `start` makes it
        self._progress: Optional[Progress] = None

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def progress(self) -> Optional[Progress]:
        return self._progress

    def start(self, seconds: Optional[float] = None) -> StartAnswer:
        try:
            self._process = self._new_process()
        except OSError as error:  # too many processes or open files
            return Failed("killed", f"It could not start: {error}.")
        return self._answer(seconds, "Its start")

    def measure(self, rule: Rule, seconds: float, ask: Ask = MEASURE) -> Answer:
        try:
            self._pipe.send((rule, ask))
        except OSError:
            pass  # the process ended, which the answer will say
        except Exception as error:  # what was asked does not pickle, so that nothing was sent
            return cannot_send(error)
        return self._answer(seconds, silence=LONGEST_SILENCE)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join()

    def _answer(self, seconds, what="It", silence=None):
        process, end = self._process, None if seconds is None else time.monotonic() + seconds
        try:
            while self._pipe.poll(_find_wait(end, silence)):
                answer = self._pipe.recv()
                if not isinstance(answer, Progress):
                    return answer
                self._progress = answer
        except (EOFError, OSError):
            return Failed("killed", "It was stopped." if process is None else _describe_end(process))
        except Exception as error:  # unpickling may run the user's classes
            return Failed("killed", f"Its answer cannot be read: {describe_error(error)}.")
        finally:
            self._progress = None
        if end is None or time.monotonic() < end:
            return Failed("timeout", f"{what} reported no progress for {silence} s.")
        return Failed("timeout", f"{what} took longer than the limit of {seconds:.0f} s.")

    def _new_process(self):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(
            target=self._serve, args=(theirs, self._make), daemon=True, name=BindingName("worker")
        )
        with _without_interrupts(), _environment(self._share):
            process.start()
        theirs.close()  # so that its end is seen here
        return process


def process_executor(
    task: Measurable, protocol: Protocol, data_dir: Optional[str] = None, wanted: Wanted = ALL
) -> WorkerPool:
    """An `Executor` whose workers are processes on this machine.

    Args:
      task, protocol, data_dir: See `Evaluator`; the task and the protocol must pickle.
      wanted: Resources of the processes; by default, there is one process per GPU, or per core.

    Raises:
      Misplaced: If they cannot have these resources.
    """
    make = functools.partial(make_evaluator, task, protocol, data_dir)
    placed = place_here(wanted)
    crew = [ProcessWorker(functools.partial(make, share), share=share) for share in placed.shares]
    return WorkerPool(crew, str(placed))


def begin_worker() -> None:
    """Makes a process leave Ctrl-C to its parent, end with it, and use one thread; call it there first."""
    _begin()
    ONE_THREAD.take()


def _begin():
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    guard_output()  # a user's task must not fail because of what it prints


@contextlib.contextmanager
def _without_interrupts():
    """A context in which started processes leave Ctrl-C to their parent even before `begin_worker`."""
    from multiprocessing import resource_tracker

    # Otherwise, it starts with the first process, and then lets interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _environment(share):
    """A context with the environment of the processes started in it; the user's values stay, except for the GPU."""
    with _environments:
        before = dict(os.environ)
        os.environ.update({name: value for name, value in share.environment.items() if name not in before})
        if share.gpu is not None:
            os.environ[VISIBLE] = share.gpu
        try:
            yield
        finally:
            for name in (*share.environment, VISIBLE):
                if name in before:
                    os.environ[name] = before[name]
                else:
                    os.environ.pop(name, None)


def _find_wait(end, silence):
    """Seconds until the earlier of the two limits; None if there is none."""
    left = None if end is None else max(0.0, end - time.monotonic())
    return left if silence is None else silence if left is None else min(left, silence)


def _describe_end(process):
    """What ended a process, its likely cause, and what to do."""
    process.join()
    code = process.exitcode
    if code >= 0:
        return (
            f"The worker's process ended itself with exit code {code}. Look at what it printed, and for what exits "
            "in the task's code or in a library that it uses."
        )
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if -code in _CRASHES:
        return (
            f"The worker's process crashed ({name}), most likely in native code that the task uses. Set "
            "PYTHONFAULTHANDLER=1 to see where."
        )
    return f"The worker's process was killed ({name}), most likely because memory ran out. {USE_LESS}"


def _serve(pipe, make):
    _begin()
    worker = MeasuringWorker(make, listen=pipe.send)
    # The pipe ends when the parent does; then there is nobody to tell.
    with contextlib.suppress(EOFError, ConnectionError):
        pipe.send(worker.prepare())
        while True:
            pipe.send(worker.measure(*pipe.recv()))
