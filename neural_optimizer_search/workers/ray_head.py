"""Checks whether the head of a Ray cluster still answers.

Ray itself waits a minute for it, and then ends the process with a message of its own, without telling Python.
"""

import functools
import socket
import threading
import time
from typing import Any, Optional

LOOK_SECONDS = 5.0  # between two checks
ANSWER_SECONDS = 5.0  # time limit of a check
VAIN_LOOKS = 4  # failed checks in a row after which the head is lost; a network may be busy


class Head:
    """The head of a cluster; many threads may use it.

    Args:
      address: Its host and port; None for a cluster behind a proxy, which never counts as lost.
    """

    def __init__(self, address: Optional[str]):
        self.address = address
        self._lock = threading.Lock()
        self._next_look, self._vain_looks = 0.0, 0

    def is_lost(self) -> bool:
        """Whether it did not answer the last `VAIN_LOOKS` checks."""
        if self.address is None:
            return False
        with self._lock:
            if time.monotonic() >= self._next_look:
                self._vain_looks = 0 if answers(self.address) else self._vain_looks + 1
                self._next_look = time.monotonic() + LOOK_SECONDS
            return self._vain_looks >= VAIN_LOOKS


def head_of(ray: Any) -> Head:
    """The head of the cluster that the module `ray` is connected to."""
    return _heads(getattr(ray.get_runtime_context(), "gcs_address", None))


@functools.lru_cache(maxsize=1)
def _heads(address):
    return Head(address)


def answers(address: str) -> bool:
    """Whether anything listens at a host and port."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True
