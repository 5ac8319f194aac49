"""How rules are measured: a series of training runs, whose sizes are fields of `Protocol`."""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Optional

from neural_optimizer_search.arguments import check_int, check_number
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule, is_weight_decay
from neural_optimizer_search.user_error import UserError

DECADES = tuple(10.0**i for i in range(-5, 2))  # section 4.2: 10^i with i from -5 to 1


def mean_of_end(values: Sequence[float]) -> float:
    """The mean of the last third of the validations, at least one: the quality at the end, with less noise.

    Example:
      >>> from neural_optimizer_search.tasks.protocol import mean_of_end
      >>> mean_of_end([0.5, 0.5, 0.5, 0.5, 0.6, 0.8]), mean_of_end([0.5, 0.7])
      (0.7, 0.7)
    """
    return _mean(values[-max(1, len(values) // 3) :])


def _mean(values):
    return sum(values) / len(values)


OF_LOSS = "mean_cross_entropy"  # the reward that depends on the losses, and not on the scores
# The score of a final run, given its validation accuracies and cross-entropies (in nats) and the cross-entropy of a
# uniform guess. Each is in [0, 1], and a run that diverged scores 0.
REWARDS: dict[str, Callable[..., float]] = {
    "final_accuracy": lambda accuracies, losses, uniform_loss: accuracies[-1],
    "end_accuracy": lambda accuracies, losses, uniform_loss: mean_of_end(accuracies),
    "mean_accuracy": lambda accuracies, losses, uniform_loss: _mean(accuracies),
    # 1 - H/log(classes): 0 for a uniform guess, 1 for certainty.
    OF_LOSS: lambda accuracies, losses, uniform_loss: max(0.0, 1.0 - _mean(losses) / uniform_loss),
}


def make_reward(name: str, uniform_loss: Optional[float]) -> Callable[..., float]:
    """The function of a final run's scores and losses that gives its reward.

    Args:
      name: A row of `REWARDS`.
      uniform_loss: The cross-entropy of a uniform guess; None if the task's loss has none.

    Raises:
      ValueError: If the reward needs the loss of a uniform guess, and there is none.
    """
    if name == OF_LOSS and uniform_loss is None:
        others = ", ".join(other for other in REWARDS if other != name)
        raise UserError(
            f"Argument `reward` must be one of: {others}, because this task's loss has no value for a uniform guess. "
            f"Received: {name!r}."
        )
    return functools.partial(REWARDS[name], uniform_loss=uniform_loss)


@dataclass(frozen=True)
class Racing:
    """How a rule is measured in stages, and when its measurement stops because it cannot reach the best known rules.

    Larger values are more careful: fewer rules that would have been among the best are stopped, and each rule costs
    more. The defaults suit a reward that varies by some hundredths from seed to seed.

    Args:
      best: A rule must be able to reach the lowest reward of this many best rules measured so far; until there are
        that many, no rule is stopped. Raise it if you want more than the ten best rules to be measured in full. At
        least 2.
      middle_rates: The sweep first tries this many learning rates in the middle of the list, and then their
        neighbours as long as the best rate is at the edge of those tried. Raise it if the loss has several minima
        along the rates, and the middle one may not be the lowest. At least 1.
      sweep_deviations: After the sweep with the first seed, the final reward is estimated, and the rule stops if the
        estimate is more than this many standard deviations (of how much rules gain from there to the end) below the
        bar. Raise it if rules that start slowly win in long trainings. At least 0.
      deviations: After each final run, the mean over all seeds is estimated, and the rule stops if the estimate is
        more than this many standard deviations of that mean below the bar. It is larger than `sweep_deviations`
        because the best ten rules are much alike and vary less than others do. Raise it if the reward is noisy, as
        with little validation data. At least 0.
      doubt: After the first final run, the margin is multiplied by this if the other seeds may still choose another
        learning rate. Raise it if the best rate differs much from seed to seed. At least 1.

    Raises:
      ValueError: If a value is below its minimum, or not finite.

    Example:
      >>> from neural_optimizer_search.tasks.protocol import Protocol, Racing
      >>> careful = Racing(best=20, deviations=7.0)
      >>> examples = dict(train_examples=1000, validation_examples=200)
      >>> steps = dict(sweep_steps=20, final_steps=60, validate_every=10)
      >>> Protocol("mine", learning_rates=(0.01, 0.1, 1.0), racing=careful, **examples, **steps).racing.best
      20

    `KerasTask(..., sizes={"racing": careful})` measures your own task in this way.
    """

    best: int = 10
    middle_rates: int = 1
    sweep_deviations: float = 2.0
    deviations: float = 5.0
    doubt: float = 2.0

    def __post_init__(self) -> None:
        for name, least, check, what in (
            ("best", 2, check_int, "a whole number"),
            ("middle_rates", 1, check_int, "a whole number"),
            ("sweep_deviations", 0, check_number, "finite"),
            ("deviations", 0, check_number, "finite"),
            ("doubt", 1, check_number, "finite"),
        ):
            allowed = f"at least {least}, and {what}"
            check(name, getattr(self, name), allowed, lambda value, least=least: value >= least)


@dataclass(frozen=True)
class Protocol:
    """The procedure that measures one update rule on one task.

    For each learning rate and seed the child is trained for `sweep_steps`; the rate with the lowest mean
    validation cross-entropy trains it for `final_steps`; the reward is the mean over seeds. With `finalists`, the
    sweep has two stages: all rates with the first seed, then the best few with the other seeds. With `racing`, rates
    are tried only where the best one may be, and a rule stops when it cannot reach the best known ones.

    The sweep uses the first schedule and the first weight decay. With several, the child is trained for `final_steps`
    with each pair of them and the first seed; the pair with the lowest validation cross-entropy at the end is also
    used with the other seeds.

    Args:
      name: The name for `--protocol`.
      train_examples, validation_examples: Sizes of the fixed split; the remaining examples are not used.
      batch_size: Examples per step; None for the size of the data's own batches, if they come in batches.
      validation_batch_size: Examples per validation batch, where it matters; None for the task's own size.
      learning_rates: The rates of the sweep, in increasing order.
      centred: Divide the rates by the root mean square of the rule's updates, measured in `probe_steps` steps at
        the initial weights, so that a positive factor in a rule has no effect. Off in the paper.
      probe_steps: See `centred`.
      finalists: Number of rates in the second stage of the sweep, or None for all. None in the paper.
      sweep_steps, final_steps: Steps of a run; T of the decay operands is the number of steps of that run.
      validate_every: Steps between validations in the final run.
      reward: A row of `REWARDS`.
      seeds: Different ints of at least 0. Each rule is trained with the same seeds; a seed sets initial weights,
        batches and noise.
      schedules: The learning-rate schedules to try, each a `Schedule`.
      weight_decays: Decoupled weight decays to try, numbers >= 0, each relative to the rate:
        w <- w * (1 - rate * decay) - rate * update.
      racing: A `Racing`, or None to measure each rule with all rates and seeds. None in the paper.
    """

    name: str
    train_examples: int
    validation_examples: int
    learning_rates: tuple[float, ...]
    sweep_steps: int
    final_steps: int
    validate_every: int
    batch_size: Optional[int] = 100
    validation_batch_size: Optional[int] = None
    centred: bool = True
    probe_steps: int = 5
    finalists: Optional[int] = None
    reward: str = "mean_accuracy"
    seeds: tuple[int, ...] = (0, 1, 2)
    schedules: tuple[Schedule, ...] = (CONSTANT,)
    weight_decays: tuple[float, ...] = (0.0,)
    racing: Optional[Racing] = None

    def __post_init__(self) -> None:
        steps = ("sweep_steps", "final_steps", "probe_steps", "validate_every")
        for name in ("train_examples", "validation_examples", *steps):
            check_int(name, getattr(self, name), "an int > 0", lambda value: value > 0)
        for name in ("batch_size", "validation_batch_size", "finalists"):
            if getattr(self, name) is not None:
                check_int(name, getattr(self, name), "None or an int > 0", lambda value: value > 0)
        if self.reward not in REWARDS:
            raise ValueError(f"Argument `reward` must be one of: {', '.join(REWARDS)}. Received: {self.reward!r}.")
        if self.final_steps % self.validate_every:
            raise ValueError(
                f"Argument `validate_every` must divide final_steps={self.final_steps}. "
                f"Received: {self.validate_every}."
            )
        if self.batch_size is not None and self.batch_size > self.train_examples:
            raise ValueError(
                f"Argument `batch_size` must be 1 to train_examples={self.train_examples}. "
                f"Received: {self.batch_size}."
            )
        if not (self.racing is None or isinstance(self.racing, Racing)):
            raise ValueError(f"Argument `racing` must be a Racing or None. Received: {self.racing!r}.")
        _check_options("seeds", self.seeds, "ints of at least 0", lambda value: type(value) is int and value >= 0)
        rates = "finite numbers above 0 in increasing order"
        _check_options("learning_rates", self.learning_rates, rates, _is_rate, is_increasing=True)
        _check_options("schedules", self.schedules, "Schedules", lambda value: isinstance(value, Schedule))
        _check_options("weight_decays", self.weight_decays, "finite numbers of at least 0", is_weight_decay)


def _is_rate(value):
    return not isinstance(value, bool) and isinstance(value, (int, float)) and 0 < value < math.inf


def _check_options(argument, values, what, is_one, is_increasing=False):
    is_whole = isinstance(values, tuple) and values and all(map(is_one, values)) and len(set(values)) == len(values)
    if not is_whole or (is_increasing and list(values) != sorted(values)):
        raise ValueError(f"Argument `{argument}` must be a tuple of different {what}. Received: {values!r}.")
