"""From a rule to its reward: probe, learning-rate sweep, final runs (section 4.2)."""

import itertools
import time
from collections.abc import Sequence
from typing import Any, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation, is_reward
from neural_optimizer_search.measuring.recording import STEPS
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.tasks.protocol import REWARDS, Protocol
from neural_optimizer_search.tasks.task import Task

LARGEST_RATE = float(np.finfo(np.float32).max)


class Evaluator:
    """Measures rules on one task under one protocol; everything is traced once, when it is made.

    Args:
      task: A `Task`.
      protocol: A `Protocol`.
      data_dir: Where the task finds its data; see the task.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.measuring.evaluator import Evaluator
      >>> from neural_optimizer_search.tasks import TASKS
      >>> evaluate = Evaluator(TASKS["digits"], TASKS["digits"].protocols["reduced"])
      >>> evaluate(parse_formula("sign(g) * sqrt(v)")).status
      'ok'
    """

    def __init__(self, task: Task, protocol: Protocol, data_dir: Optional[str] = None):
        self.protocol = protocol
        child = task.child(protocol, data_dir)
        self.uniform_loss = child.uniform_loss
        self._metric_name, (self._worst, _) = child.metric_name, child.scale
        self.train = ChildTraining(child)
        self.train.prepare(protocol.seeds)

    def __call__(self, rule: Rule) -> Evaluation:
        """Trains children with a `Rule` and returns its `Evaluation`; a rule that diverges is no error."""
        started = time.perf_counter()
        learning_rates = self._learning_rates(rule)
        sweep, chosen = self._sweep(rule, learning_rates)
        outcome = self._describe_divergence(learning_rates) if chosen is None else self._final_run(rule, chosen)
        seconds = time.perf_counter() - started
        return Evaluation(rule=rule, sweep=sweep, seconds=seconds, seeds=self.protocol.seeds, **outcome)

    def record_descent(self, rule: Rule, steps: int = STEPS) -> dict[str, Any]:
        """What `make_descent` needs of the first steps of a child that a rule trains at the middle rate."""
        rates = self._learning_rates(rule)
        rate = rates[len(rates) // 2] if rates else 0.0
        return self.train.record(rule, rate, self.protocol.seeds[0], steps)

    def _learning_rates(self, rule):
        """The protocol's rates, centred on the rule's scale; none if the update itself is not finite."""
        p = self.protocol
        if not p.centred:
            return p.learning_rates
        # At rate 0 the weights stay: what is measured is the rule on the child's own gradients.
        probe = self.train(rule, 0.0, p.seeds[0], p.probe_steps, p.probe_steps)
        if not probe.finite:
            return ()
        scale = probe.update_rms or 1.0  # a rule that never moves is harmless at any rate
        return tuple(min(rate / scale, LARGEST_RATE) for rate in p.learning_rates)

    def _sweep(self, rule, rates):
        """((rate, loss with the seeds that it was tried with, or None), ...) and the best rate, or None."""
        first, *others = self.protocol.seeds
        losses = {rate: self._losses(rule, rate, [first]) for rate in rates}
        complete = []
        for rate in sorted(rates, key=losses.__getitem__):
            if len(complete) == self.protocol.finalists or losses[rate] == [np.inf]:
                break
            losses[rate] += self._losses(rule, rate, others)
            if np.isfinite(losses[rate]).all():
                complete.append((np.mean(losses[rate]), rate))
        sweep = tuple(
            (rate, float(np.mean(losses[rate])) if np.isfinite(losses[rate]).all() else None) for rate in rates
        )
        return sweep, min(complete)[1] if complete else None

    def _losses(self, rule, rate, seeds):
        """Validation cross-entropies after the sweep's steps; with the first seed that diverges it ends in inf."""
        p, losses = self.protocol, []
        for seed in seeds:
            run = self.train(rule, rate, seed, p.sweep_steps, p.sweep_steps, p.schedules[0], p.weight_decays[0])
            if not _is_finite(run):
                return [*losses, np.inf]
            losses.append(float(run.losses[-1]))
        return losses

    def _describe_divergence(self, rates) -> dict[str, Any]:
        return dict(
            reward=0.0,
            status="diverged",
            message=f"Diverged in the sweep at every learning rate from {min(rates):.3g} to {max(rates):.3g}."
            if rates
            else "The update is not finite.",
            learning_rate=None,
            accuracy=0.0,
            rewards=(0.0,) * len(self.protocol.seeds),
        )

    def _final_runs(self, rule, rate):
        """The schedule and the weight decay with the lowest loss, and the runs with them, one for each seed."""
        p = self.protocol

        def train(seed, pair):
            return self.train(rule, rate, seed, p.final_steps, p.validate_every, *pair)

        first, *others = p.seeds
        pairs = {pair: train(first, pair) for pair in itertools.product(p.schedules, p.weight_decays)}
        best = min(pairs, key=lambda pair: pairs[pair].losses[-1] if _is_finite(pairs[pair]) else np.inf)
        return *best, [pairs[best], *(train(seed, best) for seed in others)]

    def _final_run(self, rule, rate) -> dict[str, Any]:
        p = self.protocol
        schedule, weight_decay, runs = self._final_runs(rule, rate)
        finite = [_is_finite(run) for run in runs]
        pay = REWARDS[p.reward]
        rewards = tuple(
            float(pay(run.scores, run.losses, self.uniform_loss)) if ok else 0.0 for run, ok in zip(runs, finite)
        )
        scores = [score for run, ok in zip(runs, finite) if ok for score in run.scores]
        if wrong := describe_wrong_scores([*rewards, *scores]):
            metrics = np.concatenate([run.metrics for run, ok in zip(runs, finite) if ok])
            raise ValueError(f"{wrong} The {self._metric_name} went from {metrics.min():.4g} to {metrics.max():.4g}.")
        accuracies = [float(run.scores[-1]) if ok else 0.0 for run, ok in zip(runs, finite)]
        diverged = finite.count(False)
        first = min(run.steps for run in runs)
        message = (
            f"Diverged in {diverged} of {len(runs)} final runs, first at step {first} of {p.final_steps}."
            if diverged
            else f"Trained {p.final_steps} steps with {len(runs)} seed{'' if len(runs) == 1 else 's'}."
        )
        if not (diverged or any(rewards)):
            message += f" {self._describe_end(runs)}"
        return dict(
            reward=sum(rewards) / len(rewards),
            status="diverged" if diverged else "ok",
            message=message,
            learning_rate=rate,
            accuracy=sum(accuracies) / len(accuracies),
            rewards=rewards,
            schedule=str(schedule),
            weight_decay=float(weight_decay),
        )

    def _describe_end(self, runs):
        """Why runs that did not diverge are paid nothing."""
        if self.protocol.reward == "mean_cross_entropy":
            name, values, worst = "cross-entropy", [run.losses[-1] for run in runs], self.uniform_loss
        else:
            name, values, worst = self._metric_name, [run.metrics[-1] for run in runs], self._worst
        return f"The {name} is {np.mean(values):.4g} at the end, and {worst:.4g} is paid nothing."


def _is_finite(run):
    return run.finite and bool(np.isfinite(run.losses).all())


def describe_wrong_scores(scores: Sequence[float]) -> str:
    """What is wrong with scores, as a sentence; "" if nothing is.

    A score of another range is no reward: which rule is best would be chance.
    """
    if all(map(is_reward, scores)):
        return ""
    return (
        "A task must have scores in [0, 1], where 1 is the best: map its metric to that range. "
        f"Received scores from {min(scores):.4g} to {max(scores):.4g}."
    )
