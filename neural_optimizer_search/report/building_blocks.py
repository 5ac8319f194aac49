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

MOST_RULES = 20_000  # maximum number of sampled rules that are decomposed
LEAST_TOP, MOST_TOP = 10, 1_000  # limits on the number of best rules, otherwise a tenth of those found
MOST_RANKS = 8
ROOM = 50  # maximum length of a formula in the table, in letters

_AGREEMENT = parse_formula("sign(g) * sign(m)")


def building_blocks(run: RecordedSearch) -> Optional[Element]:
    """The section about sub-expressions of the best rules; None if too few rules work."""
    found = run.ranking.found
    count = min(len(found), max(LEAST_TOP, min(len(found) // 10, MOST_TOP)))
    if count < 2:
        return None
    # Read rule by rule: all of them at once would fill memory.
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
        f"Sub-expressions that occur in at least two of the best {top.rules} rules, sorted by how much more frequent "
        f"they are there than among the {sampled.rules:,} sampled rules."
    )
    head = ("sub-expression", f"in the best {top.rules}", "", f"in {sampled.rules:,} sampled", "")
    return section(
        "Building blocks of the best rules",
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
    """Says how many rules contain the sub-expression that the paper highlights."""
    ranks, in_sampled = [str(rank) for rank in top.agreeing], len(sampled.agreeing)
    listed = ", ".join(ranks[:MOST_RANKS]) + (" …" if len(ranks) > MOST_RANKS else "")
    where = f"{len(ranks)} of the best rules (rank {listed})" if ranks else "none of the best rules"
    return element(
        "p",
        math(_AGREEMENT),
        f", the sub-expression that the paper found repeatedly, is in {where} and in {in_sampled:,} of the "
        f"{sampled.rules:,} sampled rules ({wording.share(in_sampled, sampled.rules)}).",
        class_="verdict",
    )
