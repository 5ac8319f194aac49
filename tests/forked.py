"""Processes that need not import TensorFlow: they are forked from one that has, and that computes nothing."""

import contextlib
import multiprocessing
from collections.abc import Iterator

import pytest

# One a test process, whoever asks for it first.
_CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = (
    "neural_optimizer_search.search.command",
    "neural_optimizer_search.promotion.command",
    "tf_agents_env.algorithms",
    "tf_agents_env.controllers",
)


def context(*modules: str) -> multiprocessing.context.ForkServerContext:
    """Where processes begin with these modules imported, unless others began before them."""
    _CONTEXT.set_forkserver_preload([*_IMPORTED, *modules])
    return _CONTEXT


@contextlib.contextmanager
def workers(*modules: str) -> Iterator[None]:
    """Makes the processes of a `ProcessWorker` such processes."""
    made = context(*modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "get_context", lambda method: made)
        yield
