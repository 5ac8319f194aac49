"""For all tests, before any imports TensorFlow."""

import gc
import os

import pytest

# The kernels that the worker processes use (see `measuring_worker.py`).
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"


@pytest.fixture
def trains_nothing(monkeypatch):
    """Commands with `--executor local` train nothing: rewards are made up."""
    import fakes

    from neural_optimizer_search.workers.config import EXECUTORS

    monkeypatch.setitem(EXECUTORS, "local", fakes.open_nothing)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files with slow tests come first: else one process would still be at them when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session):
    """A collection of garbage looks at TensorFlow's 280,000 objects, for a third of a second; they stay anyway."""
    gc.collect()
    gc.freeze()
