"""Measures rules on several tasks in turn: a rule that scores 0 on the first is not trained on the others."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation, Part
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.racing import Bar, Stop, make_bar, say_needed
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.tasks.protocol import Racing

# Task -> its rewards with the scores 0 and 1, in the order in which the tasks are measured.
Scales = Mapping[str, tuple[float, float]]


class JointBar(NamedTuple):
    """The scores that a rule needs on the tasks so far to be trained on the next one; sent to worker processes.

    Attributes:
      bar: A `Bar` with scores of tasks in place of rewards of seeds; None if only the first task can stop a rule.
    """

    bar: Optional[Bar] = None

    def judge(self, parts: Sequence[Part]) -> Optional[Stop]:
        """A `Stop` if the rule scores 0 on the first task, or cannot reach the best known rules."""
        (first, *others) = parts
        if not others and first.status == "diverged":
            return Stop(0.0, "It was not trained on the other tasks.")
        if not others and first.score == 0.0:
            return Stop(0.0, f"{describe_worthless(first)}: it was not trained on the other tasks.")
        return self.bar and self.bar.judge([part.score for part in parts])


def describe_worthless(part: Part) -> str:
    """The message for a part with a score of 0."""
    return f"On {part.task} it is no better than tuned SGD" if part.zero else f"On {part.task} it has the reward 0"


def make_joint_bar(best: Sequence[Evaluation], racing: Optional[Racing]) -> JointBar:
    """Like `make_bar`, for several tasks; without `racing`, a score of 0 on the first task still stops a rule."""
    if racing is None:
        return JointBar()
    by_task = [dataclasses.replace(e, rewards=tuple(part.score for part in e.parts)) for e in best if e.parts]
    bar = make_bar(by_task, racing)
    return JointBar(bar and dataclasses.replace(bar, unit="tasks"))


class JointEvaluator:
    """Measures rules on several tasks.

    Args:
      evaluators: An `Evaluator` for each task, by the task's name; all train with the same seeds.
    """

    def __init__(self, evaluators: Mapping[str, Evaluator]):
        self._evaluators = evaluators

    def __call__(self, rule: Rule, bar: Optional[JointBar] = None, scales: Optional[Scales] = None) -> Evaluation:
        """The `Evaluation` of a rule, whose reward is the mean of its scores on the tasks.

        Each task is measured in full.

        Args:
          rule: The `Rule`.
          bar: The `JointBar` that the rule must reach to be measured on the next task; None to measure it on all.
          scales: The `Scales`.
        """
        scales = _require_scales(scales)
        found: dict[str, Evaluation] = {}
        for task in scales:
            found[task] = self._evaluators[task](rule)
            stop = bar.judge(_make_parts(found, scales)) if bar and len(found) < len(scales) else None
            if stop:
                return _stop(rule, found, scales, stop)
        return join(rule, found, scales)

    def measure_setting(
        self,
        rule: Rule,
        learning_rate: float,
        schedule: str,
        weight_decay: float,
        least: Optional[Sequence[float]] = None,
        centred: bool = True,
        scales: Optional[Scales] = None,
    ) -> Evaluation:
        """The `Evaluation` of a rule with one setting for all tasks, without a sweep.

        Args:
          rule: The `Rule`.
          learning_rate, schedule, weight_decay: See `Evaluator.measure_setting`.
          least: The mean scores over the first 1, 2, ... tasks that the rule needs to continue, for each task but the
            last. None to measure it on all.
          centred: See `Evaluator.measure_setting`; it applies to the first task, and the others are trained with the
            same rate and weight decay.
          scales: The `Scales`.

        Returns:
          An `Evaluation`; its `sweep_reward` is the score on the first task. A rule that diverges on a task is not
          trained on the next ones.
        """
        scales = _require_scales(scales)
        found: dict[str, Evaluation] = {}
        needed = itertools.chain(least or (), itertools.repeat(0.0))
        for task, at_least in zip(scales, needed):
            e = self._evaluators[task].measure_setting(rule, learning_rate, schedule, weight_decay, centred=centred)
            found[task] = e
            parts = _make_parts(found, scales)
            stop = _judge_setting(parts, at_least) if len(found) < len(scales) else None
            if stop:
                return dataclasses.replace(_stop(rule, found, scales, stop), sweep_reward=parts[0].score)
            # The rate and weight decay stay those of the first task.
            learning_rate, weight_decay, centred = e.learning_rate or learning_rate, e.weight_decay, False
        return dataclasses.replace(join(rule, found, scales), sweep_reward=parts[0].score)

    def measure_each(self, rule: Rule) -> dict[str, Evaluation]:
        """The evaluation of a rule on each task alone."""
        return {task: evaluate(rule) for task, evaluate in self._evaluators.items()}

    def measure_again(self, rule: Rule, parts: Sequence[Part], seeds: Sequence[int]) -> Evaluation:
        """Repeats the final runs of a rule with other seeds, on each task with the setting of its earlier `Part`."""
        found = {
            part.task: self._evaluators[part.task].measure_again(
                rule, part.learning_rate, part.schedule, part.weight_decay, seeds
            )
            if part.learning_rate is not None
            else _diverged_again(rule, seeds)
            for part in parts
        }
        return join(rule, found, {part.task: (part.zero, part.one) for part in parts})

    def record_descent(self, rule: Rule) -> dict[str, Any]:
        """Like `Evaluator.record_descent`, on the first task."""
        return next(iter(self._evaluators.values())).record_descent(rule)


def _require_scales(scales: Optional[Scales]) -> Scales:
    if not scales:
        raise ValueError("Argument `scales` must have a scale for each task. Received: none.")
    return scales


def _judge_setting(parts, needed):
    """A `Stop` if the rule diverged on the last task, or its mean score is lower than needed."""
    score = mean_score(parts)
    if parts[-1].status != "ok":
        return Stop(0.0, f"On {parts[-1].task} it diverged: it was not trained on the other tasks.")
    if score < needed:
        return Stop(score, f"Stopped after {count_of(len(parts), 'task')}: {say_needed(score, needed)}.")
    return None


def _diverged_again(rule, seeds):
    """The evaluation of a rule that diverged at every learning rate, without training it again."""
    zeros = (0.0,) * len(seeds)
    return Evaluation(
        rule,
        0.0,
        "diverged",
        "Diverged at every learning rate.",
        None,
        0.0,
        zeros,
        sweep=(),
        seconds=0.0,
        seeds=tuple(seeds),
    )


def join(rule: Rule, found: Mapping[str, Evaluation], scales: Scales) -> Evaluation:
    """Joins evaluations on single tasks to one evaluation on several tasks.

    Args:
      rule: The `Rule`.
      found: Its evaluations by task.
      scales: The `Scales`.
    """
    parts = _make_parts(found, scales)
    is_whole = all(part.status == "ok" for part in parts)
    message = _describe(parts, found) or f"Trained on {len(parts)} tasks with {_count_seeds(parts)}."
    return _put_together(rule, found, parts, "ok" if is_whole else "diverged", message)


def join_rewards(parts: Sequence[Part]) -> tuple[float, ...]:
    """The mean score over the tasks with each seed; the mean of these is the mean of the parts' scores."""
    return tuple(map(float, np.mean([part.scores for part in parts], axis=0)))


