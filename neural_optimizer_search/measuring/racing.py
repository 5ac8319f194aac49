"""When a rule stops being measured: it cannot reach the best known rules any more."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.tasks.protocol import Racing


class Stop(NamedTuple):
    """Why a rule is not measured further.

    Attributes:
      estimate: What it would be paid, as far as one can tell.
      message: One sentence.
    """

    estimate: float
    message: str


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a rule must reach; small, and goes to worker processes.

    Attributes:
      reward: The lowest reward of the best known rules.
      sweep_reward: The lowest of what the sweep with the first seed paid them.
      gain: What they were paid more in the end than after that sweep, in the mean.
      effects: What each seed does to the rewards of all of them: its mean less that of all seeds.
      margins: How far below `reward` an estimate must be for a rule to stop, after 1, 2, ... seeds.
    """

    reward: float
    sweep_reward: float
    gain: float
    effects: tuple[float, ...]
    margins: tuple[float, ...]

    def judge_sweep(self, reward: float) -> Optional[Stop]:
        """A `Stop` if what the sweep with the first seed would be paid is less than that of all the best rules."""
        if reward >= self.sweep_reward:
            return None
        # Those of the best that the sweep pays little may gain more than the mean: this one has not shown that.
        estimate = _clip(min(reward + self.gain, self.reward))
        return Stop(
            estimate,
            f"Stopped after the sweep with the first seed, which would be paid {reward:.4f}; "
            f"that of the best rules is paid {self.sweep_reward:.4f} or more.",
        )

    def judge(self, rewards: Sequence[float]) -> Optional[Stop]:
        """A `Stop` if the rewards of the first seeds, compared on these, are too low for the others to mend it."""
        seen, seeds = len(rewards), len(self.effects)
        if seen >= seeds:
            return None
        estimate = float(np.mean(np.subtract(rewards, self.effects[:seen])))
        needed = self.reward - self.margins[seen - 1]
        if estimate >= needed:
            return None
        return Stop(
            _clip(estimate),
            f"Stopped after {seen} of {seeds} seeds, by which its reward is {estimate:.4f}; "
            f"{needed:.4f} was needed to go on.",
        )


def make_bar(best: Sequence[Evaluation], racing: Racing) -> Optional[Bar]:
    """The `Bar` of the best known rules.

    Args:
      best: Evaluations of rules that were measured to their end, under one protocol.
      racing: A `Racing`.

    Returns:
      None if there are fewer than `racing.best`: then every rule can still be among the best.
    """
    best = sorted(best, key=lambda evaluation: -evaluation.reward)[: racing.best]
    if len(best) < racing.best:
        return None
    rewards = np.array([evaluation.rewards for evaluation in best])
    sweeps = np.array([evaluation.sweep_reward for evaluation in best])
    effects = rewards.mean(axis=0) - rewards.mean()
    count, seeds = rewards.shape
    residuals = rewards - rewards.mean(axis=1, keepdims=True) - effects
    deviation = np.sqrt(np.sum(residuals**2) / max(1, (count - 1) * (seeds - 1)))
    seen = np.arange(1, seeds)
    return Bar(
        reward=best[-1].reward,
        sweep_reward=float(sweeps.min()),
        gain=float(rewards.mean() - sweeps.mean()),
        effects=tuple(effects.tolist()),
        margins=tuple((racing.deviations * deviation * np.sqrt(1 / seen - 1 / seeds)).tolist()),
    )


def _clip(reward):
    return min(max(reward, 0.0), 1.0)
