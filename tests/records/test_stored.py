"""Rows that stay in the file are those of the lists."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.records.ledger import Ledger

FORMULAS = ("g", "m", "sign(g)", "g * m", "exp(g)", "Adam")


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path / "ledger.sqlite", {})
    found = [fakes.fake_evaluation(parse_formula(formula), reward=k % 3 / 4) for k, formula in enumerate(FORMULAS)]
    for e in found:
        made.add_evaluation(e, "baseline" if e.reward == 0 else "search")
    stopped = dataclasses.replace(without_reward(parse_formula("g^2"), "screened", "No."), key="")
    for step in range(3):
        made.add_samples(step, [*found[step:], stopped])
    yield made
    made.close()


@pytest.mark.parametrize("role", [None, "search", "baseline", "nobody's"])
def test_evaluations(ledger, role):
    rows, whole = ledger.evaluation_rows(role), ledger.evaluations(role)
    assert rows == whole and list(rows) == whole and len(rows) == len(whole)
    assert [rows[k] for k in range(len(rows))] == whole
    assert rows[1:3] == whole[1:3] and list(reversed(rows)) == whole[::-1]
    with pytest.raises(IndexError):
        rows[len(whole)]


def test_samples(ledger):
    ledger.drop_samples(2)
    rows, whole = ledger.sample_rows(), ledger.samples()
    assert len(whole) == 7 + 6
    assert rows == whole and rows[-1] == whole[-1] and rows[::2] == whole[::2]
