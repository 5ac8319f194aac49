"""Tests of files of a search, which know no Keras."""

import marks
import pytest

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
