"""Random input: a little in `make test`, much in `make test-long`."""

import marks
import pytest

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
