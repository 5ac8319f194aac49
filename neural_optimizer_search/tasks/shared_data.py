"""Keeps large data in the memory of a machine only once, however many workers train on it.

The first worker writes an array to a file, which all workers map: the system keeps the pages of a file only once. The
file's name is a hash of its contents, which is checked before use. A file that no process maps any more is removed
when the next worker shares data, and when workers end.
"""

import contextlib
import fcntl
import hashlib
import math
import os
import pathlib
import stat
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.file_lock import hold_directory

LEAST_BYTES = 2**24  # smaller data are not worth a file
LONGEST_WAIT = 60.0  # seconds that another process may take to write its data
ALIGNMENT = 64  # bytes; TensorFlow copies tensors that are aligned less
_NUMBERS = (np.float16, np.float32, np.float64, np.uint8, np.int8, np.int16, np.int32, np.int64)
# Descriptors of the files that this process maps: while one is open, its lock marks the file as in use.
_mapped: dict[str, int] = {}


def is_large(parts: Sequence[Any], least: Optional[int] = None) -> bool:
    """Whether arrays or dense tensors are numeric, in host memory, and large enough together.

    Args:
      parts: Arrays or tensors.
      least: Minimum total number of bytes; by default, the size that is worth a file.
    """
    if any(isinstance(part, tf.RaggedTensor) or not hasattr(part, "dtype") for part in parts):
        return False
    dtypes = [tf.as_dtype(part.dtype) for part in parts]
    count = sum(math.prod(part.shape) * dtype.size for part, dtype in zip(parts, dtypes))
    of_numbers = all(dtype.as_numpy_dtype in _NUMBERS for dtype in dtypes)
    return (
        count >= (LEAST_BYTES if least is None else least)
        and of_numbers
        and not tf.config.list_logical_devices("GPU")
    )


def share(arrays: Sequence[Any]) -> tf.Tensor:
    """Concatenates parts to one tensor in memory that all processes of this user share.

    If the file cannot be written, the tensor is private to the process.

    Args:
      arrays: Arrays or tensors of numbers.
    """
    whole = np.concatenate([np.asarray(array) for array in arrays]) if len(arrays) > 1 else np.asarray(arrays[0])
    whole = np.ascontiguousarray(whole, whole.dtype.newbyteorder("="))
    try:
        with _hold_own_directory(LONGEST_WAIT) as directory:
            path = directory / _name(whole)
            _remove_unused(directory, path)
            mapped = _map(path, whole)
            if mapped is None:
                _write(path, whole)
                mapped = _map(path, whole)
            return leave_pool(whole) if mapped is None else _as_tensor(mapped)
    except OSError:
        return leave_pool(whole)


def leave_pool(part: Any) -> tf.Tensor:
    """Copies a tensor to memory that returns to the system when it is freed; TensorFlow would keep its own memory."""
    array = np.asarray(part)
    room = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return _as_tensor(copy)


def _as_tensor(array):
    return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def remove_unused() -> None:
    """Removes the files that no process maps, unless another process is doing so."""
    with contextlib.suppress(OSError), _hold_own_directory(0.0) as directory:
        _remove_unused(directory)


def find_directory() -> pathlib.Path:
    """The directory of this user's files."""
    return pathlib.Path(tempfile.gettempdir(), f"neural_optimizer_search-{os.getuid()}")


@contextlib.contextmanager
def _hold_own_directory(seconds) -> Iterator[pathlib.Path]:
    """Holds this user's directory, so that no other process writes or removes anything in it.

    Raises:
      OSError: If another process still holds it after `seconds`, or if it is not this user's alone.
    """
    directory = find_directory()
    directory.mkdir(mode=0o700, exist_ok=True)
    found = os.lstat(directory)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError(f"{directory} is not this user's alone.")
    with hold_directory(directory, seconds):
        yield directory


def _name(array):
    about = f"{array.dtype.str} {array.shape}".encode()
    return hashlib.blake2b(array.data, key=about[:64], digest_size=16).hexdigest()


def _write(path, array):
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with open(unfinished, "xb") as file:
        array.tofile(file)
    os.replace(unfinished, path)


def _map(path, array):
    """The array from the file; None if the file is missing or holds something else."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode) or os.path.getsize(path) != array.nbytes:
            return None
    except FileNotFoundError:
        return None
    # NumPy does not pass read-only arrays to TensorFlow; changes to this copy-on-write one stay in the process.
    mapped = np.memmap(path, array.dtype, "c", shape=array.shape)
    if _name(mapped) != path.name:
        return None
    if path.name not in _mapped:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _mapped[path.name] = descriptor
    return mapped


def _remove_unused(directory, but=None):
    for path in directory.iterdir():
        if path == but:
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe would block
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
            finally:
                os.close(descriptor)
