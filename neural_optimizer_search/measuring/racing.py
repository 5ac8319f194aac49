"""Decides when to stop measuring a rule: when it can no longer reach the best known rules."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.tasks.protocol import Racing


class Stop(NamedTuple):
    """Why a rule is not measured further.

    Attributes:
      estimate: An estimate of its reward.
      message: One sentence.
    """

    estimate: float
    message: str


def say_needed(reward: float, needed: float) -> str:
    """Why a rule with one setting is not trained further."""
    return f"it was worth {reward:.4f}, and {needed:.4f} was needed to go on"


@dataclasses.dataclass(frozen=True)
class Bar:
    """The reward that a rule must be able to reach; small, because it is sent to worker processes.

    All rules are trained with the same seeds, so a rule is compared with the best known ones on the same seeds.

    Attributes:
      reward: The lowest reward of the best known rules.
      gain: The mean increase of their reward from the sweep with the first seed to the end.
      effects: The effect of each seed on their rewards: the mean with this seed minus the mean over all seeds.
      sweep_margin: How far below `reward` an estimate after that sweep must be for a rule to stop.
      first_margin: The same margin after the first final run, if another learning rate may still be chosen.
      margins: The same margins after 1, 2, ... final runs with the chosen rate.
      unit: The name of the stages of a measurement: "seeds" or "tasks".
    """

    reward: float
    gain: float
    effects: tuple[float, ...]
    sweep_margin: float
    first_margin: float
    margins: tuple[float, ...]
    unit: str = "seeds"

    def judge_sweep(self, reward: float) -> Optional[Stop]:
        """A `Stop` if the reward of the best run of the sweep with the first seed would be too low."""
        return self._judge(reward + self.gain, self.sweep_margin, "the sweep with the first seed")

    def judge_first(self, rewards: Sequence[float]) -> Optional[Stop]:
        """A `Stop` if the reward of the first seed is too low, even if another rate should suit the rule better."""
        return self._judge_seeds(rewards, (self.first_margin,))

    def judge(self, rewards: Sequence[float]) -> Optional[Stop]:
        """A `Stop` if the rewards of the first seeds are too low; always None for all seeds."""
        return self._judge_seeds(rewards, self.margins)

    def _judge_seeds(self, rewards, margins):
        seen, seeds = len(rewards), len(self.effects)
        if seen == seeds:
            return None
        estimate = float(np.mean(np.subtract(rewards, self.effects[:seen])))
        return self._judge(estimate, margins[seen - 1], f"{seen} of {seeds} {self.unit}")

    def _judge(self, estimate, margin, stage):
        needed = self.reward - margin
        if estimate >= needed:
            return None
        message = (
            f"Stopped after {stage}: the estimated reward is {estimate:.4f}, and {needed:.4f} was needed to go on."
        )
        return Stop(max(estimate, 0.0), message)


def make_bar(best: Sequence[Evaluation], racing: Optional[Racing]) -> Optional[Bar]:
    """The `Bar` of the best known rules.

    Args:
      best: Evaluations of rules that were fully measured, under one protocol.
      racing: A `Racing`; None if no rule is stopped.

    Returns:
      None if there are fewer than `racing.best`: then every rule can still be among the best.
    """
    if racing is None:
        return None
    best = sorted(best, key=lambda evaluation: -evaluation.reward)[: racing.best]
    if len(best) < racing.best:
        return None
    rewards = np.array([evaluation.rewards for evaluation in best])
    gains = rewards.mean(axis=1) - [evaluation.sweep_reward for evaluation in best]
    effects = rewards.mean(axis=0) - rewards.mean()
    rules, seeds = rewards.shape
    residuals = rewards - rewards.mean(axis=1, keepdims=True) - effects
    deviation = np.sqrt(np.sum(residuals**2) / max(1, (rules - 1) * (seeds - 1)))
    # Deviations of the mean over the first seeds from the mean over all seeds.
    seen = np.arange(1, seeds)
    margins = racing.deviations * deviation * np.sqrt(1 / seen - 1 / seeds)
    return Bar(
        reward=best[-1].reward,
        gain=float(gains.mean()),
        effects=tuple(effects.tolist()),
        sweep_margin=float(racing.sweep_deviations * gains.std(ddof=1)),
        first_margin=racing.doubt * float(margins[0]) if seeds > 1 else 0.0,
        margins=tuple(margins.tolist()),
    )
