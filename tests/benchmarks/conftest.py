"""Tests of the benchmarks, which are run with Keras 2."""

import marks
import pytest

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
