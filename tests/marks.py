"""Marks for all tests of a directory; its conftest.py says which."""

import importlib.util
import pathlib

import pytest

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


def ignore_without(*modules):
    """Files not to collect where one of these modules is missing: they could not be imported."""
    return [] if all(importlib.util.find_spec(name) for name in modules) else ["test_*.py"]
