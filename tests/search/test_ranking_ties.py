"""Of equal rewards the first proposed comes first, whichever worker was done first."""

import itertools

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.fresh import choose_contenders
from neural_optimizer_search.search.ranking import read_ranking

FOUND = [fakes.fake_evaluation(parse_formula(text), 0.5) for text in ("sign(g)", "g^3", "g * m", "g")]
KNOWN = [fakes.fake_evaluation(parse_formula(text), 0.5) for text in ("Adam", "m", "sign(m)")]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3)))[::2])
def test_ties_do_not_depend_on_what_was_measured_first(tmp_path, order):
    ledger = Ledger(tmp_path / "ledger.sqlite", {"baselines": "adam,m,sign(m)"})
    for place in order:
        ledger.add_evaluation(KNOWN[place], "baseline")
        ledger.add_evaluation(FOUND[place], "search")
    ledger.add_samples(0, FOUND[:3])
    ledger.add_evaluation(FOUND[3], "search")  # of a step that is not recorded
    ranking = read_ranking(ledger)
    assert [one.evaluation for one in ranking.found] == FOUND
    assert [one.evaluation for one in ranking.known] == KNOWN
    assert choose_contenders(ranking) == [*KNOWN, *FOUND]
