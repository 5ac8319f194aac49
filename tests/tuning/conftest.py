"""Tuning needs TensorFlow, and knows no Keras of its own."""

import marks
import pytest

pytest.importorskip("optuna")
pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
