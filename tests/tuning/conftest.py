"""Tuning needs TensorFlow, and knows no Keras of its own."""

import marks
import pytest


@pytest.fixture
def fake(monkeypatch):
    """`nos-tune` trains nothing: an objective is a formula. The ones that were made, as a list."""
    import fake_objective

    from neural_optimizer_search.tuning import command

    made = []

    def make(task, protocol, reward, data_dir):
        made.append(fake_objective.FakeObjective(protocol))
        return made[-1]

    monkeypatch.setattr(command, "TaskObjective", make)
    return made


pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)
