"""Large data that processes share, and that are the same data."""

import os
import subprocess
import sys

import fakes
import marks
import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks import batch_store, in_memory, shared_data
from neural_optimizer_search.tasks.in_memory import read_into_memory
from neural_optimizer_search.tasks.shared_data import is_large, leave_pool, remove_unused, share

pytestmark = pytest.mark.once

ARRAY = np.arange(60.0, dtype=np.float32).reshape(20, 3)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """Where files are shared in this test, in which everything is large."""
    monkeypatch.setattr(shared_data, "find_directory", lambda: tmp_path / "shared")
    monkeypatch.setattr(shared_data, "_mapped", {})
    for module, name in ((shared_data, "LEAST_BYTES"), (batch_store, "LEAST_KEPT"), (in_memory, "PART_BYTES")):
        monkeypatch.setattr(module, name, 16)
    return tmp_path / "shared"


def files(directory):
    return sorted(path.name for path in directory.iterdir())


def test_one_file_for_the_same_data(directory):
    for parts in ([ARRAY], [ARRAY[:5], tf.constant(ARRAY[5:])]):
        np.testing.assert_array_equal(share(parts), ARRAY)
    assert len(files(directory)) == 1
    share([ARRAY.astype(np.float64)])
    share([ARRAY.reshape(30, 2)])
    assert len(files(directory)) == 3


def test_what_is_written_to_it_stays_here(directory):
    first = share([ARRAY])
    mapped = np.memmap(directory / files(directory)[0], np.float32, "c")
    mapped[:] = 0
    np.testing.assert_array_equal(first, ARRAY)


ANOTHER = """
import sys, pathlib
import numpy as np
from neural_optimizer_search.tasks import shared_data
shared_data.find_directory = lambda: pathlib.Path({directory!r})
found = shared_data.share([np.arange(60.0, dtype=np.float32).reshape(20, 3)])
print(sum("{name}" in line for line in open("/proc/self/maps")), flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
def test_another_process_maps_the_file_and_keeps_it(directory, monkeypatch):
    share([ARRAY])
    (name,) = files(directory)
    code = ANOTHER.format(directory=str(directory), name=name)
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as other:
        assert int(other.stdout.readline()) >= 1
        for descriptor in shared_data._mapped.values():
            os.close(descriptor)
        remove_unused()
        assert files(directory) == [name]
        other.kill()
    remove_unused()
    assert files(directory) == []


def test_what_this_process_maps_stays(directory):
    share([ARRAY])
    remove_unused()
    assert len(files(directory)) == 1


def test_a_full_disk_costs_memory_and_nothing_else(directory, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shared_data, "_write", fail)
    np.testing.assert_array_equal(share([ARRAY]), ARRAY)


def test_half_a_file_is_not_read(directory):
    class Half(np.ndarray):
        def tofile(self, file):
            file.write(b"half")
            raise KeyboardInterrupt

    directory.mkdir(mode=0o700)
    with pytest.raises(KeyboardInterrupt):
        shared_data._write(directory / "name", ARRAY.view(Half))
    np.testing.assert_array_equal(share([ARRAY]), ARRAY)


@pytest.mark.parametrize("damage", ["short", "other", "pipe", "directory"])
def test_a_damaged_file_is_not_used(directory, damage):
    share([ARRAY])
    (name,) = files(directory)
    path = directory / name
    path.unlink()
    if damage == "pipe":
        os.mkfifo(path)
    elif damage == "directory":
        path.mkdir()
    else:
        path.write_bytes(b"x" * (ARRAY.nbytes - (damage == "short")))
    np.testing.assert_array_equal(share([ARRAY]), ARRAY)
    if damage != "directory":
        assert path.read_bytes() == ARRAY.tobytes()


@pytest.mark.parametrize("array", [np.asfortranarray(ARRAY), ARRAY.astype(">f4"), ARRAY[::-1], ARRAY.T])
def test_any_order_in_memory(array, directory):
    tensor = share([array])
    np.testing.assert_array_equal(tensor, array)
    np.testing.assert_array_equal(share([np.array(array, np.float32, order="C")]), array)
    assert len(files(directory)) == 1


def test_nobody_waits_only_to_clean_up(directory):
    share([ARRAY])
    with shared_data._hold_own_directory(0.0):
        remove_unused()  # returns at once
        with pytest.raises(TimeoutError), shared_data._hold_own_directory(0.1):
            pass


def test_a_directory_that_others_may_write_is_not_used(directory):
    directory.mkdir()
    directory.chmod(0o777)
    np.testing.assert_array_equal(share([ARRAY]), ARRAY)
    assert files(directory) == []


def test_memory_of_its_own(directory):
    for dtype in (np.float32, np.float64, np.int64, np.uint8, np.float16):
        array = ARRAY.astype(dtype)
        np.testing.assert_array_equal(leave_pool(array), array)


@pytest.mark.parametrize("part", [
    tf.constant(["a", "b"] * 20), tf.ragged.constant([[1.0], [2.0, 3.0]] * 20), np.zeros(50, bool), np.zeros(3),
    np.zeros(40, np.complex64), tf.zeros([40], tf.bfloat16),
])  # fmt: skip
def test_what_is_not_shared(part, monkeypatch):
    monkeypatch.setattr(shared_data, "LEAST_BYTES", 32)
    assert not is_large([part])


def as_dataset():
    return tf.data.Dataset.from_tensor_slices((ARRAY, np.arange(20))).batch(6)


@pytest.mark.parametrize(
    "data", [(ARRAY, np.arange(20)), as_dataset, (tf.constant(ARRAY), tf.range(20, dtype=tf.int64))]
)
@pytest.mark.parametrize("limit", [pytest.param(20, marks=marks.only_long("They are then read in one part.")), 7])
def test_data_read_in_parts_are_the_data(data, limit, directory):
    x, y = read_into_memory(data, "train", limit=limit).data
    np.testing.assert_array_equal(x, ARRAY[:limit])
    np.testing.assert_array_equal(y, np.arange(limit))
    assert files(directory)


def test_a_training_is_the_same(monkeypatch):
    child = fakes.BLOBS.child(fakes.TINY)
    how = parse_formula("drop(Adam, 0.2)"), RunPlan(0.1, 0, 8, 4)
    shared = ChildTraining(child)(*how)
    monkeypatch.setattr(shared_data, "LEAST_BYTES", 2**24)
    np.testing.assert_array_equal(shared.losses, ChildTraining(child)(*how).losses)
