"""The outcomes of a search's proposals: which were trained, which were not and why, and how long it took."""

import statistics
from collections import Counter
from typing import NamedTuple

from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.report import marks, wording
from neural_optimizer_search.report.markup import Element, element
from neural_optimizer_search.report.page import scroll_box, section, table
from neural_optimizer_search.report.run import RecordedSearch
from neural_optimizer_search.report.steps import steps

MOST_SCREENED = 5_000  # maximum number of rules that are screened again to say why they were stopped
MOST_MESSAGES = 10


class Outcome(NamedTuple):
    """An outcome of proposed rules.

    Attributes:
      name: The outcome, in words.
      count: The number of rules with this outcome.
    """

    name: str
    count: int


def outcomes(run: RecordedSearch) -> Element:
    """The section about the outcomes of the sampled rules and the training time."""
    sampled, trained = run.counts["sampled"], run.counts["trained"]
    rows = table(
        ("", "rules", "share", ""),
        [f"{sampled:,} sampled", *(_row(outcome, sampled) for outcome in sampled_outcomes(run))],
        [f"{trained:,} trained", *(_row(outcome, trained) for outcome in trained_outcomes(run))],
        numbers=(1, 2),
    )
    return section(
        "Outcomes of the proposals",
        scroll_box(rows, "Outcomes"),
        element("p", _time(run), class_="note"),
        _failures(run),
        steps(run),
        id_="outcomes",
    )


def sampled_outcomes(run: RecordedSearch) -> list[Outcome]:
    """The outcomes of all samples, which the counts add up to unless the search is running or was just resumed."""
    counts = run.counts
    screened = run.history.screened
    few = len(screened) <= MOST_SCREENED
    reasons = _count_reasons([run.samples[place].rule for place in screened]) if few else Counter()
    stopped = [Outcome(f"screened out: {_within_sentence(reason)}", n) for reason, n in reasons.items()]
    rest = max(counts["screened"] - sum(reasons.values()), 0)
    alike = counts.get("alike", 0)
    return [
        *sorted(stopped, key=lambda outcome: -outcome.count),
        *([Outcome("screened out", rest)] if rest or not stopped else []),
        Outcome("repeated", max(counts["repeated"], 0)),
        *([Outcome("not trained, because a measured rule behaves alike", alike)] if alike else []),
        Outcome("taken from the cache", counts["cached"]),
        Outcome("trained", counts["trained"]),
    ]


def trained_outcomes(run: RecordedSearch) -> list[Outcome]:
    """The outcomes of the trained rules by status; stopped rules are split by when they were stopped."""
    statuses = {"ok": 0, "diverged": 0, **run.measured.statuses}
    statuses.pop("stopped", None)
    stopped = [Outcome(_describe_stage(seeds), n) for seeds, n in sorted(run.measured.stages.items())]
    stopped += [
        Outcome(f"stopped after {count_of(tasks, 'task')}", n) for tasks, n in sorted(run.measured.tasks.items())
    ]
    ok, *others = [Outcome(status, n) for status, n in statuses.items()]
    return [ok, *stopped, *others]


def _describe_stage(seeds):
    if not seeds:
        return "stopped after the sweep with the first seed"
    return f"stopped after {count_of(seeds, 'final run')}"


def failure_messages(run: RecordedSearch) -> list[tuple[tuple[str, str], int]]:
    """((status, message), count) of the rules that did not train to the end, the most frequent first."""
    return run.measured.failures.most_common(MOST_MESSAGES)


def _count_reasons(rules):
    """Counts why the screen stopped rules: a ledger does not record it, and screening again is cheap."""
    if not rules:
        return Counter()
    screen = Screen()
    return Counter(reason for reason in (screen(rule).reason for rule in rules) if reason)


def _within_sentence(sentence):
    return f"{sentence[0].lower()}{sentence[1:].rstrip('.')}"


def _row(outcome, whole):
    share = outcome.count / whole if whole else 0.0
    return [outcome.name, f"{outcome.count:,}", wording.share(outcome.count, whole), marks.bar(share, "top")]


def _time(run):
    times = run.measured.seconds
    if not times:
        return "No time was spent on training proposed rules."
    return (
        f"Training the proposed rules took {wording.duration(sum(times))} in total, summed over workers; the median "
        f"per rule was {wording.duration(statistics.median(times))}, the maximum {wording.duration(max(times))}."
    )


def _failures(run):
    rows = [[status, wording.shorten(message), f"{n:,}"] for (status, message), n in failure_messages(run)]
    if not rows:
        return None
    return [
        element("h3", "Rules that diverged or failed", class_="apart"),
        scroll_box(table(("status", "message", "rules"), rows, numbers=(2,)), "Failures"),
    ]
