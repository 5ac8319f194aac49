"""The optimizers of Keras 2.15 that people tune: their tuned parameters, as a rule and as a Keras optimizer.

The rules equal Keras's optimizers, with these exceptions. Keras adds Adam's ε before it corrects the bias of v, and
RMSprop's ε under the root. Its RMSprop does not correct the bias of v; here the rates make up for this, also in its
weight decay. Its Nadam, like PyTorch's, looks ahead by half of β₁ at first and by more over thousands of steps; the
rule looks ahead by a fixed share, and does not correct the bias of the first two steps. The velocity of its SGD
contains the rates of past steps as they were.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.schedule_shape import Schedule, parse_schedule

Configuration = dict[str, Any]  # "kind", and a value for each of its parameters


class Number(NamedTuple):
    """A number that is drawn evenly on a logarithmic scale.

    Attributes:
      low, high: The range.
      complement: Whether 1 - β is drawn, for a decay rate β.
      off: The share of the draws that are 0.
    """

    low: float
    high: float
    complement: bool = False
    off: float = 0.0

    def draw(self, rng: np.random.Generator) -> float:
        """A value."""
        return 0.0 if rng.random() < self.off else self._value(rng.uniform(*np.log([self.low, self.high])))

    def change(self, value: float, rng: np.random.Generator) -> float:
        """A nearby value, about a tenth of the range away; it may also become 0, or stop being 0."""
        if value == 0.0 or rng.random() < self.off / 5:
            return self.draw(rng)
        at, (low, high) = np.log(1.0 - value if self.complement else value), np.log([self.low, self.high])
        return self._value(np.clip(at + rng.normal(scale=0.1 * (high - low)), low, high))

    def _value(self, at):
        number = float(f"{np.exp(at):.3g}")
        return round(1.0 - number, 12) if self.complement else number


class Choice(NamedTuple):
    """One of several values.

    Attributes:
      values: The values.
    """

    values: tuple[Any, ...]

    def draw(self, rng: np.random.Generator) -> Any:
        """A value."""
        return self.values[rng.integers(len(self.values))]

    def change(self, value: Any, rng: np.random.Generator) -> Any:
        """The value, or a random one in a fifth of the cases."""
        return self.draw(rng) if rng.random() < 0.2 else value


class Kind(NamedTuple):
    """An optimizer.

    Attributes:
      formula: Configuration -> formula of the rule.
      keras: (schedule of rates, configuration) -> Keras's optimizer.
      tuned: The tuned parameters, besides those that all kinds share.
      factor: (step, configuration) -> factor of Keras's rate at the step.
    """

    formula: Callable[[Configuration], str]
    keras: Callable[[Any, Configuration], tf.keras.optimizers.Optimizer]
    tuned: Mapping[str, Number]
    factor: Callable[[np.ndarray, Configuration], Any] = lambda t, c: 1.0


BETA_1 = Number(0.02, 0.7, complement=True)
BETA_2 = Number(1e-4, 0.2, complement=True)
EPSILON = Number(1e-9, 1e-2)
MOMENTS = dict(beta_1=BETA_1, beta_2=BETA_2, epsilon=EPSILON)
DECAY = dict(weight_decay=Number(1e-3, 3.0, off=0.5))
SHARED = dict(decay=Choice(("constant", "linear", "cosine")), warmup=Choice((0.0, 0.0, 0.05, 0.1, 0.2)))


def _moments(c):
    return dict(beta_1=c["beta_1"], beta_2=c["beta_2"], epsilon=c["epsilon"])


def _decay(c):
    return c["weight_decay"] or None


def _constants(c, *names):
    return "".join(f", {name}={write_number(c[name])}" for name in names)


def _round(number):
    return write_number(float(f"{number:.5g}"))


def _look_ahead(beta):
    """Keras's Nadam multiplies β by 1 - 0.96^(t / 250) / 2; here the factor is that of step 100."""
    share = beta * (1.0 - 0.5 * 0.96**0.4)
    return f"({_round(share)} * ema_{write_number(beta)} + {_round(1.0 - share)} * g)"


