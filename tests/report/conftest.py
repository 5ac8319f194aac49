"""Searches that are written and read once for all tests of the report."""

import functools

import ledgers
import marks
import pytest

from neural_optimizer_search.report.run import read

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """Gives the `RecordedSearch` of a name in `ledgers.SEARCHES`."""

    @functools.cache
    def read_once(name):
        return read(ledgers.write_named(tmp_path_factory.mktemp("search"), name))

    return read_once
