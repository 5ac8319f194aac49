"""Stand-ins for what is slow: a tiny task, and an evaluator that trains nothing."""

import dataclasses
import hashlib

import numpy as np

from neural_optimizer_search.code_hash import hash_files
from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.description import Description
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.measuring.joint import JointEvaluator
from neural_optimizer_search.tasks.image_task import Examples, ImageTask, TaskSetting
from neural_optimizer_search.tasks.joint_task import JointTask
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.small_networks import MLP
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.describing import Describer, attempt
from neural_optimizer_search.workers.executor import Failure, TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

TINY = Protocol(
    name="tiny",
    train_examples=40,
    validation_examples=20,
    batch_size=10,
    learning_rates=(1e-2, 1e-1),
    probe_steps=3,
    sweep_steps=4,
    final_steps=8,
    validate_every=4,
    seeds=(0, 1),
)


def two_classes(data_dir=None):
    """Two Gaussian blobs as 2x2 images."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 60).astype(np.int32)
    images = rng.normal(size=(60, 2, 2, 1)) + 3.0 * labels[:, None, None, None]
    return Examples(images.astype(np.float32), labels)


BLOBS = ImageTask("blobs", 2, two_classes, (TaskSetting(TINY, MLP(units=4)),))


def fake_evaluation(rule, reward=None):
    """An evaluation whose reward depends on what the rule computes, and on nothing else."""
    if reward is None:
        reward = int(hashlib.sha1(rule.canonical().encode()).hexdigest()[:6], 16) / 16**6
    return Evaluation(
        rule=rule,
        reward=reward,
        status="ok",
        message="Made up.",
        learning_rate=0.1,
        accuracy=reward,
        rewards=(reward,),
        sweep=((0.1, 1.0), (1.0, None)),
        seconds=0.0,
        seeds=(0,),
        key=rule.canonical(),
    )


class FakeTraining:
    """In place of a `ChildTraining`: what is trained has the made-up reward of its rule from the first step on."""

    scale = (0.0, 1.0)

    def __init__(self, evaluate):
        self._evaluate = evaluate

    def __call__(self, rule, plan):
        return self.begin(rule, plan).advance(plan.steps)

    def begin(self, rule, plan):
        return FakeRun(np.full(plan.steps // plan.validate_every, self._evaluate(rule).reward))


@dataclasses.dataclass
class FakeRun:
    """In place of a `ChildRun`, with the same reward wherever it stops."""

    curve: np.ndarray

    def advance(self, end):
        return TrainingRun(True, end, self.curve, 1.0 - self.curve, self.curve, 1.0)

    def validate(self):
        return np.array([self.curve[0], 1.0 - self.curve[0], self.curve[0]])


def on_task(name):
    """As `fake_evaluation`, on one of several tasks: SGD has the reward 0.2 there, Adam 0.6; on "tie" both 0.2.

    The learning rate is another on each task.
    """
    anchors = {"g": 0.2, "Adam": 0.2 if name == "tie" else 0.6}

    def evaluate(rule):
        digest = hashlib.sha1(f"{name} {rule.canonical()}".encode()).hexdigest()
        made = fake_evaluation(rule, anchors.get(rule.formula(), int(digest[:6], 16) / 16**6))
        return dataclasses.replace(made, learning_rate=0.1 * len(name) / len("digits"))

    return evaluate


class FakeEvaluator:
    """What a worker has, for commands: it trains nothing, and stops no rule.

    Args:
      evaluate: Rule -> `Evaluation`.
      protocol: What rounds of tuning are made of.
    """

    uniform_loss = 1.0

    def __init__(self, evaluate=fake_evaluation, protocol=TINY):
        self._evaluate, self.protocol, self.train = evaluate, protocol, FakeTraining(evaluate)

    def __call__(self, rule, bar=None):
        return self._evaluate(rule)

    def measure_until(self, rule, end, directory):
        """A longer training gives another reward."""
        evaluation = self._evaluate(rule)
        return dataclasses.replace(evaluation, reward=(evaluation.reward * end * 7) % 1.0)

    def record_descent(self, rule):
        """Gradients of a matrix and a vector that shrink, with noise."""
        rng, steps = np.random.default_rng(2), 5
        gradients = 0.9 ** np.arange(steps)[:, None] * (1.0 + rng.normal(size=(steps, 6)))
        weights = np.tile(rng.normal(size=6), (steps, 1))
        return dict(gradients=gradients.tolist(), weights=weights.tolist(), shapes=[(2, 2), (2,)], sizes=[4, 2])

    def measure_again(self, rule, learning_rate, schedule, weight_decay, seeds):
        """The made-up reward, and a little that only the seed decides."""
        made = self._measure(rule, self._evaluate(rule).reward, learning_rate, schedule, weight_decay, seeds)
        return dataclasses.replace(made, curves=tuple((0.5 * reward, reward) for reward in made.rewards))

    def measure_setting(self, rule, learning_rate, schedule, weight_decay, least=None, centred=True):
        """Likewise, and a rate of 0.02 is best; what is worth less than is needed is stopped."""
        reward = max(0.0, self._evaluate(rule).reward - 0.01 * abs(np.log(learning_rate / 0.02)))
        made = self._measure(rule, reward, learning_rate, schedule, weight_decay, self.protocol.seeds)
        made = dataclasses.replace(made, sweep_reward=reward, steps=self.protocol.final_steps)
        for seen, needed in enumerate(least or ()):
            so_far = sum(made.rewards[:seen]) / seen if seen else reward
            if so_far < needed:
                return dataclasses.replace(made, status="stopped", rewards=made.rewards[:seen], reward=so_far)
        return made

    def _measure(self, rule, reward, learning_rate, schedule, weight_decay, seeds):
        rewards = tuple(min(1.0, max(0.0, reward + 0.01 * (seed % 3 - 1))) for seed in seeds)
        return dataclasses.replace(
            fake_evaluation(rule, sum(rewards) / len(rewards)),
            rewards=rewards,
            sweep=(),
            seeds=tuple(seeds),
            learning_rate=learning_rate,
            schedule=schedule,
            weight_decay=weight_decay,
        )


fake_executor = InProcess(FakeEvaluator())


def step(algorithm, evaluate, number):
    """Lets an algorithm propose once and learn from it; returns the evaluations, or None if there is nothing left."""
    proposal = algorithm.propose(number)
    if proposal is None:
        return None
    evaluations = evaluate(proposal.rules)
    algorithm.learn(proposal, evaluations)
    return evaluations


def open_fake(evaluate=fake_evaluation):
    """A row of `EXECUTORS`, whose workers are a `FakeEvaluator` in this process."""

    def open_one(config, task, protocol, data_dir):
        if isinstance(task, JointTask):
            each = {one.name: FakeEvaluator(on_task(one.name), its) for one, its in task.parts}
            return InProcess(JointEvaluator(each))
        return InProcess(FakeEvaluator(evaluate, protocol))

    return open_one


# Trains nothing, so that a test of something else is quick.
open_nothing = open_fake()


def describe_nothing(describer, task, protocol, data_dir=None):
    """In place of `Describer.__call__`: trains nothing. Of a task in a module only the code is looked at."""
    code = hash_files(task.name.partition(":")[0]) if ":" in task.name else {}
    return Description(
        trainable=9,
        frozen=2,
        train_examples=40,
        validation_examples=20,
        batch_size=10,
        validation_batch_size=None,
        steps=64,
        seconds=0.5,
        data_bytes=1200,
        peak_bytes=500_000_000,
        metric_name="accuracy",
        scale=(0.0, 1.0),
        metric=0.25,
        score=0.25,
        loss=1.5,
        notes=("Nothing was looked at.",),
        fingerprint=Fingerprint(code, {"train": "a", "validation": "b"}, 1.5, 0.5, "mae", 1.5, 0.0) if code else None,
    )


def fail_to_describe(describer, task, protocol, data_dir=None):
    """In place of `Describer.__call__`: a task that raises an error."""
    error = Failure("", "KeyError: 'units' (mine.py:3, in make)", "Traceback (most recent call last):\n  ...")
    describer.on_failure(error)
    raise TaskFailed(error.message, error.traceback)


def train_nothing(patch):
    """Has commands train nothing from now on; see the fixture `trains_nothing`."""
    patch.setitem(EXECUTORS, "local", open_nothing)
    patch.setattr(Describer, "__call__", describe_nothing)


class DescribesInThread:
    """A worker in this thread, which describes its task."""

    def __init__(self, make, serve, share):
        self._make = make

    def start(self, seconds=None):
        return attempt(self._make)

    def stop(self):
        pass
