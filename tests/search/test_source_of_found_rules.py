"""`nos-optimizers RUN#K --source FRAMEWORK`: a rule that a search found as a file, with its setting."""

import contextlib
import dataclasses

import fakes
import pytest
from refusals import refused

from neural_optimizer_search import listing, parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER

pytestmark = pytest.mark.once

SETTING = dict(learning_rate=0.25, schedule="cosine, warm-up 0.1", weight_decay=0.5)


@pytest.fixture
def run(tmp_path):
    """The directory of a search that found one rule, with its setting."""
    with contextlib.closing(Ledger(tmp_path / LEDGER, {})) as ledger:
        e = fakes.fake_evaluation(parse_formula("drop(g, 0.3)"), 0.9)
        ledger.add_evaluation(dataclasses.replace(e, **SETTING), "search")
    return tmp_path


def test_it_has_the_setting_that_the_rule_was_found_with(run, capsys):
    assert listing.main([f"{run}#1", "--source", "torch"]) == 0
    expected = parse_formula("drop(g, 0.3)").to_source("FoundOptimizer1", "torch", **SETTING)
    assert capsys.readouterr().out == expected
    assert listing.main([f"{run}#1", "--source", "optax", "--name", "Mine"]) == 0
    assert "def Mine(learning_rate=0.25" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["RUN#2"], "argument NAME: must be RUN#K with K at most 1, the number of rules of"),
        (["RUN#0"], "argument NAME: must be RUN#K with K at least 1. Received: 0."),
        (["nowhere#1"], "argument NAME: nowhere is not a run of nos-search"),
        (["RUN#1", "--name", "class"], "argument --name: must be a Python identifier"),
    ],
)
def test_what_there_is_not(run, words, said, capsys):
    words = [word.replace("RUN", str(run)) for word in words]
    assert said in refused(listing.main, [*words, "--source", "torch"], capsys)
