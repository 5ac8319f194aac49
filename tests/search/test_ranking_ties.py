"""Of equal rewards the first proposed comes first, whichever worker was done first."""

import contextlib
import itertools
import json

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report.as_json import write_json
from neural_optimizer_search.report.run import read
from neural_optimizer_search.search.fresh import choose_contenders
from neural_optimizer_search.search.ranking import read_found_rules, read_ranking

FOUND = [fakes.fake_evaluation(parse_formula(text), 0.5) for text in ("sign(g)", "g^3", "g * m", "g")]
KNOWN = [fakes.fake_evaluation(parse_formula(text), 0.5) for text in ("Adam", "m", "sign(m)")]


@pytest.fixture(params=list(itertools.permutations(range(3)))[::2], ids=str)
def ledger(tmp_path, request):
    """What was measured in this order, and proposed in that of the lists."""
    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite", {"baselines": "adam,m,sign(m)"})) as made:
        for place in request.param:
            made.add_evaluation(KNOWN[place], "baseline")
            made.add_evaluation(FOUND[place], "search")
        made.add_samples(0, FOUND[:3])
        made.add_evaluation(FOUND[3], "search")  # of a step that is not recorded
        yield made


def test_ties_do_not_depend_on_what_was_measured_first(ledger):
    ranking = read_ranking(ledger)
    assert [one.evaluation for one in ranking.found] == FOUND
    assert [one.evaluation for one in ranking.known] == KNOWN
    assert choose_contenders(ranking) == [*KNOWN, *FOUND]


def test_the_report_has_the_order_of_the_leaderboard(ledger, tmp_path):
    ranking, run = read_ranking(ledger), read(tmp_path)
    assert (run.ranking.found, run.ranking.known) == (ranking.found, ranking.known)
    (described,) = json.loads(write_json([run]))["runs"]
    assert [one["name"] for one in described["found"]] == [one.name for one in read_found_rules(tmp_path)]
    assert [one["name"] for one in described["known"]] == [one.name for one in ranking.known]
