"""Who made a run, on which machine and where. What another user's run says about this machine is not trusted."""

import getpass
import os
import socket
from typing import Any, Union


def find_origin(directory: Union[str, os.PathLike]) -> dict[str, str]:
    """The origin of a run in this directory: a JSON-able dict of "user", "host" and "path".

    Args:
      directory: The run's directory.
    """
    return {"user": _find_user(), "host": socket.gethostname(), "path": os.path.realpath(directory)}


def is_made_here(recorded: Any, directory: Union[str, os.PathLike]) -> bool:
    """Whether a run was made by this user, on this machine, in its current directory.

    Args:
      recorded: The origin that the run recorded; it may be anything.
      directory: The run's current directory.
    """
    return recorded == find_origin(directory)


def _find_user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user of a container may have no name
        return str(os.getuid())