KINDS: dict[str, Kind] = {
    "Adam": Kind(
        lambda c: "Adam" + _constants(c, *MOMENTS),
        lambda rate, c: tf.keras.optimizers.Adam(rate, **_moments(c)),
        dict(rate=Number(1e-4, 0.1), **MOMENTS),
    ),
    "AdamW": Kind(
        lambda c: "Adam" + _constants(c, *MOMENTS),
        lambda rate, c: tf.keras.optimizers.AdamW(rate, c["weight_decay"], **_moments(c)),
        dict(rate=Number(1e-4, 0.1), **MOMENTS, weight_decay=Number(1e-3, 3.0)),
    ),
    "Nadam": Kind(
        lambda c: _look_ahead(c["beta_1"]) + " / sqrt(v)" + _constants(c, "beta_2", "epsilon"),
        lambda rate, c: tf.keras.optimizers.Nadam(rate, **_moments(c), weight_decay=_decay(c)),
        dict(rate=Number(1e-4, 0.1), **MOMENTS, **DECAY),
    ),
    "Lion": Kind(
        lambda c: f"sign(lion_{write_number(c['beta_2'])})" + _constants(c, "beta_1"),
        lambda rate, c: tf.keras.optimizers.Lion(rate, c["beta_1"], c["beta_2"], weight_decay=_decay(c)),
        dict(rate=Number(3e-5, 0.03), beta_1=BETA_1, beta_2=BETA_2, **DECAY),
    ),
    "RMSprop": Kind(
        lambda c: "RMSProp" + _constants(c, "beta_2", "epsilon"),
        lambda rate, c: tf.keras.optimizers.RMSprop(rate, c["beta_2"], epsilon=c["epsilon"], weight_decay=_decay(c)),
        dict(rate=Number(1e-4, 0.1), beta_2=BETA_2, epsilon=EPSILON, **DECAY),
        lambda t, c: np.sqrt(1.0 - c["beta_2"] ** (t + 1.0)),
    ),
    # Its velocity is a sum: the average times 1 / (1 - β).
    "SGD": Kind(
        lambda c: f"g + {_round(c['beta_1'] / (1.0 - c['beta_1']))} * ema_{write_number(c['beta_1'])}",
        lambda rate, c: tf.keras.optimizers.SGD(rate, c["beta_1"], nesterov=True, weight_decay=_decay(c)),
        dict(rate=Number(1e-3, 3.0), beta_1=BETA_1, **DECAY),
    ),
}


def parameters(kind: str) -> dict[str, Any]:
    """The tuned parameters of a kind: name -> `Number` or `Choice`."""
    return {**KINDS[kind].tuned, **SHARED}


def draw(rng: np.random.Generator, kinds: tuple[str, ...] = tuple(KINDS)) -> Configuration:
    """A random configuration of a random kind."""
    kind = kinds[rng.integers(len(kinds))]
    return dict(kind=kind, **{name: one.draw(rng) for name, one in parameters(kind).items()})


def change(configuration: Configuration, rng: np.random.Generator) -> Configuration:
    """A nearby configuration of the same kind; each parameter is changed in half of the cases."""
    tuned = parameters(configuration["kind"])
    changed = {name: one.change(configuration[name], rng) for name, one in tuned.items() if rng.random() < 0.5}
    return {**configuration, **changed}


def schedule(configuration: Configuration) -> str:
    """The text of the schedule, for `parse_schedule`."""
    return str(Schedule(configuration["decay"], configuration["warmup"]))


def describe(configuration: Configuration) -> str:
    """A one-line description for a table."""
    c = configuration
    named = ("rate", "beta_1", "beta_2", "epsilon", "weight_decay")
    return f"{c['kind']}, {schedule(c)}" + "".join(f", {name} {c[name]:g}" for name in named if c.get(name))


def make_optimizer(configuration: Configuration, steps: int) -> tf.keras.optimizers.Optimizer:
    """Keras's optimizer, for a run of this many steps."""
    kind = KINDS[configuration["kind"]]
    rates = configuration["rate"] * parse_schedule(schedule(configuration)).factors(steps)
    rates = rates * kind.factor(np.arange(steps), configuration)
    return kind.keras(RateOfEachStep(rates.astype(np.float32)), configuration)


class RateOfEachStep(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate for each step.

    Args:
      rates: Float32 [steps].
    """

    def __init__(self, rates: np.ndarray):
        self._rates = rates

    def __call__(self, step: Any) -> tf.Tensor:
        return tf.constant(self._rates)[tf.minimum(tf.cast(step, tf.int32), len(self._rates) - 1)]

    def get_config(self) -> dict[str, Any]:
        return dict(rates=self._rates.tolist())
