"""The outcome of a rule's runs: their rewards, and what the fields of an `Evaluation` say about them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.evaluation import is_reward
from neural_optimizer_search.measuring.racing import Stop
from neural_optimizer_search.measuring.rule_runs import is_finite
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.schedule_shape import Schedule
from neural_optimizer_search.tasks.child import Child
from neural_optimizer_search.tasks.protocol import OF_LOSS, Protocol, make_reward
from neural_optimizer_search.user_error import UserError


class WrongScores(UserError):
    """Scores of a task are out of range: no rule can be measured, because the best would be chosen by chance."""


class Finals(NamedTuple):
    """The final runs of a rule so far, one per seed, with their setting and number of steps."""

    rate: float
    schedule: Schedule
    weight_decay: float
    steps: int
    runs: list[TrainingRun]


class Outcomes:
    """Pays the runs of rules on one task, and describes what came of a rule as fields of an `Evaluation`.

    Args:
      protocol: The `Protocol` of the runs.
      child: The `Child` that they train.
    """

    def __init__(self, protocol: Protocol, child: Child):
        self._protocol, self._metric_name, self._uniform_loss = protocol, child.metric_name, child.uniform_loss
        self._scale = child.scale
        self._reward = make_reward(protocol.reward, child.uniform_loss)

    def pay(self, run: TrainingRun) -> float:
        """The reward of one run; 0 if it diverged.

        Raises:
          WrongScores: If its scores are out of range.
        """
        if not is_finite(run):
            return 0.0
        reward = float(self._reward(run.scores, run.losses))
        if wrong := describe_wrong_scores([reward, *map(float, run.scores)], self._scale):
            least, most = run.metrics.min(), run.metrics.max()
            raise WrongScores(f"{wrong} The {self._metric_name} went from {least:.4g} to {most:.4g}.")
        return reward

    def describe_divergence(self, rates: Sequence[float]) -> dict[str, Any]:
        """The outcome if every rate of the sweep diverged; without rates, if the update itself is not finite."""
        return dict(
            reward=0.0,
            status="diverged",
            message=f"Diverged in the sweep at every learning rate from {min(rates):.3g} to {max(rates):.3g}."
            if rates
            else "The update is not finite.",
            learning_rate=None,
            accuracy=0.0,
            rewards=(0.0,) * len(self._protocol.seeds),
        )

    def describe_stop(self, finals: Finals, stop: Stop) -> dict[str, Any]:
        """The outcome of a rule that is not measured further."""
        return dict(reward=stop.estimate, status="stopped", message=stop.message, **self._describe_runs(finals))

    def describe_finals(self, finals: Finals, unpaid: int = 0) -> dict[str, Any]:
        """The outcome of the final runs; `unpaid` more seeds, which were not worth a run, count as 0.

        Raises:
          WrongScores: If scores are out of range.
        """
        runs, described = finals.runs, self._describe_runs(finals, unpaid)
        rewards, diverged = described["rewards"], sum(not is_finite(run) for run in runs)
        first = min(run.steps for run in runs)
        message = (
            f"Diverged in {diverged} of {len(runs)} final runs, first at step {first} of {finals.steps}."
            if diverged
            else f"Trained {finals.steps} steps with {count_of(len(runs), 'seed')}."
        )
        if not (diverged or any(rewards)):
            message += f" {self._describe_end(runs)}"
        status = "diverged" if diverged else "ok"
        return dict(reward=sum(rewards) / len(rewards), status=status, message=message, **described)

    def _describe_runs(self, finals, unpaid=0) -> dict[str, Any]:
        none = [0.0] * unpaid
        accuracies = [float(run.scores[-1]) if is_finite(run) else 0.0 for run in finals.runs] + none
        return dict(
            learning_rate=finals.rate,
            accuracy=sum(accuracies) / max(1, len(accuracies)),
            rewards=(*map(self.pay, finals.runs), *none),
            schedule=str(finals.schedule),
            weight_decay=float(finals.weight_decay),
        )

    def _describe_end(self, runs):
        """Why runs that did not diverge have a reward of 0."""
        if self._protocol.reward == OF_LOSS:
            name, values, worst = "cross-entropy", [run.losses[-1] for run in runs], self._uniform_loss
        else:
            name, values, worst = self._metric_name, [run.metrics[-1] for run in runs], self._scale[0]
        return f"The {name} is {np.mean(values):.4g} at the end, and {worst:.4g} is paid nothing."


def describe_wrong_scores(scores: Sequence[float], scale: tuple[float, float]) -> str:
    """A sentence if scores are out of range; else "".

    Args:
      scores: The scores of a task.
      scale: Its `Child.scale`, which tells whether lower values of the metric are better.
    """
    if all(map(is_reward, scores)):
        return ""
    worst, best = scale
    advice = (
        "Give `higher_is_better=False` if lower values of its metric are better; else map the metric to that range."
        if worst < best
        else f"A metric that can be below {best:g}, its best value, needs a function that maps it to a score from 0 "
        "to 1."
    )
    return (
        f"A task must have scores in [0, 1], where 1 is the best. {advice} "
        f"Received scores from {min(scores):.4g} to {max(scores):.4g}."
    )
