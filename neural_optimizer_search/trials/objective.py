"""The reward of a setting, from one training of a child that is traced once for all settings."""

import typing
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.early_look import find_look, look
from neural_optimizer_search.measuring.outcome import WrongScores, describe_wrong_scores
from neural_optimizer_search.measuring.rule_runs import is_finite
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks.protocol import Protocol, make_reward
from neural_optimizer_search.trials.first_trials import count_probe_steps
from neural_optimizer_search.trials.setting import Setting


class Progress(NamedTuple):
    """The progress of a training.

    Attributes:
      steps: Gradient steps so far.
      value: Its reward if it ended here; 0 if it is not finite.
      finite: Whether it is finite.
    """

    steps: int
    value: float
    finite: bool


class AnyObjective(typing.Protocol):
    """The interface that a `Study` needs of an objective; see `Objective`."""

    steps: int
    probe_steps: int
    seeds: tuple[int, ...]

    def prepare(self, seeds: Sequence[int]) -> None: ...
    def find_scale(self, rule: Rule) -> Optional[float]: ...
    def train(self, setting: Setting, seed: int) -> Iterator[Progress]: ...
    def train_whole(self, setting: Setting, seed: int) -> float: ...


class Objective:
    """Trains a child with settings of rules.

    Args:
      train: A `ChildTraining` with the weights of the protocol's seeds.
      protocol: The `Protocol`.
      reward: A key of `REWARDS`, which sets how a training is scored.
      uniform_loss: The child's `uniform_loss`.

    Attributes:
      steps: Gradient steps of a training.
      probe_steps: Number of gradient steps that `find_scale` takes.
      seeds: Seeds of the trainings that choose settings.
    """

    def __init__(self, train: ChildTraining, protocol: Protocol, reward: str, uniform_loss: Optional[float]):
        self._train, self._every = train, protocol.validate_every
        self._pay = make_reward(reward, uniform_loss)
        self.steps, self.seeds = protocol.final_steps, protocol.seeds
        self.probe_steps = count_probe_steps(protocol)

    def prepare(self, seeds: Sequence[int]) -> None:
        """Makes the weights of these seeds, in addition to those of the protocol's seeds."""
        self._train.prepare(seeds)

    def find_scale(self, rule: Rule) -> Optional[float]:
        """The root mean square of a rule's updates at the initial weights; None if it is not finite.

        It is 1 if the protocol does not centre its rates.
        """
        if not self.probe_steps:
            return 1.0
        return self._train(rule, RunPlan(0.0, self.seeds[0], self.probe_steps, self.probe_steps)).scale

    def train(self, setting: Setting, seed: int) -> Iterator[Progress]:
        """Trains, and yields its progress at each validation, and at an early look in any case."""
        validations = range(self._every, self.steps + 1, self._every)
        yield from self._train_in_parts(setting, seed, sorted({find_look(self.steps, self._every), *validations}))

    def train_whole(self, setting: Setting, seed: int) -> float:
        """The reward of a whole training."""
        *_, last = self._train_in_parts(setting, seed, (self.steps,))
        return last.value

    def _train_in_parts(self, setting, seed, ends):
        every = self._every
        plan = RunPlan(setting.learning_rate, seed, self.steps, every, setting.schedule, setting.weight_decay)
        training = self._train.begin(setting.rule, plan)
        for end in ends:
            run = look(training, end, every)
            scores, losses, finite = run.scores.tolist(), run.losses.tolist(), is_finite(run)
            if finite and (wrong := describe_wrong_scores(scores, self._train.scale)):
                raise WrongScores(wrong)
            yield Progress(run.steps, float(self._pay(scores, losses)) if finite else 0.0, finite)
            if not finite:
                return
