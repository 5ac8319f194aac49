"""Tests of what needs TF-Agents, and with it Keras 2."""

import marks
import pytest

collect_ignore_glob = marks.ignore_without("tf_agents")
pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
