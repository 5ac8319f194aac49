"""The protocols of a user's own task."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from neural_optimizer_search.schedule_shape import CONSTANT, Schedule, parse_schedule
from neural_optimizer_search.tasks.in_memory import ALL
from neural_optimizer_search.tasks.protocol import DECADES, Protocol, Racing

SIZES = {field.name for field in fields(Protocol)} - {"name", "final_steps"}
# Rewards computed from scores; cross-entropy is just one possible metric. The first is the default: the quality at
# the end of training. The mean over the whole run would penalize every decay of the rate, because most of the gain
# comes after the decay.
SCORE_REWARDS = ("end_accuracy", "mean_accuracy", "final_accuracy")
SCHEDULES = (Schedule("linear"),)  # used unless `sizes` says otherwise
VALIDATIONS = 6  # maximum number in a final run


def make_protocols(steps: int, sizes: Mapping[str, Any]) -> dict[str, Protocol]:
    """The three protocols of a task by name.

    Args:
      steps: Gradient steps of a final run.
      sizes: Values that replace fields of the first protocol, and with it of the others.
    """
    defaults = dict(
        name="default",
        batch_size=None,
        train_examples=ALL,
        validation_examples=ALL,
        learning_rates=tuple(10.0 ** (i / 2) for i in range(-8, 1)),
        sweep_steps=_part(steps, 3),
        final_steps=steps,
        validate_every=_validate_every(steps),
        finalists=3,
        reward=SCORE_REWARDS[0],
        schedules=SCHEDULES,
        racing=Racing(),
    )
    default = Protocol(**{**defaults, **_parse_schedules(sizes)})
    reduced = replace(
        default,
        name="reduced",
        learning_rates=default.learning_rates[::2],
        sweep_steps=_part(default.sweep_steps, 3),
        final_steps=_part(steps, 3),
        validate_every=_validate_every(_part(steps, 3)),
        seeds=default.seeds[:1],
    )
    paper = replace(
        default,
        name="paper",
        learning_rates=DECADES,
        sweep_steps=_part(steps, 5),  # one epoch and five in the paper
        validate_every=steps,
        centred=False,
        finalists=None,
        reward="final_accuracy",
        seeds=default.seeds[:1],
        schedules=(CONSTANT,),
        weight_decays=(0.0,),
        racing=None,
    )
    return {protocol.name: protocol for protocol in (default, reduced, paper)}


def _parse_schedules(sizes):
    """The `sizes` with `Schedule`s in place of their texts."""
    if "schedules" not in sizes:
        return sizes
    schedules = sizes["schedules"]
    if isinstance(schedules, (str, Schedule)) or not isinstance(schedules, Sequence):
        raise ValueError(
            'Argument `sizes` must have a tuple of schedules, such as ("constant", "cosine, warm-up 0.1"). '
            f"Received: {schedules!r}."
        )
    return {**sizes, "schedules": tuple(map(parse_schedule, schedules))}


def _part(steps, parts):
    return max(1, steps // parts)


def _validate_every(steps):
    """The steps between validations: as many validations as allowed, with the last one at the end of the run."""
    return steps // max(count for count in range(1, VALIDATIONS + 1) if steps % count == 0)
