"""What does a step of each optimizer cost in time and memory?

All optimizers update the same 9 million parameters in 20 variables, in turns, so that the machine's noise affects all
of them. The table shows each one's median step and its ratio to that of Keras's Adam.

    python -m benchmarks.run optimizer_step --rounds 40
"""

import functools
import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import tensorflow as tf

from neural_optimizer_search import AddSign, PowerSign, RuleOptimizer
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.optimizers import get
from neural_optimizer_search.optimizers.later_papers import LATER_PAPERS

TITLE = "what does a step of each optimizer cost in time and memory?"
VARIABLES = 20
SHAPE = (450, 1000)
OPTIMIZERS = {
    "Adam (Keras)": lambda: tf.keras.optimizers.Adam(1e-6),
    "SGD with momentum (Keras)": lambda: tf.keras.optimizers.SGD(1e-6, momentum=0.9),
    "SGD (Keras)": lambda: tf.keras.optimizers.SGD(1e-6),
    "PowerSign": lambda: PowerSign(1e-6),
    "PowerSign-cd": lambda: PowerSign(1e-6, decay="cd", decay_steps=10_000),
    "AddSign": lambda: AddSign(1e-6),
    "AddSign-ld": lambda: AddSign(1e-6, decay="ld", decay_steps=10_000),
    "RuleOptimizer of PowerSign": lambda: RuleOptimizer("exp(sign(g) * sign(m)) * g", 1e-6),
    "RuleOptimizer of AddSign": lambda: RuleOptimizer("(1 + sign(g) * sign(m)) * g", 1e-6),
    **{name: functools.partial(get, name, learning_rate=1e-6) for name, *_ in LATER_PAPERS},
}
ADAM, MOMENTUM = "Adam (Keras)", "SGD with momentum (Keras)"
STEPS_PER_TURN = 3


@dataclass(frozen=True)
class Config:
    """The flags of this study."""

    rounds: int = flag(40, "turns of each optimizer", parse=whole_number(1, 100_000))


class TracedOptimizer:
    """One optimizer with variables of its own and a traced step on given gradients."""

    def __init__(self, optimizer: tf.keras.optimizers.Optimizer, gradients: Sequence[tf.Tensor]):
        self.variables = [tf.Variable(tf.ones(SHAPE)) for _ in gradients]
        self.optimizer = optimizer
        optimizer.build(self.variables)

        @tf.function
        def step():
            optimizer.apply_gradients(zip(gradients, self.variables))

        self.step = step
        self.step()  # traces it

    def measure_seconds(self) -> float:
        """The mean seconds of a step in one turn."""
        started = time.perf_counter()
        for _ in range(STEPS_PER_TURN):
            self.step()
        return (time.perf_counter() - started) / STEPS_PER_TURN

    def count_bytes_per_parameter(self) -> float:
        """The size of the optimizer's state, in bytes per parameter."""
        sizes = [
            np.prod(variable.shape) * tf.as_dtype(variable.dtype).size
            for variable in self.optimizer.variables
            if len(variable.shape)
        ]
        return sum(sizes) / sum(np.prod(variable.shape) for variable in self.variables)


def run(config: Config) -> dict[str, Any]:
    """Takes steps with all optimizers in turns; returns each one's time and memory."""
    tf.get_logger().setLevel("ERROR")  # it mistakes one function per optimizer for retracing
    rng = np.random.default_rng(0)
    gradients = [tf.constant(rng.normal(size=SHAPE), tf.float32) for _ in range(VARIABLES)]
    traced = {name: TracedOptimizer(make(), gradients) for name, make in OPTIMIZERS.items()}
    seconds = {name: [] for name in traced}
    for _ in range(config.rounds):
        for name, one in traced.items():
            seconds[name].append(one.measure_seconds())
    print(f"TensorFlow {tf.__version__}, Keras {version('keras')}, Python {platform.python_version()}")
    print(f"\n{'optimizer':28s} {'ms a step':>9s} {'/ Adam':>8s}  {'middle half':>13s} {'bytes a parameter':>18s}")
    figures = {name: _summarize(name, one, seconds) for name, one in traced.items()}
    return dict(tensorflow=tf.__version__, rounds=config.rounds, optimizers=figures)


def _summarize(name: str, one: TracedOptimizer, seconds: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Prints the row of an optimizer and returns its figures."""
    # Each turn is compared with Adam's in the same round, because a slow machine slows both.
    ratios = [mine / adam for mine, adam in zip(seconds[name], seconds[ADAM])]
    low, ratio, high = np.percentile(ratios, (25, 50, 75))
    row = dict(
        milliseconds=1e3 * statistics.median(seconds[name]),
        ratio_to_adam=ratio,
        ratio_to_momentum=float(np.median([a / b for a, b in zip(seconds[name], seconds[MOMENTUM])])),
        state_bytes_per_parameter=float(one.count_bytes_per_parameter()),
    )
    print(
        f"{name:28s} {row['milliseconds']:9.1f} {ratio:8.2f}  {low:6.2f} {high:6.2f} "
        f"{row['state_bytes_per_parameter']:18.0f}"
    )
    return row
