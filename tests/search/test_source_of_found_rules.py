"""`nos-optimizers RUN#K --source FRAMEWORK`: a rule that a search found as a file, with its setting."""

import contextlib
import dataclasses
import functools

import fakes
import pytest
from refusals import refused

from neural_optimizer_search import listing, parse_formula
from neural_optimizer_search.measuring.evaluation import Part
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.named_rules import find_rule

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


def test_a_rule_of_a_run_is_no_name_to_list(capsys):
    said = refused(listing.main, ["runs/first#1"], capsys)
    assert said == "nos-optimizers: argument NAME: a rule of a run needs --source, such as --source torch"


def test_of_several_tasks_it_has_the_setting_of_the_first(tmp_path, capsys):
    part = functools.partial(Part, zero=0.0, one=1.0, rewards=(0.5,), accuracy=0.5, status="ok")
    parts = part("digits", learning_rate=0.25, schedule="linear"), part("digits_mlp", learning_rate=0.5)
    with contextlib.closing(Ledger(tmp_path / LEDGER, {})) as ledger:
        e = fakes.fake_evaluation(parse_formula("drop(g, 0.3)"), 0.5)
        e = dataclasses.replace(e, parts=parts, learning_rate=0.25, schedule="linear")
        ledger.add_evaluation(e, "search")
    assert listing.main([f"{tmp_path}#1", "--source", "torch"]) == 0
    assert "lr=0.25," in (text := capsys.readouterr().out) and 'the learning-rate schedule "linear"' in text
    assert find_rule(f"{tmp_path}#1", "digits_mlp").tuned == (0.5, "constant", 0.0)
    assert find_rule(f"{tmp_path}#1", "another").tuned == find_rule(f"{tmp_path}#1").tuned == (0.25, "linear", 0.0)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["RUN#2"], "argument NAME: must be RUN#K with K at most 1, the number of rules of"),
        (["RUN#0"], "argument NAME: must be RUN#K with K at least 1. Received: 0."),
        (["RUN"], "argument NAME: must be RUN#K. For the best rule of this run: "),
        (["nowhere#1"], "argument NAME: nowhere is not a run of nos-search"),
        (["m + foo#x"], "as a formula, it has an unknown word 'foo'"),
        (["RUN#" + "9" * 5000], "argument NAME: must be RUN#K, the K-th best rule of a run; a name"),
        (["RUN#1", "--name", "class"], "argument --name: must be a Python identifier"),
    ],
)
def test_what_there_is_not(run, words, said, capsys):
    words = [word.replace("RUN", str(run)) for word in words]
    assert said in refused(listing.main, [*words, "--source", "torch"], capsys)