def join_seeds(before: Sequence[Part], later: Sequence[Part]) -> tuple[Part, ...]:
    """Joins the parts of two measurements with different seeds."""
    return tuple(_join_seeds(one, other) for one, other in zip(before, later))


def _join_seeds(one, other):
    seeds, more = len(one.rewards), len(other.rewards)
    return other._replace(
        rewards=one.rewards + other.rewards,
        accuracy=(one.accuracy * seeds + other.accuracy * more) / (seeds + more),
        steps=one.steps + other.steps,
        status=one.status if one.status != "ok" else other.status,
    )


def mean_score(parts: Sequence[Part]) -> float:
    """The mean score over all parts: the reward of a rule that was measured on all tasks."""
    return sum(part.score for part in parts) / len(parts)


def _stop(rule, found, scales, stop):
    parts = _make_parts(found, scales)
    # Only a rule that diverges on the first task has the status "diverged".
    status = "diverged" if parts[-1].status == "diverged" and len(parts) == 1 else "stopped"
    message = " ".join(filter(None, [_describe(parts, found) if status == "diverged" else "", stop.message]))
    e = _put_together(rule, found, parts, status, message)
    rewards = (0.0,) * len(parts[0].rewards) if status == "diverged" else ()
    return dataclasses.replace(e, reward=stop.estimate, rewards=rewards)


def _put_together(rule, found, parts, status, message):
    evaluations, first = [found[part.task] for part in parts], parts[0]
    return Evaluation(
        rule=rule,
        reward=mean_score(parts),
        status=status,
        message=message,
        learning_rate=first.learning_rate,
        accuracy=sum(e.accuracy for e in evaluations) / len(evaluations),
        rewards=join_rewards(parts),
        sweep=(),
        seconds=sum(e.seconds for e in evaluations),
        seeds=evaluations[0].seeds,
        schedule=first.schedule,
        weight_decay=first.weight_decay,
        steps=sum(e.steps for e in evaluations),
        parts=parts,
    )


def _make_parts(found, scales):
    return tuple(_make_part(task, scales[task], found[task]) for task in scales if task in found)


def _make_part(task, scale, e):
    kept = ("rewards", "accuracy", "status", "learning_rate", "schedule", "weight_decay", "steps")
    return Part(task, *scale, **{name: getattr(e, name) for name in kept})


def _describe(parts, found):
    """The messages about the tasks on which the rule diverged or scores 0."""
    diverged = [f"On {part.task}: {found[part.task].message}" for part in parts if part.status != "ok"]
    worthless = [f"{describe_worthless(part)}." for part in parts if part.status == "ok" and part.score == 0.0]
    return " ".join([*diverged, *worthless])


def _count_seeds(parts):
    return count_of(len(parts[0].rewards), "seed")
