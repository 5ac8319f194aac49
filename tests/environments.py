"""The environment of Python processes that tests start."""

import os
import sys


def python_path() -> str:
    """The PYTHONPATH with which another process imports all that this one can."""
    return os.pathsep.join(filter(None, sys.path))


def environment(**more: str) -> dict[str, str]:
    """The variables of a process that imports all that this one can, and more of them."""
    return {**os.environ, "PYTHONPATH": python_path(), **more}
