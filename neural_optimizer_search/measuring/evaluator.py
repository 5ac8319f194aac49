"""Computes the reward of a rule: probe, learning-rate sweep, final runs (section 4.2)."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.early_look import find_look, look
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.kept_runs import KeptRuns
from neural_optimizer_search.measuring.outcome import Finals, Outcomes
from neural_optimizer_search.measuring.racing import Bar, Stop, say_needed
from neural_optimizer_search.measuring.recording import STEPS
from neural_optimizer_search.measuring.rule_runs import RuleRuns, is_finite
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.sweep import Sweep
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task

LARGEST_RATE = float(np.finfo(np.float32).max)


class Evaluator:
    """Measures rules on one task under one protocol; the training is traced only once, at creation.

    Args:
      task: A `Task`.
      protocol: A `Protocol`.
      data_dir: The directory of the task's data; see the task.

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
        self.uniform_loss, self._outcomes = child.uniform_loss, Outcomes(protocol, child)
        self.train = ChildTraining(child)
        self.train.prepare(protocol.seeds)

    def __call__(self, rule: Rule, bar: Optional[Bar] = None) -> Evaluation:
        """Trains children with a `Rule` and returns its `Evaluation`; a rule that diverges is not an error.

        Args:
          rule: The `Rule`.
          bar: The `Bar` that the rule must reach under a protocol with `racing`; None to measure it fully. It does
            not affect the evaluation of a rule that is not stopped.
        """
        started = time.perf_counter()
        train = RuleRuns(self.train, rule)
        sweep = Sweep(train, self._learning_rates(train), self.protocol)
        outcome = self._measure(train, sweep, bar if self.protocol.racing else None)
        seconds = time.perf_counter() - started
        seeds = self.protocol.seeds
        return Evaluation(rule=rule, sweep=sweep.losses, seconds=seconds, seeds=seeds, steps=train.steps, **outcome)

    def measure_again(
        self, rule: Rule, learning_rate: float, schedule: str, weight_decay: float, seeds: Sequence[int]
    ) -> Evaluation:
        """Repeats the final runs of a rule with other seeds and the setting of an earlier evaluation.

        Args:
          rule: The `Rule`.
          learning_rate, schedule, weight_decay: The setting of that `Evaluation`.
          seeds: The seeds to use instead of the protocol's.

        Returns:
          An `Evaluation` without a sweep; the reward of a run that diverged is 0.
        """
        started = time.perf_counter()
        p, train = self.protocol, RuleRuns(self.train, rule)
        self.train.prepare(seeds)
        setting = parse_schedule(schedule), weight_decay
        runs = [train(RunPlan(learning_rate, seed, p.final_steps, p.validate_every, *setting)) for seed in seeds]
        outcome = self._outcomes.describe_finals(Finals(learning_rate, *setting, p.final_steps, runs))
        curves = tuple(tuple(np.where(np.isfinite(run.scores), run.scores, 0.0).tolist()) for run in runs)
        counts = dict(seconds=time.perf_counter() - started, steps=train.steps)
        return Evaluation(rule=rule, sweep=(), seeds=tuple(seeds), curves=curves, **counts, **outcome)

    def measure_until(self, rule: Rule, end: int, directory: str) -> Evaluation:
        """Measures a rule after part of its final runs; the next call continues them.

        The first steps of the final runs serve as the sweep, and the runs with the chosen rate continue.

        Args:
          rule: The `Rule`.
          end: The step at which the final runs stop, and the sweep, too, if it is longer.
          directory: An existing directory for the runs of all rules.

        Returns:
          The `Evaluation`; its seconds and steps are totals of all calls so far. The probe, which each call repeats,
          counts once in the steps, and not in the seconds.

        Raises:
          CannotKeep: If runs cannot be written to the directory, or read from it.
        """
        p = self.protocol
        train = KeptRuns(self.train, rule, Path(directory), end, p.final_steps, p.validate_every)
        probe = RuleRuns(self.train, rule)
        sweep = Sweep(train, self._learning_rates(probe), p)
        outcome = self._measure(train, sweep, None)
        chosen = (outcome["learning_rate"], outcome.get("schedule"), outcome.get("weight_decay"))
        train.give_up(lambda plan: (plan.learning_rate, str(plan.schedule), float(plan.weight_decay)) == chosen)
        losses, counts = sweep.losses, dict(seconds=train.seconds, steps=train.steps + probe.steps)
        return Evaluation(rule=rule, sweep=losses, seeds=p.seeds, **counts, **outcome)

    def measure_setting(
        self,
        rule: Rule,
        learning_rate: float,
        schedule: str,
        weight_decay: float,
        least: Optional[Sequence[float]] = None,
        centred: bool = True,
    ) -> Evaluation:
        """Trains the final runs of a rule with one setting, without a sweep; unpromising rules stop early.

        Args:
          rule: The `Rule`.
          learning_rate: The rate.
          schedule: The text of a `Schedule`.
          weight_decay: Weight decay, relative to the rate.
          least: The rewards that the rule needs to continue: first after a third of the run with the first seed, then
            as the mean over the first 1, 2, ... seeds, for each seed but the last. None to measure it fully.
          centred: Whether rate and weight decay are given for updates with a root mean square of 1. If so, the root
            mean square of the rule's updates at the initial weights divides the rate and multiplies the weight decay.
            No effect under a protocol that does not centre its rates.

        Returns:
          An `Evaluation` without a sweep; its `sweep_reward` is the reward of the first run after a third of it. If
          the rule was stopped there, it has no `rewards`.
        """
        started = time.perf_counter()
        p, train = self.protocol, RuleRuns(self.train, rule)
        scale = self._find_scale(train) if p.centred and centred else 1.0
        if scale is None:
            outcome, steps = self._outcomes.describe_divergence(()), 0
        else:
            rate = min(learning_rate / scale, LARGEST_RATE)
            decay = min(weight_decay * scale, LARGEST_RATE)
            finals = Finals(rate, parse_schedule(schedule), decay, p.final_steps, [])
            outcome, steps = self._measure_final_runs(rule, finals, train, least)
        seconds, steps = time.perf_counter() - started, steps + train.steps
        return Evaluation(rule=rule, sweep=(), seconds=seconds, seeds=p.seeds, steps=steps, **outcome)

    def _measure_final_runs(self, rule, finals, train, least):
        """The outcome, and the number of steps of the run with the first seed."""
        p, seeds = self.protocol, self.protocol.seeds
        if least and len(least) > len(seeds):
            raise ValueError(f"Argument `least` must have at most {len(seeds)} rewards. Received: {len(least)}.")
        how = p.final_steps, p.validate_every, finals.schedule, finals.weight_decay
        needed, *margins = least or (0.0,)
        training = self.train.begin(rule, RunPlan(finals.rate, seeds[0], *how))
        run = look(training, find_look(p.final_steps, p.validate_every), p.validate_every)
        early = self._outcomes.pay(run)
        if run.finite and early < needed:
            stop = Stop(early, f"Stopped at step {run.steps} of {p.final_steps}: {say_needed(early, needed)}.")
            return dict(self._outcomes.describe_stop(finals, stop), sweep_reward=early), run.steps
        run = training.advance(p.final_steps)
        finals.runs.append(run)
        for seed, margin in itertools.zip_longest(seeds[1:], margins, fillvalue=0):
            if not is_finite(finals.runs[-1]):
                break
            reward = float(np.mean([self._outcomes.pay(one) for one in finals.runs]))
            if reward < margin:
                seen = f"{len(finals.runs)} of {len(seeds)} seeds"
                stop = Stop(reward, f"Stopped after {seen}: {say_needed(reward, margin)}.")
                return dict(self._outcomes.describe_stop(finals, stop), sweep_reward=early), run.steps
            finals.runs.append(train(RunPlan(finals.rate, seed, *how)))
        outcome = self._outcomes.describe_finals(finals, len(seeds) - len(finals.runs))
        return dict(outcome, sweep_reward=early), run.steps

    def record_descent(self, rule: Rule) -> dict[str, Any]:
        """Records the first steps of a child that a rule trains at the middle rate, for `make_descent`."""
        rates = self._learning_rates(RuleRuns(self.train, rule))
        rate = rates[len(rates) // 2] if rates else 0.0
        return self.train.record(rule, rate, self.protocol.seeds[0], STEPS)

    def _learning_rates(self, train):
        """The protocol's rates, centred on the rule's scale; empty if the update itself is not finite."""
        p = self.protocol
        if not p.centred:
            return p.learning_rates
        scale = self._find_scale(train)
        return () if scale is None else tuple(min(rate / scale, LARGEST_RATE) for rate in p.learning_rates)

    def _find_scale(self, train):
        """The root mean square of the rule's updates at the initial weights; None if it is not finite.

        At rate 0 the weights stay as they are: this measures the rule on the child's own gradients.
        """
        p = self.protocol
        return train(RunPlan(0.0, p.seeds[0], p.probe_steps, p.probe_steps)).scale

    def _measure(self, train, sweep, bar) -> dict[str, Any]:
        """Measures in stages, until everything is measured or the rule cannot reach the bar."""
        p = self.protocol
        best = sweep.try_rates()
        if best is None:
            return self._outcomes.describe_divergence(sweep.rates)
        sweep_reward = self._outcomes.pay(sweep.train(best, p.seeds[0]))
        finals, stop = Finals(best, p.schedules[0], p.weight_decays[0], 0, []), bar and bar.judge_sweep(sweep_reward)
        if p.racing and not stop:
            # Trained first, because the sweep with the other seeds costs more than this run, usually needed anyway.
            finals, stop = self._train_finals(train, best, p.seeds[:1], bar and bar.judge_first)
        if not stop:
            chosen = sweep.choose()
            if chosen is None:
                return self._outcomes.describe_divergence(sweep.rates)
            finals, stop = self._train_finals(train, chosen, p.seeds, bar and bar.judge)
        outcome = self._outcomes.describe_stop(finals, stop) if stop else self._outcomes.describe_finals(finals)
        return dict(sweep_reward=sweep_reward, **outcome)

    def _train_finals(self, train, rate, seeds, judge):
        """The `Finals` of these seeds, with the lowest-loss schedule and weight decay, and a `Stop` or None."""
        p = self.protocol

        def train_final(seed, pair):
            return train(RunPlan(rate, seed, p.final_steps, p.validate_every, *pair))

        pairs = {pair: train_final(seeds[0], pair) for pair in itertools.product(p.schedules, p.weight_decays)}
        best = min(pairs, key=lambda pair: pairs[pair].losses[-1] if is_finite(pairs[pair]) else np.inf)
        finals, stop = Finals(rate, *best, train.until(p.final_steps), []), None
        for seed in seeds:
            finals.runs.append(train_final(seed, best))
            if stop := judge and judge([self._outcomes.pay(run) for run in finals.runs]):
                break
        return finals, stop
