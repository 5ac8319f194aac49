"""Trials need Optuna and TensorFlow, and know no Keras of their own."""

import marks
import pytest

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
