"""What an algorithm proposed: what the good part is made of, and what became of the rest."""

from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.report import charts, wording
from neural_optimizer_search.report import statistics as stats
from neural_optimizer_search.report.markup import element
from neural_optimizer_search.report.mathml import math, mathml
from neural_optimizer_search.report.page import scrolling, section, table

_AGREEMENT = parse_formula("sign(g) * sign(m)")


# -- Building blocks -------------------------------------------------------------------------------


def blocks(run):
    """Which sub-expressions the best rules have."""
    top = [e.rule for e in run.top[: max(stats.LEAST_TOP, len(run.top) // 10)]]
    if len(top) < 2:
        return None
    sampled = [sample.rule for sample in stats.evenly(run.samples, stats.MOST_RULES)]
    rows = [
        [_part(block.expression), *_shares(block.top, len(top)), *_shares(block.sampled, len(sampled), "sampled")]
        for block in stats.building_blocks(top, sampled)
    ]
    intro = (
        f"Parts that at least two of the best {len(top)} rules have, first those that are more frequent there than "
        f"among the {len(sampled):,} sampled rules."
    )
    head = ("part", f"of the best {len(top)}", "", f"of {len(sampled):,} sampled", "")
    return section(
        "What the best rules are made of",
        element("p", intro, class_="note"),
        _verdict(top, sampled),
        scrolling(table(head, rows, numbers=(1, 3)), "Building blocks"),
        id_="parts",
    )


def _part(expression):
    return element("td", element("math", mathml(expression), displaystyle="true"), class_="rule")


def _shares(share, whole, class_="top"):
    return wording.share(share * whole, whole), charts.bar(share, class_)


def _verdict(top, sampled):
    have, all_have = (sum(map(stats.agrees, rules)) for rules in (top, sampled))
    ranks = [str(rank) for rank, rule in enumerate(top, 1) if stats.agrees(rule)]
    where = f"{have} of them (rank {', '.join(ranks[:8])}{' …' * (len(ranks) > 8)})" if have else "none of them"
    return element(
        "p",
        math(_AGREEMENT),
        f", the part that the paper found again and again, is in {where}, and in {all_have:,} of the "
        f"{len(sampled):,} sampled rules ({wording.share(all_have, len(sampled))}).",
        class_="verdict",
    )


# -- What became of the proposals ------------------------------------------------------------------


def outcomes(run):
    """Where the sampled rules went, and the time."""
    sampled, trained = run.counts["sampled"], run.counts["trained"]
    head = ("", "rules", "share", "")
    first = [_outcome_row(outcome, sampled) for outcome in stats.sampled_outcomes(run)]
    second = [_outcome_row(outcome, trained) for outcome in stats.trained_outcomes(run)]
    failures = [[status, wording.shortened(message), f"{n:,}"] for (status, message), n in stats.messages(run)]
    return section(
        "What became of the proposals",
        scrolling(
            table(head, [f"{sampled:,} sampled", *first], [f"{trained:,} trained", *second], numbers=(1, 2)),
            "Outcomes",
        ),
        element("p", _time(run), class_="note"),
        [
            element("h3", "Rules that did not train to the end"),
            scrolling(table(("status", "message", "rules"), failures, numbers=(2,)), "Failures"),
        ]
        if failures
        else None,
        id_="outcomes",
    )


def _outcome_row(outcome, whole):
    share = outcome.count / whole if whole else 0.0
    return [outcome.name, f"{outcome.count:,}", wording.share(outcome.count, whole), charts.bar(share, "top")]


def _time(run):
    times = sorted(e.seconds for e in run.found if not e.cached)
    if not times:
        return "No time was spent on training proposed rules."
    return (
        f"Training the proposed rules took {wording.duration(sum(times))} in all, summed over workers; a rule "
        f"{wording.duration(times[len(times) // 2])} (median), at most {wording.duration(times[-1])}."
    )
