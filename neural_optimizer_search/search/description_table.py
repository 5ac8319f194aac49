"""A task's description for people: two lines before a search, and the table of `nos-search --describe`."""

from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.ranking import SHOWN

_BYTES = ("B", "kB", "MB", "GB", "TB")


def format_lines(name: str, found: Description) -> str:
    """What will be trained, in two lines."""
    return (
        f"{name}: {found.trainable:,} weights, {found.train_examples:,} examples in batches of {found.batch_size}, "
        f"{found.validation_examples:,} to validate; at most {found.steps:,} steps and about "
        f"{_duration(found.seconds)} a rule\n"
        f"Untrained: {found.metric_name} {found.metric:.4g}, score {found.score:.4g}, loss {found.loss:.4g}"
    )


def format_table(
    title: str, found: Description, limits: Limits, workers: int, known: int, fresh_seeds: int, final_steps: int
) -> str:
    """All that is known before the first rule.

    Args:
      title: What is described.
      found: The `Description`.
      limits: What ends the search.
      workers: How many workers will measure rules.
      known: How many known optimizers are measured before.
      fresh_seeds: How often each of these, and of the best rules, is trained at the end.
      final_steps: Gradient steps of such a training.
    """
    validation = found.validation_batch_size
    worst, best = found.scale
    rows = {
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
        "budget": _describe_budget(found.seconds, limits, workers, known),
        "fresh seeds": _describe_fresh(found, workers, known + SHOWN, fresh_seeds, final_steps),
    }
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {text}" for name, text in rows.items()]
    return "\n".join([*lines, *(f"{'note':<{width}}  {note}" for note in found.notes)])


def _describe_budget(seconds, limits, workers, known):
    crew, others = _crew(workers), [limits.describe(name) for name in limits.given if name != "rules"]
    if limits.rules is None:
        words = ", or ".join(others) or "none"
        return f"{words}; {known} known optimizers take about {_duration(seconds * known / workers)} with {crew}"
    total = _duration(seconds * (limits.rules + known) / workers)
    most = f"{limits.describe('rules')} and {known} known optimizers take at most about {total} with {crew}"
    return ", or ".join([most, *others])


def _describe_fresh(found, workers, rules, seeds, final_steps):
    if not seeds:
        return "none"
    trainings = rules * seeds
    seconds = found.seconds * trainings * final_steps / max(1, found.steps) / workers
    return (
        f"{rules} rules * {seeds} seeds * {final_steps:,} steps = {trainings * final_steps:,} steps at most, "
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
