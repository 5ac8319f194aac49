"""A search to promote rules of, and an executor that trains nothing."""

import fakes
import marks
import promotions
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.workers.config import EXECUTORS

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)


@pytest.fixture
def run(tmp_path):
    """A search of twelve rules, the last of which is the best."""
    directory = tmp_path / "run"
    directory.mkdir()
    ledger = Ledger(directory / LEDGER, {})
    for i, formula in enumerate(promotions.FORMULAS):
        ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), i / 100), "search")
    ledger.close()
    return directory


@pytest.fixture
def trained(monkeypatch):
    """The rules that the executors of the test trained, which are behind `--executor local`."""
    rows = []

    def open_counting(config, task, protocol, data_dir):
        def evaluate(rule):
            rows.append(rule)
            return fakes.fake_evaluation(rule)

        return fakes.open_fake(evaluate)(config, task, protocol, data_dir)

    monkeypatch.setitem(EXECUTORS, "local", open_counting)
    return rows
