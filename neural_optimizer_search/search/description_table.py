"""Formats a task's description: two lines before a search, its cost, and the table of `nos-search --describe`."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.search.constants import find_round_cost, find_steps_before
from neural_optimizer_search.search.estimate import Plan, estimate
from neural_optimizer_search.search.ranking import SHOWN
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.first_trials import find_most_trial_steps

_BYTES = ("B", "kB", "MB", "GB", "TB")


class _Cost(NamedTuple):
    """What is measured at a time, "rule" or "trial", and the most steps and the seconds that it takes."""

    unit: str
    steps: int
    seconds: float


def format_lines(name: str, found: Description, trial_steps: Optional[int] = None) -> str:
    """Describes in two lines what will be trained.

    Args:
      name: The name of the task.
      found: Its `Description`.
      trial_steps: The most steps of a trial, if each is one setting; None if rules are measured at several rates.
    """
    cost = _find_cost(found, trial_steps)
    return (
        f"{name}: {found.trainable:,} weights, {found.train_examples:,} examples in batches of {found.batch_size}, "
        f"{found.validation_examples:,} to validate; at most {cost.steps:,} steps and about "
        f"{describe_duration(cost.seconds)} a {cost.unit}\n"
        f"Untrained: {found.metric_name} {found.metric:.4g}, score {found.score:.4g}, loss {found.loss:.4g}"
    )


def _find_cost(found, trial_steps):
    if trial_steps is None:
        return _Cost("rule", found.steps, found.seconds)
    return _Cost("trial", trial_steps, found.seconds * trial_steps / found.steps)


class Described(NamedTuple):
    """A task, its `Description` and its `Protocol`."""

    title: str
    found: Description
    protocol: Protocol


def format_tables(described: Sequence[Described], plan: Plan) -> str:
    """Everything known before the first rule, task by task, and the cost of the whole search.

    Args:
      described: The tasks.
      plan: The `Plan` of the search.
    """
    whole = _describe_whole(described, plan)
    if len(described) == 1:
        (one,) = described
        return _format({**_describe(one, plan), **whole}, one.found.notes)
    tables = [_format(_describe(one, plan), one.found.notes) for one in described]
    cost = _add_costs(described, plan)
    all_tasks = f"at most {cost.steps:,} steps, about {describe_duration(cost.seconds)} a {cost.unit}"
    return "\n\n".join([*tables, _format({"all tasks": all_tasks, **whole})])


def format_cost(described: Sequence[Described], plan: Plan, published: str) -> str:
    """The cost of a search, as rows like those of `format_tables`.

    Args:
      described: The tasks.
      plan: The `Plan` of the search.
      published: The cost of such a search as others report it.
    """
    cost = _add_costs(described, plan)
    measured = {f"a {cost.unit}": _describe_cost(cost)}
    return _format({**measured, **_describe_whole(described, plan), "the paper": published})


def _add_costs(described, plan):
    """The cost of a rule or a trial on all tasks."""
    costs = [_find_cost_in(plan, one) for one in described]
    return _Cost(costs[0].unit, sum(cost.steps for cost in costs), sum(cost.seconds for cost in costs))


def _find_cost_in(plan, one):
    return _find_cost(one.found, find_most_trial_steps(one.protocol) if plan.tries_settings else None)


def _describe_cost(cost):
    return f"at most {cost.steps:,} steps, about {describe_duration(cost.seconds)} with Adam on one core"


def _describe(described, plan):
    title, found, _ = described
    if plan.tries_settings:
        cost = {"a trial": f"{_describe_cost(_find_cost_in(plan, described))}; one that is stopped early takes fewer"}
    else:
        cost = {
            "steps a rule": f"at most {found.steps:,}; a rule that is stopped early takes fewer",
            "time a rule": f"about {describe_duration(found.seconds)}, from two timed runs with Adam on one core",
        }
    validation = found.validation_batch_size
    worst, best = found.scale
    return {
        "task": title,
        "weights": f"{found.trainable:,} trainable, {found.frozen:,} not",
        "examples": f"{found.train_examples:,} to train, {found.validation_examples:,} to validate",
        "batch": f"{found.batch_size}{f'; {validation} in validation' if validation else ''}",
        **cost,
        "memory": f"{_size(found.data_bytes)} of data in each worker; {_size(found.peak_bytes)} a process in all",
        "metric": f"{found.metric_name}: {found.metric:.4g} untrained, which has the score {found.score:.4g} "
        f"({worst:.4g} scores 0, {best:.4g} scores 1)",
        "loss": f"{found.loss:.4g} untrained",
    }


def _format(rows, notes=()):
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {text}" for name, text in rows.items()]
    return "\n".join([*lines, *(f"{'note':<{width}}  {note}" for note in notes)])


def _describe_whole(described, plan):
    times = estimate(plan, [(found, protocol) for _, found, protocol in described])
    start = {"start": _describe_start(plan)} if plan.start else {}
    whole = f"{_span(times.whole)} with {_crew(plan)}" if times.whole else "unknown, with such a budget"
    return {
        "start-up": f"{_span(times.starts)}, until the workers have TensorFlow and the data",
        "known": f"{plan.known} known optimizers: {_span(times.known)}",
        **start,
        "budget": _describe_budget(plan.limits, times),
        "constants": _describe_constants(plan, described[0].protocol, times),
        "fresh seeds": _describe_fresh(described, plan.known + SHOWN, plan.fresh_seeds, times),
        "in all": whole,
    }


def _describe_start(plan):
    text = f"{plan.start} rules, measured first; they count among the budget"
    if plan.limits.rules is not None and plan.limits.rules <= plan.start:
        text += ", which leaves no rule to propose: give a larger --budget, or --start none"
    return text


def _describe_budget(limits, times):
    words = ", or ".join(map(limits.describe, limits.given)) or "none"
    spans = f": {_span(times.search)}" if times.search else ""
    is_timed = limits.minutes is not None
    return f"{words}{spans}{'; all other rows come on top of the minutes' if is_timed else ''}"


def _describe_constants(plan, protocol, times):
    share = plan.tuning.share
    if not share:
        return "tuned with the forms, in the time of the budget" if plan.tries_settings else "none"
    steps = f"{find_round_cost(plan.tuning, protocol):,} steps at most"
    first = f"the first after {find_steps_before(plan.tuning, protocol):,} others"
    if times.rounds is None:
        return f"rounds of {steps}, {first}; they are part of the budget"
    low, high = map(round, (times.rounds.low, times.rounds.high))
    rounds = count_of(low, "round") if low == high else f"{low} to {high} rounds"
    return f"{rounds} of {steps}, {first}; in the time of the budget"


def _describe_fresh(described, rules, seeds, times):
    if not seeds:
        return "none"
    trainings = rules * seeds
    steps = [protocol.final_steps for *_, protocol in described]
    each = f"{steps[0]:,}" if len(steps) == 1 else f"({' + '.join(f'{final:,}' for final in steps)})"
    return (
        f"{rules} rules * {seeds} seeds * {each} steps = {trainings * sum(steps):,} steps at most: "
        f"{_span(times.fresh)}, after the budget"
    )


def _crew(plan):
    workers = count_of(plan.workers, "worker")
    if plan.busy == plan.workers:
        return workers
    return f"{workers}, of which batches of rules keep {plan.busy} busy (see --batch_size, --pipeline, --async)"


def describe_duration(seconds: float) -> str:
    """A duration in words, such as "5 min"."""
    if seconds < 100:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _span(times):
    """A range in words, such as "2 to 5 min"."""
    low, high = (describe_duration(seconds) for seconds in (times.low, times.high))
    if low == high:
        return f"about {low}"
    (number, unit), other = low.split(), high.split()[1]
    return f"{number} to {high}" if unit == other else f"{low} to {high}"


def _size(count):
    power = 0
    while count >= 1000 and power < len(_BYTES) - 1:
        count, power = count / 1000, power + 1
    return f"{count:.3g} {_BYTES[power]}"
