"""Marks for all tests of a directory; its conftest.py says which."""

import importlib.util
import os
import pathlib

import pytest

# Directory of tests -> modules without which its files could not be imported; tests/conftest.py leaves it out then.
NEEDED = {
    "benchmarks": ("tf_agents", "matplotlib", "optuna", "sacrebleu", "sentencepiece", "tensorflow_datasets"),
    "tf_agents_env": ("tf_agents",),
    "trials": ("optuna",),
    "tuning": ("optuna",),
}
# What `make test-long` sets. A test that reads it is marked `pytest.mark.long`, or that would not run it.
LONG = os.environ.get("NOS_LONG") == "1"
NEEDS_RAY = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed.")


def only_long(why):
    """Leaves a test to `make test-long`; the reason is shown where it is skipped. See tests/conftest.py."""
    return pytest.mark.long(only=why)


def mark_below(conftest, *marks):
    """A hook that gives marks to all tests of a directory.

    Args:
      conftest: The `__file__` of its conftest.py.
      *marks: Such as `pytest.mark.once`.
    """
    directory = pathlib.Path(conftest).parent

    def pytest_collection_modifyitems(items):
        for item in items:
            if directory in item.path.parents:
                for mark in marks:
                    item.add_marker(mark)

    return pytest_collection_modifyitems


def find_left_out():
    """The directories of `NEEDED` of which a module is missing -> that module."""
    missing = (
        (name, [one for one in modules if not importlib.util.find_spec(one)]) for name, modules in NEEDED.items()
    )
    return {name: modules[0] for name, modules in missing if modules}
