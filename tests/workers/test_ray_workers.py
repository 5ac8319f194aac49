"""Workers on a Ray that the tests start on this machine, with two CPUs."""

import os
import sys

import fakes
import marks
import pytest
from environments import python_path
from measured import RULES, rewards
from misbehaving import Misbehaving

from neural_optimizer_search import parse_formula
from neural_optimizer_search.command_line import MissingPackage
from neural_optimizer_search.workers.measuring_worker import MeasuringWorker
from neural_optimizer_search.workers.placement import Wanted
from neural_optimizer_search.workers.pool import WorkerPool
from neural_optimizer_search.workers.process_workers import process_executor
from neural_optimizer_search.workers.ray_workers import RayWorker, ray_executor

# Not imported here: Ray reads its environment at the first import.
pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    marks.NEEDS_RAY,
]


# As the kernel shows them: 127.0.0.1, ::1, and ::ffff:127.0.0.1.
LOOPBACK = {"0100007F", "0" * 24 + "01000000", "0" * 16 + "FFFF00000100007F"}


@pytest.fixture(scope="module")
def executor():
    with ray_executor(fakes.BLOBS, fakes.TINY, wanted=Wanted(2)) as executor:
        yield executor


def test_it_listens_on_loopback_alone(executor):
    import ray

    assert executor.workers == 2
    assert {node["NodeManagerAddress"] for node in ray.nodes()} == {"127.0.0.1"}
    listening = {address for address, pid in _listening() if _is_of(pid, os.getpid())}
    assert listening and listening <= LOOPBACK


def _listening():
    """(local address in hexadecimal, process) of every listening TCP socket of this machine."""
    inodes = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            for line in list(file)[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    inodes[fields[9]] = fields[1].partition(":")[0]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            for number in os.listdir(f"/proc/{pid}/fd"):
                target = os.readlink(f"/proc/{pid}/fd/{number}")
                if target.startswith("socket:[") and target[8:-1] in inodes:
                    yield inodes[target[8:-1]], int(pid)
        except OSError:
            pass  # it ended, or is somebody else's


def _is_of(pid, ancestor):
    while pid > 1:
        if pid == ancestor:
            return True
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


def test_the_rewards_are_those_of_the_local_workers(executor):
    on_ray = rewards(executor, RULES)
    with process_executor(fakes.BLOBS, fakes.TINY, wanted=Wanted(1)) as local:
        assert on_ray == rewards(local, RULES)


@marks.only_long("Slow; tests/contracts has each failure.")
def test_a_worker_that_fails(executor, tmp_path):
    import ray

    (tmp_path / "g").write_text("die 1")
    (tmp_path / "v").write_text("fail 2")
    (tmp_path / "g^2").write_text("hang 1")
    rules = [parse_formula(text) for text in ("g", "v", "g^2", "sign(g)")]
    # The other pool's actors hold both CPUs.
    for worker in executor._crew:
        worker.stop()
    environment = {"PYTHONPATH": python_path()}
    crew = [RayWorker(ray, MeasuringWorker, Misbehaving(tmp_path), environment=environment) for _ in range(2)]
    with WorkerPool(crew) as pool:
        pool.timeout = 5.0
        found = {evaluation.rule.formula(): evaluation.status for evaluation in pool(rules)}
    assert found == {"g": "ok", "v": "failed", "g^2": "ok", "sign(g)": "ok"}


def test_without_ray(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    message = r"pip install 'neural-optimizer-search\[distributed\]'"
    with pytest.raises(MissingPackage, match=message), ray_executor(fakes.BLOBS, fakes.TINY):
        pass
