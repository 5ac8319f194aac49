"""What is said of a cluster that does not answer, or no more; with a stand-in for Ray."""

import contextlib
import socket
import sys
import types

import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.workers import ray_head, ray_workers
from neural_optimizer_search.workers.config import EXECUTORS, WorkerConfig
from neural_optimizer_search.workers.ray_head import VAIN_LOOKS, Head
from neural_optimizer_search.workers.ray_workers import NoCluster, RayWorker, start_ray
from neural_optimizer_search.workers.worker import Failed, Ready, Unmeasurable

pytestmark = pytest.mark.once


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(ray_head, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(ray_workers, "LOOK_SECONDS", 0.001)


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address_of(server):
    return f"127.0.0.1:{server.getsockname()[1]}"


class StandIn(types.SimpleNamespace):
    """A module `ray` whose actors never answer, connected with a head."""

    class Timeout(TimeoutError):
        pass

    class Other(Exception):
        pass

    def __init__(self, address, error=None):
        names = ("OutOfMemoryError", "RayActorError", "RayError")
        super().__init__(
            exceptions=types.SimpleNamespace(GetTimeoutError=self.Timeout, **{n: self.Other for n in names})
        )
        self.address, self.error, self.calls = address, error, []
        self.__spec__ = types.SimpleNamespace(name="ray")

    def get_runtime_context(self):
        return types.SimpleNamespace(gcs_address=self.address)

    def remote(self, **options):
        names = ("__ray_ready__", "prepare", "measure")
        methods = {name: types.SimpleNamespace(remote=lambda *arguments, name=name: name) for name in names}
        actor = types.SimpleNamespace(**methods)
        return lambda kind: types.SimpleNamespace(remote=lambda *arguments: actor)

    def get(self, reference, timeout):
        raise self.Timeout() if self.error is None else self.error

    def kill(self, actor):
        self.calls.append("kill")

    def init(self, **options):
        if self.error is not None:
            raise self.error

    def shutdown(self):
        self.calls.append("shutdown")


def test_a_head_is_lost_after_several_looks(listening, monkeypatch):
    monkeypatch.setattr(ray_head, "LOOK_SECONDS", 0.0)
    head = Head(address_of(listening))
    assert not any(head.is_lost() for _ in range(2 * VAIN_LOOKS))
    monkeypatch.setattr(ray_head, "answers", lambda address: False)
    assert [head.is_lost() for _ in range(VAIN_LOOKS)] == [False] * (VAIN_LOOKS - 1) + [True]
    monkeypatch.setattr(ray_head, "answers", lambda address: True)
    assert not head.is_lost()  # it was started anew
    assert not Head(None).is_lost()


def test_one_does_not_look_each_time_that_one_is_asked(listening, monkeypatch):
    looks = []
    monkeypatch.setattr(ray_head, "answers", looks.append)
    head = Head(address_of(listening))
    for _ in range(100):
        head.is_lost()
    assert len(looks) == 1


@pytest.mark.parametrize("address", ["127.0.0.1:1", "[::1]:1", "nonsense"])
def test_what_is_no_head_does_not_answer(address):
    assert not ray_head.answers(address)


def test_a_host_that_has_no_address_does_not_answer(monkeypatch):
    asked = []

    def connect(address, timeout):
        asked.append(address)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", connect)
    assert not ray_head.answers("no.such.host:80") and asked == [("no.such.host", 80)]


def test_workers_of_a_lost_head_say_so_and_end(quick):
    ray = StandIn("127.0.0.1:1")
    worker = RayWorker(ray, object)
    message = "The Ray cluster at 127.0.0.1:1 does not answer any more."
    assert worker.start() == Unmeasurable(message)
    assert worker.measure(parse_formula("g"), 1000.0) == Unmeasurable(message)
    worker.stop()
    assert ray.calls == []  # each call would wait for the head


def test_workers_of_a_head_that_answers_have_their_time(quick, listening):
    ray = StandIn(address_of(listening))
    worker = RayWorker(ray, object)
    assert worker.start(0.02) == Failed(
        "timeout", "Finding a place for it on the cluster took longer than the limit of 0 s."
    )
    assert worker.measure(parse_formula("g"), 0.02) == Failed("timeout", "It took longer than the limit of 0 s.")
    ray.error = StandIn.Other("\n")
    assert worker.measure(parse_formula("g"), 0.02).status in ("killed", "out of memory")


def test_a_worker_waits_for_a_place_and_then_starts(quick, listening, monkeypatch):
    """Both within one limit."""
    ray, seen = StandIn(address_of(listening)), []
    answers = [StandIn.Timeout(), True, Ready()]
    worker = RayWorker(ray, object)

    def get(reference, timeout):
        seen.append((reference, worker.needs_place))
        answer = answers.pop(0) if answers else StandIn.Timeout()
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(ray, "get", get)
    assert not worker.needs_place and worker.start() == Ready() and not worker.needs_place
    assert seen == [("__ray_ready__", True), ("__ray_ready__", True), ("prepare", False)]
    answers += [True]
    assert worker.start(0.02) == Failed("timeout", "Its start took longer than the limit of 0 s.")


def test_that_ray_starts_is_said_before(monkeypatch, capsys):
    def open_nothing(*arguments):
        said.append(capsys.readouterr().out)
        return contextlib.nullcontext(types.SimpleNamespace())

    said = []
    for name in ("local", "ray"):
        monkeypatch.setitem(EXECUTORS, name, open_nothing)
    for flags in (dict(executor="ray"), dict(executor="ray", ray_address="auto"), {}):
        with WorkerConfig(**flags).open_executor(None, None):
            pass
    assert said == [
        "Starts Ray here, which takes some seconds.\n",
        "Connects to the Ray cluster at auto, which takes some seconds.\n",
        "",
    ]


@pytest.mark.parametrize(("error", "text"), [
    (ConnectionError("nobody\nthere"), "nobody"), (RuntimeError("Version mismatch."), "Version mismatch"),
    (AssertionError(), "AssertionError"),
])  # fmt: skip
def test_where_ray_does_not_connect_it_is_said(error, text, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", StandIn("auto", error))
    message = (
        rf"^argument --ray_address: Ray does not connect to auto: {text}\. .* demands a token, set RAY_AUTH_MODE"
    )
    with pytest.raises(NoCluster, match=message), start_ray(address="auto"):
        pass
    with pytest.raises(NoCluster, match=rf"^Ray does not start here: {text}\.$"), start_ray():
        pass


def test_where_nothing_listens_ray_is_not_asked(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", ray := StandIn("127.0.0.1:1", AssertionError()))
    message = r"^argument --ray_address: nothing answers at 127\.0\.0\.1:1\. Start a cluster"
    with pytest.raises(NoCluster, match=message), start_ray(address="127.0.0.1:1"):
        pass
    assert ray.calls == []


def test_another_broken_connection_is_not_taken_for_it(monkeypatch, listening):
    monkeypatch.setitem(sys.modules, "ray", ray := StandIn(address_of(listening)))
    with pytest.raises(BrokenPipeError), start_ray(address="auto"):
        raise BrokenPipeError("of standard output")
    assert ray.calls == ["shutdown"]
