"""A search to promote rules of, and an executor that trains nothing."""

import fakes
import promotions
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.promotion import command, saved
from neural_optimizer_search.records.ledger import Ledger


@pytest.fixture
def run(tmp_path):
    """A search of twelve rules, the last of which is the best."""
    directory = tmp_path / "run"
    directory.mkdir()
    ledger = Ledger(directory / saved.LEDGER, {})
    for i, formula in enumerate(promotions.FORMULAS):
        ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), i / 100), "search")
    ledger.close()
    return directory


@pytest.fixture
def trained(monkeypatch):
    """What the executors of the test trained: (final steps, rule)."""
    rows = []

    class Executor(fakes.FakeProcesses):
        def submit(self, rule):
            rows.append((self.protocol.final_steps, rule))
            return super().submit(rule)

    monkeypatch.setattr(command, "ProcessExecutor", Executor)
    return rows
