"""The gradient steps of a search: what they were spent on, and how many were saved."""

from typing import NamedTuple, Optional

from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import marks, wording
from neural_optimizer_search.report.markup import Content, element
from neural_optimizer_search.report.page import scroll_box, table
from neural_optimizer_search.report.run import RecordedSearch

# Status -> a description of its rules; rules with any other status could not be measured.
_WORDS = {
    "ok": "rules measured in full",
    "stopped": "rules that were stopped",
    "diverged": "rules that diverged",
}


class Spent(NamedTuple):
    """The cost of one part of a search.

    Attributes:
      name: The part, in words.
      rules: Number of rules in it.
      steps: The gradient steps spent on them.
    """

    name: str
    rules: int
    steps: int


def count_steps(run: RecordedSearch) -> list[Spent]:
    """The gradient steps of each part of a search that took any; results from a cache took none."""
    known = [e for _, e in run.baselines if not e.cached]
    measured = run.measured
    failed = [status for status in measured.statuses if status not in _WORDS]
    parts = [
        Spent("known optimizers", len(known), sum(e.steps for e in known)),
        *(Spent(words, measured.statuses[status], measured.steps[status]) for status, words in _WORDS.items()),
        Spent("rules that failed", *(sum(of[s] for s in failed) for of in (measured.statuses, measured.steps))),
        Spent("tuning of constants", len({one.form for one in run.tunings}), sum(e.steps for e in run.tunings)),
        Spent("fresh seeds at the end", len(run.fresh), sum(e.steps for e in run.fresh.values())),
    ]
    return [part for part in parts if part.steps]


def steps(run: RecordedSearch) -> Optional[Content]:
    """A table of the gradient steps by their purpose; None if none were recorded."""
    parts = count_steps(run)
    whole = sum(part.steps for part in parts)
    if not whole:
        return None
    rows = [
        [
            part.name,
            f"{part.rules:,}",
            f"{part.steps:,}",
            f"{part.steps / part.rules:,.0f}" if part.rules else wording.NOTHING,
            wording.share(part.steps, whole),
            marks.bar(part.steps / whole, "top"),
        ]
        for part in parts
    ]
    head = ("spent on", "rules", "gradient steps", "per rule", "share", "")
    return [
        element("h3", f"{whole:,} gradient steps", class_="apart"),
        scroll_box(table(head, rows, numbers=(1, 2, 3, 4)), "Gradient steps"),
        [element("p", sentence, class_="note") for sentence in _compare(run)],
    ]


def _compare(run):
    """Sentences about the steps that were saved, as far as that is known."""
    measured = run.measured
    if measured.uncounted:
        were = "was" if measured.uncounted == 1 else "were"
        yield (
            f"Not included: {count_of(measured.uncounted, 'rule')} that {were} trained before steps were recorded."
        )
    full, stopped, alike = measured.statuses["ok"], measured.statuses["stopped"], run.counts.get("alike", 0)
    if not (full and stopped + alike and measured.steps["ok"]) or measured.uncounted:
        return
    each = measured.steps["ok"] / full
    saved = stopped * each - measured.steps["stopped"]
    if stopped and saved > 0:
        yield (
            f"A rule that was measured in full took {each:,.0f} steps on average. At that cost, the "
            f"{count_of(stopped, 'rule')} that {'was' if stopped == 1 else 'were'} stopped would have taken "
            f"{saved:,.0f} more."
        )
    if alike:
        yield (
            f"The {count_of(alike, 'sample')} that reused the evaluation of a rule that behaves alike took no steps."
        )
