"""Tests of the benchmarks, which are run with Keras 2."""

import marks
import pytest


@pytest.fixture(autouse=True)
def _graphs_of_few_steps(graphs_as_traced):
    pass


pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
