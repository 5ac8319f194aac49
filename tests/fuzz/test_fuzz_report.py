"""Random rules in the report: each as a formula and as a tree, and pages of many with absurd numbers.

`NOS_LONG=1` makes it 10^5 rules in place of 1,000.
"""

import dataclasses
import xml.etree.ElementTree

import fakes
import marks
import numpy as np
import pytest
from legal_rules import legal_rules

from neural_optimizer_search.measuring.evaluation import STATUSES
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.mathml import math
from neural_optimizer_search.report.run import read
from neural_optimizer_search.report.search_page import search_page
from neural_optimizer_search.report.statistics import count_parts, sub_expressions
from neural_optimizer_search.report.tree import tree

RULES = 100_000 if marks.LONG else 1_000
NUMBERS = (0.0, 1.0, -1.0, 1e-300, 1e300, -1e308, 5e-324, 0.1 + 0.2)


@pytest.mark.long
def test_every_rule_has_a_formula_and_a_tree():
    for rule in legal_rules(RULES):
        for part in (math(rule), tree(rule)):
            xml.etree.ElementTree.fromstring(html(part))
        assert sub_expressions(rule)
        assert count_parts([rule]).rules == 1


@marks.only_long("The page has hundreds of rules.")
def test_a_page_of_random_rules_and_numbers(tmp_path):
    rng = np.random.default_rng(1)
    ledger = Ledger(tmp_path / "ledger.sqlite", {"task": "digits", "budget": 10**30, "depth": [None], "seed": "\x00"})
    rules = {rule.canonical(): rule for rule in legal_rules(300)}
    for rule in rules.values():
        one, two, three, four = (NUMBERS[i] for i in rng.integers(len(NUMBERS), size=4))
        evaluation = dataclasses.replace(
            fakes.fake_evaluation(rule, reward=one),
            status=str(rng.choice(STATUSES)),
            message=bytes(rng.integers(1, 256, 20).astype(np.uint8)).decode("latin-1"),
            rewards=(two,) * int(rng.integers(3)),
            sweep=((three, None), (four, one))[: rng.integers(3)],
            seconds=two,
        )
        ledger.add_evaluation(evaluation, str(rng.choice(["search", "baseline"])))
        ledger.add_samples(0, [evaluation])
    ledger.close()
    page = search_page(read(tmp_path))
    assert "</html>" in page and "\x00" not in page
