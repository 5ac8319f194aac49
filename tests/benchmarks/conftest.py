"""Tests of the benchmarks, which are run with Keras 2."""

import marks
import pytest

collect_ignore_glob = marks.ignore_without(
    "tf_agents", "matplotlib", "optuna", "sacrebleu", "sentencepiece", "tensorflow_datasets"
)
pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
