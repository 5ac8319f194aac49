"""What the gradient steps of a search were spent on, and what they would have been spent on otherwise."""

from typing import NamedTuple, Optional

from neural_optimizer_search.report import marks, wording
from neural_optimizer_search.report.markup import Content, element
from neural_optimizer_search.report.page import scroll_box, table
from neural_optimizer_search.report.run import RecordedSearch

# Status -> what rules with this status are called; others could not be measured.
_WORDS = {
    "ok": "rules measured in full",
    "stopped": "rules that were stopped",
    "diverged": "rules that diverged",
}


class Spent(NamedTuple):
    """What one part of a search took.

    Attributes:
      name: The part, in words.
      rules: How many rules it is about.
      steps: The gradient steps spent on them.
    """

    name: str
    rules: int
    steps: int


def count_steps(run: RecordedSearch) -> list[Spent]:
    """The gradient steps of each part of a search that has any; what came from a cache cost none."""
    known = [e for _, e in run.baselines if not e.cached]
    measured = run.measured
    failed = [status for status in measured.statuses if status not in _WORDS]
    parts = [
        Spent("known optimizers", len(known), sum(e.steps for e in known)),
        *(Spent(words, measured.statuses[status], measured.steps[status]) for status, words in _WORDS.items()),
        Spent("rules that failed", *(sum(of[s] for s in failed) for of in (measured.statuses, measured.steps))),
        Spent("constants that were tuned", len({one.form for one in run.tunings}), sum(e.steps for e in run.tunings)),
        Spent("fresh seeds at the end", len(run.fresh), sum(e.steps for e in run.fresh.values())),
    ]
    return [part for part in parts if part.steps]


def steps(run: RecordedSearch) -> Optional[Content]:
    """A table of what the gradient steps were spent on; None if none were recorded."""
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
    head = ("spent on", "rules", "gradient steps", "for each", "share", "")
    return [
        element("h3", f"{whole:,} gradient steps", class_="apart"),
        scroll_box(table(head, rows, numbers=(1, 2, 3, 4)), "Gradient steps"),
        [element("p", sentence, class_="note") for sentence in _compare(run)],
    ]


def _compare(run):
    """What is certain of what else would have been spent, sentence by sentence."""
    measured = run.measured
    if measured.uncounted:
        were = "was" if measured.uncounted == 1 else "were"
        yield (
            f"Not among them: {wording.several(measured.uncounted, 'rule')} that {were} trained before steps were "
            "recorded."
        )
    full, stopped, alike = measured.statuses["ok"], measured.statuses["stopped"], run.counts.get("alike", 0)
    if not (full and stopped + alike and measured.steps["ok"]) or measured.uncounted:
        return
    each = measured.steps["ok"] / full
    saved = stopped * each - measured.steps["stopped"]
    if stopped and saved > 0:
        yield (
            f"A rule that was measured in full took {each:,.0f} steps in the mean. At that price the "
            f"{wording.several(stopped, 'rule')} that {'was' if stopped == 1 else 'were'} stopped would have taken "
            f"{saved:,.0f} more."
        )
    if alike:
        yield (
            f"The {wording.several(alike, 'sample')} that took the evaluation of a rule which behaves alike cost "
            "nothing."
        )
