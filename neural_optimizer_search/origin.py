"""Who made a run, on which machine and where. Another user's run is not trusted about this machine."""

import getpass
import os
import socket
from typing import Any, Union


def find_origin(directory: Union[str, os.PathLike]) -> dict[str, str]:
    """Who makes a run in this directory: a JSON-able dict of "user", "host" and "path".

    Args:
      directory: The run's directory.
    """
    return {"user": _find_user(), "host": socket.gethostname(), "path": os.path.realpath(directory)}


def is_made_here(recorded: Any, directory: Union[str, os.PathLike]) -> bool:
    """Whether a run was made by this user, on this machine, where it is now.

    Args:
      recorded: What the run says of its origin, which may be anything.
      directory: Where it is.
    """
    return recorded == find_origin(directory)


def _find_user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run a user who has no name
        return str(os.getuid())
