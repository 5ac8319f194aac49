"""Tasks train a few steps here."""

import pytest


@pytest.fixture(autouse=True)
def _graphs_of_few_steps(graphs_as_traced):
    pass
