"""Files of named arrays (.npz) from any source: nothing larger than expected is unpacked."""

import contextlib
import math
import os
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, Optional, Union

import numpy as np

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.files import Damaged, require_regular

# The exceptions of `zipfile` and NumPy for malformed files, except for MemoryError.
_UNREADABLE = (
    ValueError, TypeError, LookupError, SyntaxError, EOFError, OSError, OverflowError, RuntimeError,
    zipfile.BadZipFile, zlib.error, struct.error, tokenize.TokenError
)  # fmt: skip
_LONGEST_REASON = 300


class ArrayFile:
    """Reads the arrays of an open archive; every method raises one of `_UNREADABLE` for anything unexpected."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._archive.namelist()

    def require_only(self, *names: str) -> None:
        """Raises a ValueError if there are other arrays: one could be an optional array whose name is damaged."""
        others = sorted(set(self._archive.namelist()) - {f"{name}.npy" for name in names})
        if others:
            raise ValueError(f"{others[0]!r} is not expected.")

    def shape(self, name: str, rank: int) -> tuple[int, ...]:
        """Returns the declared shape of an array with `rank` dimensions, after checking its size in bytes."""
        shape, _ = self._read_header(name)
        if len(shape) != rank:
            raise ValueError(f"{name!r} has the shape {list(shape)}, where {rank} dimensions were expected.")
        return shape

    def read(
        self, name: str, shape: Sequence[int] = (), dtypes: Sequence[str] = ("float64",), finite: bool = True
    ) -> np.ndarray:
        """Reads an array.

        Args:
          name: The name of the array.
          shape: The required shape.
          dtypes: The allowed dtypes.
          finite: Whether all numbers must be finite.
        """
        found, dtype = self._read_header(name)
        if found != tuple(shape):
            raise ValueError(f"{name!r} has the shape {list(found)}, where {list(shape)} was expected.")
        if dtype not in [np.dtype(allowed) for allowed in dtypes]:
            raise ValueError(f"{name!r} has the dtype {dtype}, where {' or '.join(dtypes)} was expected.")
        array = self._read(name)
        if finite and not np.isfinite(array).all():
            raise ValueError(f"{name!r} has numbers that are not finite.")
        return array

    def read_text(self, name: str) -> str:
        """Reads a string that was saved as an array."""
        shape, dtype = self._read_header(name)
        if shape or not dtype.str.startswith("<U"):
            raise ValueError(f"{name!r} is not a text.")
        return self._read(name).tobytes().decode("utf-32-le").rstrip("\0")

    def _read(self, name):
        # Read up to the last byte, because `zipfile` compares the checksum there.
        with self._open(name) as member:
            return np.lib.format.read_array(member, allow_pickle=False)

    def _read_header(self, name) -> tuple[tuple[int, ...], Any]:
        with self._open(name) as member:
            if np.lib.format.read_magic(member) != (1, 0):
                raise ValueError(f"{name!r} is in a format that this program does not write.")
            shape, _, dtype = np.lib.format.read_array_header_1_0(member)
            claimed = member.tell() + math.prod(shape) * dtype.itemsize
        size = self._archive.getinfo(f"{name}.npy").file_size
        if dtype.hasobject or min(shape, default=0) < 0 or claimed != size:
            raise ValueError(f"{name!r} has {size} bytes, which do not make {dtype} numbers of shape {list(shape)}.")
        return shape, dtype

    def _open(self, name):
        if name not in self:
            raise ValueError(f"{name!r} is missing.")
        info = self._archive.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name!r} is packed in a way that this program does not use.")
        return self._archive.open(info)


@contextlib.contextmanager
def open_arrays(path: Union[str, os.PathLike], what: str, most: Optional[int] = None) -> Iterator[ArrayFile]:
    """Opens a file written by `np.savez` or `np.savez_compressed`, for reading within a `with` statement.

    Args:
      path: Path of the file.
      what: What the file should hold, for the error message, such as "policy".
      most: The maximum size in bytes, both of the file and of its unpacked arrays; None for no limit.

    Raises:
      FileNotFoundError, OSError: If it is missing or cannot be opened.
      Damaged: If it is not such a file, or has unexpected contents.
    """
    require_regular(path)
    with open(path, "rb") as file:
        try:
            _require_at_most(most, os.fstat(file.fileno()).st_size)
            with zipfile.ZipFile(file) as archive:
                # Before anything is unpacked; zipfile does not unpack more of a member than it declares.
                _require_at_most(most, sum(info.file_size for info in archive.infolist()))
                yield ArrayFile(archive)
        except _UNREADABLE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise Damaged(f"{path} holds no {what}: {shorten(reason.rstrip('.'), _LONGEST_REASON)}.") from None


def write_arrays(file: IO[bytes], arrays: Mapping[str, Any], packed: bool = False) -> None:
    """Writes the same bytes as `np.savez`, or as `np.savez_compressed` if `packed` is True.

    NumPy's functions leave a `ZipFile` open if the disk is full, and it prints a traceback when garbage-collected.
    """
    compression = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def _require_at_most(most, size):
    if most is not None and size > most:
        raise ValueError(f"it has {size} bytes, more than the {most} that such a file may have.")
