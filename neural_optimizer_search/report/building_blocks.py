"""The building blocks of a search's best rules."""

from typing import Optional

from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.printing import text
from neural_optimizer_search.report import marks, statistics, wording
from neural_optimizer_search.report.formulas import fit
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.mathml import math, mathml
from neural_optimizer_search.report.page import scroll_box, section, table
from neural_optimizer_search.report.run import RecordedSearch

MOST_RULES = 20_000  # sampled rules that are taken apart
LEAST_TOP, MOST_TOP = 10, 1_000  # rules that count as the best; of a search between, a tenth
MOST_RANKS = 8
ROOM = 50  # letters of a part in the table

_AGREEMENT = parse_formula("sign(g) * sign(m)")


def building_blocks(run: RecordedSearch) -> Optional[Element]:
    """The section about the sub-expressions that the best rules have; None if too few rules work."""
    found = run.ranking.found
    count = min(len(found), max(LEAST_TOP, min(len(found) // 10, MOST_TOP)))
    if count < 2:
        return None
    # Rule after rule: all of them at a time would fill memory.
    places = statistics.thin_out(range(len(run.samples)), MOST_RULES)
    blocks, top, sampled = statistics.find_building_blocks(
        (one.rule for one in found[:count]), (run.samples[place].rule for place in places)
    )
    rows = [
        [
            _formula(block.expression),
            *_shares(block.top, top.rules, "top"),
            *_shares(block.sampled, sampled.rules, "sampled"),
        ]
        for block in blocks
    ]
    intro = (
        f"Parts that at least two of the best {top.rules} rules have, first those that are more frequent there than "
        f"among the {sampled.rules:,} sampled rules."
    )
    head = ("part", f"of the best {top.rules}", "", f"of {sampled.rules:,} sampled", "")
    return section(
        "What the best rules are made of",
        element("p", intro, class_="note"),
        _verdict(top, sampled),
        scroll_box(table(head, rows, numbers=(1, 3)), "Building blocks"),
        id_="building-blocks",
    )


def _formula(expression):
    return element(
        "td", fit(element("math", mathml(expression), displaystyle="true"), text(expression), ROOM), class_="rule"
    )


def _shares(share, whole, class_):
    return wording.share(share * whole, whole), marks.bar(share, class_)


def _verdict(top, sampled):
    """How many rules have the part that the paper names."""
    ranks, in_sampled = [str(rank) for rank in top.agreeing], len(sampled.agreeing)
    listed = ", ".join(ranks[:MOST_RANKS]) + (" …" if len(ranks) > MOST_RANKS else "")
    where = f"{len(ranks)} of them (rank {listed})" if ranks else "none of them"
    return element(
        "p",
        math(_AGREEMENT),
        f", the part that the paper found again and again, is in {where}, and in {in_sampled:,} of the "
        f"{sampled.rules:,} sampled rules ({wording.share(in_sampled, sampled.rules)}).",
        class_="verdict",
    )
