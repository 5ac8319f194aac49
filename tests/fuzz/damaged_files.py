"""What can be in the place of a file: a part of it, other bytes, or no file at all."""

import os
import shutil

import pytest
from worlds import remove


def _bytes(change):
    """A damage of the file's bytes."""

    def damage(path, rng, stranger):
        data = bytearray(path.read_bytes() if path.is_file() else b"")
        path.write_bytes(change(data, rng))

    return damage


def _flip(data, rng):
    for _ in range(min(20, len(data))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return data


def _zero_page(data, rng):
    start = 4096 * rng.randrange(max(1, len(data) // 4096))
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    return data


def _instead(make):
    """Something else in the file's place."""

    def damage(path, rng, stranger):
        remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        make(path, stranger)

    return damage


def copy(path, stranger):
    shutil.copytree(stranger, path) if stranger.is_dir() else shutil.copy2(stranger, path)


def _without_right(mode):
    def damage(path, rng, stranger):
        if path.exists():
            path.chmod(mode)
            if os.access(path, os.R_OK | os.W_OK):
                pytest.skip("root may do everything")

    return damage


BYTES = {
    "truncated": _bytes(lambda data, rng: data[: rng.randrange(len(data) or 1)]),
    "truncated a little": _bytes(lambda data, rng: data[: -rng.randrange(1, 100)]),
    "first bytes": _bytes(lambda data, rng: data[: rng.randrange(1, 100)]),
    "page zeroed": _bytes(_zero_page),
    "bits flipped": _bytes(_flip),
    "emptied": _bytes(lambda data, rng: b""),
    "garbage": _bytes(lambda data, rng: rng.randbytes(rng.randrange(1, 20_000))),
    "text": _bytes(lambda data, rng: b"This is no such file.\n" * rng.randrange(1, 1000)),
    "longer": _bytes(lambda data, rng: bytes(data) + rng.randbytes(5000)),
}
PLACES = {
    "missing": lambda path, rng, stranger: remove(path),
    "directory": _instead(lambda path, stranger: path.mkdir()),
    "pipe": _instead(lambda path, stranger: os.mkfifo(path)),
    "link to itself": _instead(lambda path, stranger: path.symlink_to(path.name)),
    "link to nothing": _instead(lambda path, stranger: path.symlink_to("no such file")),
    "link to the zeros": _instead(lambda path, stranger: path.symlink_to("/dev/zero")),
    "link to the null": _instead(lambda path, stranger: path.symlink_to("/dev/null")),
    "link to another's": _instead(lambda path, stranger: path.symlink_to(stranger)),
    "link to a thesis": _instead(
        lambda path, stranger: path.symlink_to(stranger.parents[1] / "mine" / "thesis.txt")
    ),
    "hard link to another's": _instead(
        lambda path, stranger: path.mkdir() if stranger.is_dir() else path.hardlink_to(stranger)
    ),
    "another's": _instead(copy),
    "unreadable": _without_right(0),
    "read-only": _without_right(0o400),
}  # fmt: skip
