"""A search for Python interpreters that have a Keras backend."""

import argparse
import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.user_error import UserError

BACKENDS = ("tensorflow", "jax", "torch")

ROOT = pathlib.Path(__file__).parents[3]
# Where the Makefile installs Keras 3.
_ENVIRONMENTS = tuple(str(ROOT / name / "bin" / "python") for name in (".venv-keras3", ".venv-torch"))

# It imports no backend, and only looks for them. Keras 2 runs only on TensorFlow.
_PROBE = """
import importlib.metadata, importlib.util, json, sys
has = lambda name: importlib.util.find_spec(name) is not None
keras_3 = has("keras") and not importlib.metadata.version("keras").startswith("2.")
print(json.dumps([b for b in sys.argv[1:] if has("keras") and has(b) and (keras_3 or b == "tensorflow")]))
"""


class Interpreter(NamedTuple):
    """A Python that the user named for a backend."""

    backend: str
    path: str


def parse_interpreter(text: str) -> Interpreter:
    """The `type` of a flag that takes BACKEND=PATH."""
    backend, _, path = text.partition("=")
    if backend not in BACKENDS or not path:
        raise argparse.ArgumentTypeError(
            f"must be BACKEND=PATH, with a BACKEND of {', '.join(BACKENDS)}, such as jax=.venv-keras3/bin/python. "
            f"Received: {shorten(text)!r}."
        )
    return Interpreter(backend, path)


def find_interpreter(backend: str, named: Sequence[Interpreter] = ()) -> Optional[str]:
    """The path of the first Python that has Keras and this backend, or None.

    Args:
      backend: One of `BACKENDS`.
      named: Interpreters that the user named; if any is for this backend, no other is tried.

    Raises:
      UserError: If a named interpreter is not a program.
    """
    asked = [_find_program(one) for one in named if one.backend == backend] or [sys.executable, *_ENVIRONMENTS]
    return next((path for path in asked if backend in _backends_of(path)), None)


def _find_program(one):
    found = shutil.which(one.path)
    if found is None:
        raise UserError(
            f"argument --python: {one.backend}=PATH must name a Python that runs. Received: {shorten(one.path)!r}."
        )
    return os.path.abspath(found)  # not resolved, because the Python of a virtual environment is a link


@functools.cache
def _backends_of(path):
    if not os.path.exists(path):
        return ()
    found = subprocess.run([path, "-c", _PROBE, *BACKENDS], capture_output=True, text=True, check=False)
    return tuple(json.loads(found.stdout or "[]"))
