"""From a rule to its reward: probe, learning-rate sweep, final run (section 4.2)."""

import time

import numpy as np

from neural_optimizer_search.evaluation.evaluation import Evaluation
from neural_optimizer_search.evaluation.training import ChildTraining
from neural_optimizer_search.tasks.protocol import REWARDS

LARGEST_RATE = float(np.finfo(np.float32).max)


class Evaluator:
    """Measures rules on one task under one protocol; everything is traced once, when it is made.

    Args:
      task: A `Task`.
      protocol: A `Protocol`.
      data_dir: Where the task finds its data; see the task.

    Example:
      >>> from neural_optimizer_search import parse_formula
      >>> from neural_optimizer_search.evaluation.evaluator import Evaluator
      >>> from neural_optimizer_search.tasks import TASKS
      >>> evaluate = Evaluator(TASKS["digits"], TASKS["digits"].protocols["reduced"])
      >>> evaluate(parse_formula("sign(g) * sqrt(v)")).status
      'ok'
    """

    def __init__(self, task, protocol, data_dir=None):
        self.protocol = protocol
        self.classes = task.classes
        splits = task.splits(protocol, data_dir)
        shape = splits.train.images.shape[1:]
        self.train = ChildTraining(
            lambda: protocol.child(shape, task.classes),
            splits.train,
            splits.validation,
            protocol.batch_size,
        )

    def __call__(self, rule):
        """Trains children with a `Rule` and returns its `Evaluation`; a rule that diverges is no error."""
        started = time.perf_counter()
        tokens = rule.to_tokens()
        learning_rates = self._learning_rates(tokens)
        sweep = tuple((rate, self._sweep_loss(tokens, rate)) for rate in learning_rates)
        finite = [(loss, rate) for rate, loss in sweep if loss is not None]
        chosen = min(finite)[1] if finite else None
        outcome = self._final_run(tokens, chosen) if finite else self._diverged_at_once(learning_rates)
        return Evaluation(rule=rule, sweep=sweep, seconds=time.perf_counter() - started, **outcome)

    def _learning_rates(self, tokens):
        """The protocol's rates, centred on the rule's scale; none if the update itself is not finite."""
        p = self.protocol
        if not p.centred:
            return p.learning_rates
        # At rate 0 the weights stay: what is measured is the rule on the child's own gradients.
        probe = self.train(tokens, 0.0, p.seeds[0], p.probe_steps, p.probe_steps)
        if not probe.finite:
            return ()
        scale = probe.update_rms or 1.0  # a rule that never moves is harmless at any rate
        return tuple(min(rate / scale, LARGEST_RATE) for rate in p.learning_rates)

    def _sweep_loss(self, tokens, rate):
        """Mean validation cross-entropy over the seeds after the sweep's steps; None if a run diverged."""
        p, losses = self.protocol, []
        for seed in p.seeds:
            run = self.train(tokens, rate, seed, p.sweep_steps, p.sweep_steps)
            if not (run.finite and np.isfinite(run.losses[-1])):
                return None
            losses.append(float(run.losses[-1]))
        return sum(losses) / len(losses)

    def _diverged_at_once(self, rates):
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

    def _final_run(self, tokens, rate):
        p = self.protocol
        runs = [self.train(tokens, rate, seed, p.final_steps, p.validate_every) for seed in p.seeds]
        finite = [run.finite and bool(np.isfinite(run.losses).all()) for run in runs]
        pay = REWARDS[p.reward]
        rewards = tuple(
            float(pay(run.accuracies, run.losses, self.classes)) if ok else 0.0
            for run, ok in zip(runs, finite)
        )
        accuracies = [float(run.accuracies[-1]) if ok else 0.0 for run, ok in zip(runs, finite)]
        diverged = finite.count(False)
        first = min(run.steps for run in runs)
        message = (
            f"Diverged in {diverged} of {len(runs)} final runs, first at step {first} of {p.final_steps}."
            if diverged
            else f"Trained {p.final_steps} steps with {len(runs)} seeds."
        )
        return dict(
            reward=sum(rewards) / len(rewards),
            status="diverged" if diverged else "ok",
            message=message,
            learning_rate=rate,
            accuracy=sum(accuracies) / len(accuracies),
            rewards=rewards,
        )
