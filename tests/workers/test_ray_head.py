"""What is said of a cluster that does not answer, or no more; with a stand-in for Ray."""

import socket
import sys
import types

import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.workers import ray_head, ray_workers
from neural_optimizer_search.workers.ray_head import VAIN_LOOKS, Head
from neural_optimizer_search.workers.ray_workers import NoCluster, RayWorker, start_ray
from neural_optimizer_search.workers.worker import Failed, Unmeasurable

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
        method = types.SimpleNamespace(remote=lambda *arguments: "reference")
        actor = types.SimpleNamespace(prepare=method, measure=method)
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
        "timeout", "Its start, or a place for it on the cluster, took longer than the limit of 0 s."
    )
    assert worker.measure(parse_formula("g"), 0.02) == Failed("timeout", "It took longer than the limit of 0 s.")
    ray.error = StandIn.Other("\n")
    assert worker.measure(parse_formula("g"), 0.02).status in ("killed", "out of memory")


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
