"""The settings of `nos-learn`: the functions that it learns on, and guided policy search."""

import argparse
import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from neural_optimizer_search.command_line import LARGEST, LONGEST_NAME, is_own, number, path, shorten, whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.l2o.presets import CHOICES, FUNCTIONS, PRESETS
from neural_optimizer_search.l2o.trajectories import HISTORY, HORIZON
from neural_optimizer_search.objectives import FAMILIES

# The smallest and the largest value of each number. A number must be an integer if its smallest value is an int.
RANGES = {
    "functions": (1, 100_000),
    "runs": (1, 10_000),
    "horizon": (2, 10_000),  # with one step, no change of the objective is known, by which inputs are scaled
    "history": (1, 1000),
    "iterations": (0, 100_000),
    "bound": (1e-6, 1e6),
    "noise": (0.0, 1e6),
    "least_noise": (1e-6, 1e6),
    "kept": (1, 1000),
    "updates": (1, 10_000_000),
    "validation": (1, 100_000),
    "validation_steps": (1, 100_000),
    "seed": (0, LARGEST),
}

LIMITS = (0.01, 1000.0)

_STEADY = PRESETS["steady"]


def family_name(text: str) -> str:
    """Parses the value of `--family`."""
    if not text.isprintable() or not 0 < len(text) <= LONGEST_NAME:
        raise argparse.ArgumentTypeError(
            f"must be one of {', '.join(FAMILIES)}, or module:attribute of at most {LONGEST_NAME} characters. "
            f"Received: {shorten(text)!r}."
        )
    return text


@dataclass(frozen=True)
class Training:
    """What `nos-learn` learns on, and where it stores the training."""

    family: str = flag(
        "logistic",
        f"{', '.join(FAMILIES)}, or module:attribute of your own",
        parse=family_name,
        is_local=is_own,
    )
    preset: str = flag(
        "steady",
        "settings; paper: those of the paper; the default ones keep policies from diverging",
        choices=tuple(PRESETS),
        earlier="steady",
    )
    out: Optional[Path] = flag(
        None,
        "directory of the training",
        parse=path,
        default_text="runs/learn-FAMILY-seedSEED; in preset paper runs/learn-FAMILY-paper-seedSEED",
        recorded=False,
    )
    resume: Optional[Path] = flag(
        None, "continue a training; --iterations may change", parse=path, metavar="RUN", recorded=False
    )


@dataclass(frozen=True)
class GuidedPolicySearchConfig:
    """Settings of a training, by default those of the preset "steady".

    `functions`, `runs`, `horizon` and `history` are the paper's, and so are the settings in the row "paper" of
    `PRESETS`. The row "steady" has other settings, for the reasons in the README of the measurements. The paper does
    not specify the rest.

    Args:
      functions: Number of functions to learn on, by default as many as in the paper for logistic regression;
        `FUNCTIONS` has the number for each family.
      anew: Whether each iteration draws new functions, as many as `functions`.
      runs: Number of trajectories per function and iteration.
      horizon: Number of steps of a trajectory.
      history: The number H of past steps that the policy sees.
      iterations: Rounds of improving targets and imitating them, after one that imitates momentum.
      momentum: "shared" tunes one setting for all functions; "each" tunes one for each function, which no single
        policy can imitate.
      near: What new targets must stay near, and what runs follow: "policy", with noise and from fresh starting
        points, or "target", the last target of each function, from one fixed starting point per function.
      bound: Largest divergence of a target from what it must stay near, in nats per step.
      noise: Standard deviation of the sampled steps, relative to their median size; with `near` "target", that of
        the first targets.
      least_noise: The smallest standard deviation.
      kept: Number of batches of targets that the policy is fitted to.
      updates: Number of updates of the policy's weights in each fit.
      compressed: Whether the network's input is scaled, and compressed where it is large.
      output_bias: Whether the output layer has a bias. Without one, the step is 0 where the input is 0.
      chosen: The policy that is kept for use: "best" on the validation functions, or "last".
      validation: Number of functions on which the policy is chosen.
      validation_steps: Number of steps on them.
      limit: The longest step of the chosen policy, as a multiple of the step of momentum tuned for all functions;
        None for no limit. It affects training only through the choice on the validation functions.
      seed: Seed of everything random.

    Raises:
      ValueError: If a setting is out of range.
    """

    functions: int = flag(
        FUNCTIONS["logistic"],
        "functions to learn on",
        parse=whole_number(*RANGES["functions"]),
        default_text="as many as in the paper",
    )
    anew: bool = flag(False, "draw new functions in each iteration")
    runs: int = 20
    horizon: int = HORIZON
    history: int = HISTORY
    iterations: int = flag(
        24, "rounds of guided policy search", parse=whole_number(*RANGES["iterations"]), changeable=True
    )
    momentum: str = flag(
        _STEADY["momentum"],
        "what is imitated first",
        choices=CHOICES["momentum"],
        default_text=f"{_STEADY['momentum']}; in preset paper {PRESETS['paper']['momentum']}",
    )
    near: str = _STEADY["near"]
    bound: float = 0.3
    noise: float = 0.7
    least_noise: float = 0.03
    kept: int = _STEADY["kept"]
    updates: int = 6000
    compressed: bool = _STEADY["compressed"]
    output_bias: bool = _STEADY["output_bias"]
    chosen: str = _STEADY["chosen"]
    validation: int = 100
    validation_steps: int = 100
    limit: Optional[float] = flag(
        None,
        "longest step of the learned optimizer, as a multiple of tuned momentum's",
        parse=number(*LIMITS),
        default_text="no limit",
    )
    seed: int = flag(0, "seed of everything random", parse=whole_number(*RANGES["seed"]))

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            _check_range(name, getattr(self, name), least, most)
        if self.limit is not None:
            _check_range("limit", self.limit, *LIMITS)
        for name, allowed in CHOICES.items():
            _check_word(name, getattr(self, name), allowed)
        for name in ("anew", "compressed", "output_bias"):
            _check_bool(name, getattr(self, name))
        if self.anew and self.near == "target":
            raise ValueError(
                'Argument `anew` must be False with `near` "target", where each function keeps its target. Received: '
                "True."
            )


def _check_range(name: str, value: Any, least: float, most: float) -> None:
    kind: Any = numbers.Integral if isinstance(least, int) else numbers.Real
    # A comparison with NaN is False.
    if isinstance(value, bool) or not isinstance(value, kind) or not least <= value <= most:
        allowed = "an int" if kind is numbers.Integral else "a float"
        received = shorten(repr(value))
        raise ValueError(f"Argument `{name}` must be {allowed} from {least} to {most}. Received: {received}.")


def _check_word(name: str, value: Any, allowed: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"Argument `{name}` must be one of {', '.join(allowed)}. Received: {shorten(repr(value))}.")


def _check_bool(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"Argument `{name}` must be a bool. Received: {shorten(repr(value))}.")
