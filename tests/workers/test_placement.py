"""What workers have: on GPUs that are pretended, or a list in place of TensorFlow's devices."""

import concurrent.futures
import functools
import os
import pathlib
import time
import types

import fakes
import marks
import pytest
import tensorflow as tf

from neural_optimizer_search import parse_formula
from neural_optimizer_search.workers import placement
from neural_optimizer_search.workers.executor import Ask
from neural_optimizer_search.workers.placement import (
    HIDDEN,
    PRETENDED,
    VISIBLE,
    Misplaced,
    Share,
    Wanted,
    find_gpus,
    place,
    place_here,
)
from neural_optimizer_search.workers.process_workers import ProcessWorker, process_executor
from neural_optimizer_search.workers.ray_workers import count_places, ray_executor

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch):
    """As on a machine where nobody says which GPUs are visible."""
    for name in (VISIBLE, PRETENDED):
        monkeypatch.delenv(name, raising=False)


def test_the_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(placement.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(placement.os, "sched_getaffinity", lambda process: {0, 7, 9}, raising=False)
    assert len(place_here(Wanted()).shares) == 3
    monkeypatch.delattr(placement.os, "sched_getaffinity")
    assert len(place_here(Wanted()).shares) == 64


@pytest.mark.parametrize(
    ("wanted", "visible", "shares", "title"),
    [
        (Wanted(), "", [Share()] * 6, "6 workers"),
        (Wanted(2), "", [Share()] * 2, "2 workers"),
        (Wanted(threads=4), "", [Share(4)], "1 worker, 4 threads each"),
        (Wanted(9, 4), "", [Share(4)] * 9, "9 workers, 4 threads each"),
        (Wanted(), "57", [Share(1, 1.0, "5"), Share(1, 1.0, "7")], "2 workers on 2 GPUs"),
        (Wanted(workers_per_gpu=2), "57", [Share(1, 0.5, gpu) for gpu in "5757"], "4 workers on 2 GPUs"),
        (Wanted(3, 2, workers_per_gpu=4), "57", [Share(2, 0.25, gpu) for gpu in "575"], "3 workers on 2 GPUs, 2 thr"),
        (Wanted(1), "57", [Share(1, 1.0, "5")], "1 worker on 1 GPU"),
        (Wanted(gpus=1), "57", [Share(1, 1.0, "5")], "1 worker on 1 GPU"),
        (Wanted(gpus=0), "57", [Share(gpu=HIDDEN)] * 6, "6 workers"),
        (Wanted(), [None, None], [Share(1, 1.0)] * 2, "2 workers on 2 GPUs"),
    ],
)
def test_workers_are_spread_over_the_gpus(wanted, visible, shares, title):
    placed = place(wanted, 6, list(visible))
    assert placed.shares == shares and str(placed).startswith(title)


@pytest.mark.parametrize(
    ("wanted", "visible", "message"),
    [
        (Wanted(gpus=3), "57", "argument --gpus: must be at most 2, as many as there are. Received: 3."),
        (Wanted(gpus=3), "", "argument --gpus: must be 0, because no GPU is seen here. Received: 3."),
        (Wanted(workers_per_gpu=2), "", "argument --workers_per_gpu: needs a GPU, and none is seen here. Rec"),
        (Wanted(gpus=0, workers_per_gpu=2), "5", "argument --workers_per_gpu: needs a GPU, and --gpus is 0. Rec"),
        (
            Wanted(5, workers_per_gpu=2),
            "57",
            "argument --workers: must be at most 4 with 2 GPUs .* Received: 5",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(wanted, visible, message):
    with pytest.raises(Misplaced, match=message):
        place(wanted, 6, list(visible))


def test_the_names_of_gpus(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["a", "b"])
    assert find_gpus() == ("0", "1")
    monkeypatch.setenv(VISIBLE, "3, GPU-5f")
    assert find_gpus() == ("3", "GPU-5f")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setenv(VISIBLE, HIDDEN)
    assert find_gpus() == ()


class FakeTensorFlow:
    """In place of `tf.config`: devices are a list, and what is set is noted."""

    def __init__(self, gpus):
        self.gpus, self.noted = gpus, []
        note = functools.partial(functools.partial, self._note)
        self.experimental = types.SimpleNamespace(set_memory_growth=note("growth"))
        self.threading = types.SimpleNamespace(
            set_intra_op_parallelism_threads=note("intra"), set_inter_op_parallelism_threads=note("inter")
        )
        self.set_logical_device_configuration, self.set_visible_devices = note("parts"), note("visible")
        self.LogicalDeviceConfiguration = dict

    def list_physical_devices(self, kind):
        return self.gpus

    def _note(self, *what):
        self.noted.append(what)


@pytest.fixture
def fake(monkeypatch):
    """Makes a `FakeTensorFlow` of devices what the placement sees."""

    def make(*gpus):
        found = FakeTensorFlow(list(gpus))
        monkeypatch.setattr(placement, "tf", types.SimpleNamespace(config=found))
        return found

    return make


def test_a_worker_takes_memory_as_it_needs_it_or_its_part(fake, monkeypatch):
    threads = [("intra", 2), ("inter", 1)]
    monkeypatch.setenv(VISIBLE, "7")
    monkeypatch.setattr(placement, "read_memory", {"7": 1000}.get)
    for share, noted in (
        (Share(2, 1.0, "7"), [("growth", "gpu", True)]),
        (Share(2), [("growth", "gpu", True)]),
        (Share(2, 0.25, "7"), [("parts", "gpu", [dict(memory_limit=250)])]),
    ):
        config = fake("gpu")
        share.take()
        assert config.noted == [*threads, *noted]
    config = fake()
    Share(2).take()
    assert config.noted == threads


def test_a_gpu_that_tensorflow_does_not_see_is_not_replaced_by_the_cpu(fake, monkeypatch):
    fake()
    monkeypatch.setenv(VISIBLE, "7")
    with pytest.raises(Misplaced, match=r"A worker has GPU 7, and TensorFlow does not .*tensorflow\[and-cuda\]"):
        Share(1, 1.0, "7").take()


def test_a_parent_leaves_the_gpus(fake):
    config = fake("gpu")
    placement.leave_gpus()
    assert config.noted == [("visible", [], "GPU")]
    config = fake()
    placement.leave_gpus()
    assert config.noted == []


def test_the_memory_of_a_gpu(monkeypatch, tmp_path):
    smi = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Misplaced, match="argument --workers_per_gpu: must be 1 where nvidia-smi does not say"):
        placement.read_memory("7")
    smi.write_text('#!/bin/sh\n[ "$3" = --id=7 ] && echo 81559\n')
    smi.chmod(0o755)
    assert placement.read_memory("7") == 81559
    with pytest.raises(Misplaced, match="argument --workers_per_gpu: must be 1"):
        placement.read_memory("8")


def report(evaluator, rule):
    """What a worker's process was started with, and what its TensorFlow was told."""
    began = dict(line.split("=", 1) for line in pathlib.Path("/proc/self/environ").read_text().split("\0") if line)
    began = dict(os.environ) if "RAY_JOB_ID" in os.environ else began  # Ray sets it before it reads what is asked
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    return dict(gpu=began.get(VISIBLE), openmp=began["OMP_NUM_THREADS"], threads=threads)


def make_nothing():
    return lambda rule: None


def test_processes_begin_with_their_own_gpu_and_threads(monkeypatch, tmp_path):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv(PRETENDED, "3")
    with process_executor(fakes.BLOBS, fakes.TINY, wanted=Wanted(threads=2)) as executor:
        assert executor.title == "3 workers on 3 GPUs, 2 threads each"
        ask = Ask(report_together, dict(directory=tmp_path, count=3))
        futures = [executor.submit(parse_formula("g"), ask) for _ in range(3)]
        reports = [future.result() for future in futures]
    assert sorted(reports, key=lambda one: one["gpu"]) == [dict(gpu=gpu, openmp="2", threads=2) for gpu in "012"]


def report_together(evaluator, rule, directory, count):
    """A report, once so many workers are asked for one: no worker makes two."""
    directory.joinpath(str(os.getpid())).touch()
    end = time.monotonic() + 120
    while len(list(directory.iterdir())) < count and time.monotonic() < end:
        time.sleep(0.05)
    return report(evaluator, rule)


@marks.NEEDS_RAY
def test_ray_hands_out_the_gpus(monkeypatch, tmp_path):
    monkeypatch.setenv(PRETENDED, "2")
    with ray_executor(fakes.BLOBS, fakes.TINY, wanted=Wanted(workers_per_gpu=2)) as executor:
        assert executor.title == "4 workers on 2 GPUs, run by Ray"
        ask = Ask(report_together, dict(directory=tmp_path, count=4))
        reports = [future.result() for future in [executor.submit(parse_formula("g"), ask) for _ in range(4)]]
    assert sorted(one["gpu"] for one in reports) == list("0011")
    assert {(one["openmp"], one["threads"]) for one in reports} == {("1", 1)}


def test_what_a_process_was_started_with_stays_its_own(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # as a person set it
    before = dict(os.environ)

    def ask(gpu):
        worker = ProcessWorker(make_nothing, share=Share(gpu=gpu))
        try:
            worker.start()
            return worker.measure(parse_formula("g"), 60.0, Ask(report)).evaluation
        finally:
            worker.stop()

    gpus = "4", "5", None
    with concurrent.futures.ThreadPoolExecutor() as threads:
        reports = list(threads.map(ask, gpus))
    expected = [dict(gpu=gpu or before.get(VISIBLE), openmp="3", threads=0) for gpu in gpus]
    assert reports == expected  # this worker takes no share, and TensorFlow says 0 for as many threads as it likes
    assert dict(os.environ) == before


def test_what_the_nodes_of_a_cluster_have_room_for():
    assert count_places([2, 3], Wanted(threads=1)) == 5 and count_places([2, 3, 0], Wanted(threads=2)) == 2
    with pytest.raises(Misplaced, match=r"argument --threads_per_worker: must be at most 3, .* Received: 4\."):
        count_places([2, 3], Wanted(threads=4))
    for nothing in ([], [0]):
        with pytest.raises(Misplaced, match="argument --ray_address: must be a cluster with CPUs"):
            count_places(nothing, Wanted())
