"""A task's description for people: two lines before a search, and the table of `nos-search --describe`."""

from collections.abc import Sequence
from typing import NamedTuple

from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.ranking import SHOWN
from neural_optimizer_search.tasks.protocol import Protocol

_BYTES = ("B", "kB", "MB", "GB", "TB")


def format_lines(name: str, found: Description) -> str:
    """What will be trained, in two lines."""
    return (
        f"{name}: {found.trainable:,} weights, {found.train_examples:,} examples in batches of {found.batch_size}, "
        f"{found.validation_examples:,} to validate; at most {found.steps:,} steps and about "
        f"{_duration(found.seconds)} a rule\n"
        f"Untrained: {found.metric_name} {found.metric:.4g}, score {found.score:.4g}, loss {found.loss:.4g}"
    )


class Described(NamedTuple):
    """A task, its `Description` and its `Protocol`."""

    title: str
    found: Description
    protocol: Protocol


def format_tables(described: Sequence[Described], limits: Limits, workers: int, known: int, fresh_seeds: int) -> str:
    """All that is known before the first rule, task by task, and what the whole search takes.

    Args:
      described: The tasks.
      limits: What ends the search.
      workers: How many workers will measure rules.
      known: How many known optimizers are measured before.
      fresh_seeds: How often each of these, and of the best rules, is trained at the end.
    """
    seconds = sum(found.seconds for _, found, _ in described)
    whole = {
        "budget": _describe_budget(seconds, limits, workers, known),
        "fresh seeds": _describe_fresh(described, workers, known + SHOWN, fresh_seeds),
    }
    if len(described) == 1:
        (one,) = described
        return _format({**_describe(one), **whole}, one.found.notes)
    tables = [_format(_describe(one), one.found.notes) for one in described]
    return "\n\n".join([*tables, _format({"all tasks": f"about {_duration(seconds)} a rule at most", **whole})])


def _describe(described):
    title, found, _ = described
    validation = found.validation_batch_size
    worst, best = found.scale
    return {
        "task": title,
        "weights": f"{found.trainable:,} trainable, {found.frozen:,} not",
        "examples": f"{found.train_examples:,} to train, {found.validation_examples:,} to validate",
        "batch": f"{found.batch_size}{f'; {validation} in validation' if validation else ''}",
        "steps a rule": f"{found.steps:,} at most",
        "time a rule": f"about {_duration(found.seconds)}, from two timed runs with Adam on one core",
        "memory": f"{_size(found.data_bytes)} of data in each worker; {_size(found.peak_bytes)} a process in all",
        "metric": f"{found.metric_name}: {found.metric:.4g} untrained, which has the score {found.score:.4g} "
        f"({worst:.4g} scores 0, {best:.4g} scores 1)",
        "loss": f"{found.loss:.4g} untrained",
    }


def _format(rows, notes=()):
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {text}" for name, text in rows.items()]
    return "\n".join([*lines, *(f"{'note':<{width}}  {note}" for note in notes)])


def _describe_budget(seconds, limits, workers, known):
    crew, others = _crew(workers), [limits.describe(name) for name in limits.given if name != "rules"]
    if limits.rules is None:
        words = ", or ".join(others) or "none"
        return f"{words}; {known} known optimizers take about {_duration(seconds * known / workers)} with {crew}"
    total = _duration(seconds * (limits.rules + known) / workers)
    most = f"{limits.describe('rules')} and {known} known optimizers take at most about {total} with {crew}"
    return ", or ".join([most, *others])


def _describe_fresh(described, workers, rules, seeds):
    if not seeds:
        return "none"
    trainings = rules * seeds
    steps = [protocol.final_steps for *_, protocol in described]
    shares = (found.seconds * final / max(1, found.steps) for (_, found, _), final in zip(described, steps))
    seconds = sum(shares) * trainings / workers
    each = f"{steps[0]:,}" if len(steps) == 1 else f"({' + '.join(f'{final:,}' for final in steps)})"
    return (
        f"{rules} rules * {seeds} seeds * {each} steps = {trainings * sum(steps):,} steps at most, "
        f"about {_duration(seconds)} with {_crew(workers)}, after the budget"
    )


def _crew(workers):
    return f"{workers} worker{'' if workers == 1 else 's'}"


def _duration(seconds):
    if seconds < 100:
        return f"{seconds:.2g} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _size(count):
    power = 0
    while count >= 1000 and power < len(_BYTES) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.3g} {_BYTES[power]}"
