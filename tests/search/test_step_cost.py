"""What is said of rules that take longer than Adam."""

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.search.ranking import Contender
from neural_optimizer_search.search.step_cost import describe_costs

pytestmark = pytest.mark.once


def make(*formulas):
    return [Contender(text, fakes.fake_evaluation(parse_formula(text))) for text in formulas]


def test_rules_that_take_longer_are_named_by_their_places():
    slow, quick = "on_matrices(orthogonalize(m_0.5), Adam)", "cautious(Adam)"
    end = "orthogonalize, so an update takes several times as long as Adam's; the gradient takes as long as ever."
    assert describe_costs(make(quick, slow)) == [f"Rule 2 uses {end}"]
    assert describe_costs(make(slow, quick, slow)) == [f"Rules 1, 3 use {end}"]
    assert describe_costs(make("g / sqrt(v_muon)")) == [f"Rule 1 uses {end}"]
    assert describe_costs(make(quick, "m")) == describe_costs([]) == []
