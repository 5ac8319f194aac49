"""Learning-rate schedules that the search found (arXiv v2, section 5.2), and a warm-up for any schedule."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Union

import numpy as np

from neural_optimizer_search.arguments import check_config, check_int, check_number
from neural_optimizer_search.decays import annealed_noise_stddev, cyclical, linear
from neural_optimizer_search.keras_versions import check_backend, is_tensor, keras
from neural_optimizer_search.operations import of_backend
from neural_optimizer_search.schedule_shape import Schedule, parse_schedule

_serializable = keras.utils.register_keras_serializable(package="neural_optimizer_search")


class _Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __init__(self):
        check_backend()  # now, not in the first step

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "_Schedule":
        check_config(cls, config)
        return super().from_config(config)


@_serializable
class LinearCosineDecay(_Schedule):
    """Linear decay times cosine decay.

        learning_rate(t) = initial_learning_rate * ((alpha + ld) * cd_n + beta)

    with ld = 1 - t/T, cd_n = (1 + cos(2πn·t/T)) / 2, T = `decay_steps` and n = `num_periods`. The paper's schedule is
    ld * cd, that is, `beta=0`. Past T, the rate keeps its value at T: with the default n,
    `initial_learning_rate * beta`. It equals `tf.compat.v1.train.linear_cosine_decay`.

    Args:
      initial_learning_rate: A number > 0. It can be larger than with cosine decay alone.
      decay_steps: T, an int > 0.
      num_periods: n, a number >= 0. Defaults to 0.5, which is cosine decay without restarts.
      alpha: A finite number. Defaults to 0.
      beta: A finite number. Defaults to 0.001.

    Raises:
      ValueError: If an argument is out of range.

    Example:
      >>> from neural_optimizer_search.schedules import LinearCosineDecay
      >>> schedule = LinearCosineDecay(2.0, decay_steps=100, beta=0.0)
      >>> [round(float(schedule(t)), 3) for t in (0, 50, 100, 150)]
      [2.0, 0.5, 0.0, 0.0]

    Source: Bello et al. (2017), arXiv:1709.07417v2, sections 5.2 and 8.1.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        num_periods: float = 0.5,
        alpha: float = 0.0,
        beta: float = 0.001,
    ) -> None:
        super().__init__()
        self.initial_learning_rate = _number("initial_learning_rate", initial_learning_rate, "> 0")
        self.decay_steps = _int("decay_steps", decay_steps, "> 0")
        self.num_periods = _number("num_periods", num_periods, ">= 0")
        self.alpha = _number("alpha", alpha)
        self.beta = _number("beta", beta)

    def __call__(self, step: Any) -> Any:
        ops = of_backend()
        t, T = ops.scalar(step), float(self.decay_steps)
        ld, cd = linear(ops, t, T), cyclical(ops, t, T, self.num_periods)
        return self.initial_learning_rate * ((self.alpha + ld) * cd + self.beta)

    def get_config(self) -> dict[str, Union[float, int]]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "num_periods": self.num_periods,
            "alpha": self.alpha,
            "beta": self.beta,
        }


@_serializable
class NoisyLinearCosineDecay(_Schedule):
    """Linear decay with annealed noise, times cosine decay.

        learning_rate(t) = initial_learning_rate * ((alpha + ld + ε_t) * cd_n + beta)
        ε_t ~ N(0, initial_variance / (1 + t)^variance_decay)

    with ld, cd_n, T and n as in `LinearCosineDecay`. It has the distribution of
    `tf.compat.v1.train.noisy_linear_cosine_decay`, but the noise depends only on `seed` and the step: the learning
    rate of a step is the same however often it is read, and a resumed run repeats it. Each backend of Keras draws
    different noise, and so does TensorFlow with XLA (`jit_compile`).

    The learning rate can be negative: with the defaults, for 16 % of the seeds at t = 0, and often again towards T,
    where the noise outweighs ld but cd_n makes both small. Neither the original nor this class prevents this: such a
    step goes uphill.

    Past T, ld and cd_n keep their values at T, and the noise continues with the variance of step T. With the default
    n, cd_n is 0 there, which leaves `initial_learning_rate * beta`.

    Args:
      initial_learning_rate: A number > 0.
      decay_steps: T, an int > 0.
      initial_variance: Variance of ε_0, a number >= 0. Defaults to 1.
      variance_decay: A number >= 0. Defaults to 0.55.
      num_periods: n, a number >= 0. Defaults to 0.5, which is cosine decay without restarts.
      alpha: A finite number. Defaults to 0.
      beta: A finite number. Defaults to 0.001.
      seed: Seed of the noise, a signed 64-bit integer. Defaults to 0.

    Raises:
      ValueError: If an argument is out of range.

    Example:
      >>> from neural_optimizer_search.schedules import NoisyLinearCosineDecay
      >>> schedule = NoisyLinearCosineDecay(2.0, decay_steps=100)
      >>> float(schedule(10)) == float(schedule(10))
      True
      >>> round(float(schedule(100)), 4)
      0.002

    Source: Bello et al. (2017), arXiv:1709.07417v2, sections 4.1, 5.2 and 8.1.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: int,
        initial_variance: float = 1.0,
        variance_decay: float = 0.55,
        num_periods: float = 0.5,
        alpha: float = 0.0,
        beta: float = 0.001,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.initial_learning_rate = _number("initial_learning_rate", initial_learning_rate, "> 0")
        self.decay_steps = _int("decay_steps", decay_steps, "> 0")
        self.initial_variance = _number("initial_variance", initial_variance, ">= 0")
        self.variance_decay = _number("variance_decay", variance_decay, ">= 0")
        self.num_periods = _number("num_periods", num_periods, ">= 0")
        self.alpha = _number("alpha", alpha)
        self.beta = _number("beta", beta)
        self.seed = _int("seed", seed, "of 64 bits")

    def __call__(self, step: Any) -> Any:
        ops = of_backend()
        t, T = ops.scalar(step), float(self.decay_steps)
        ld, cd = linear(ops, t, T), cyclical(ops, t, T, self.num_periods)
        noise = self._stddev(ops.minimum(t, T)) * self._normal(ops, t, step)
        return self.initial_learning_rate * ((self.alpha + ld + noise) * cd + self.beta)

    def _stddev(self, t):
        return math.sqrt(self.initial_variance) * annealed_noise_stddev(t, self.variance_decay)

    def _normal(self, ops, t, step):
        # `ops` draws from a step and the place of a word in a rule; here, the step fills both, in two parts.
        return ops.normal(t, self.seed, step // 2**16, step % 2**16)

    def get_config(self) -> dict[str, Union[float, int]]:
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "initial_variance": self.initial_variance,
            "variance_decay": self.variance_decay,
            "num_periods": self.num_periods,
            "alpha": self.alpha,
            "beta": self.beta,
            "seed": self.seed,
        }


@_serializable
class WarmUp(_Schedule):
    """Any schedule after a warm-up, during which the rate rises to the schedule's first value.

        learning_rate(t) = schedule(0) * (t + 1) / W    for t < W
        learning_rate(t) = schedule(t - W)              from then on

    with W = `warmup_steps`.

    Args:
      schedule: A `LearningRateSchedule`, or a number > 0 for a constant rate.
      warmup_steps: W, an int > 0.

    Raises:
      ValueError: If an argument is out of range.

    Example:
      >>> from neural_optimizer_search.schedules import LinearCosineDecay, WarmUp
      >>> schedule = WarmUp(LinearCosineDecay(2.0, decay_steps=100, beta=0.0), warmup_steps=4)
      >>> [round(float(schedule(t)), 3) for t in (0, 1, 3, 4, 54, 104)]
      [0.5, 1.0, 2.0, 2.0, 0.5, 0.0]

    Source: Goyal et al. (2017), arXiv:1706.02677, section 2.2, whose first step is one of t.
    """

    def __init__(self, schedule: Any, warmup_steps: int) -> None:
        super().__init__()
        if isinstance(schedule, dict):  # from a config
            schedule = keras.optimizers.schedules.deserialize(schedule)
        if not isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            allowed = "a LearningRateSchedule or a finite number > 0"
            schedule = check_number("schedule", schedule, allowed, lambda rate: rate > 0 and rate is not True)
        self.schedule = schedule
        self.warmup_steps = _int("warmup_steps", warmup_steps, "> 0")

    def __call__(self, step: Any) -> Any:
        ops = of_backend()
        share = ops.minimum((ops.scalar(step) + 1.0) / float(self.warmup_steps), 1.0)
        if isinstance(self.schedule, float):
            return share * self.schedule
        later = step - self.warmup_steps
        # PyTorch's maximum takes neither Python's numbers nor NumPy's.
        maximum = ops.maximum if is_tensor(later) else np.maximum
        return share * self.schedule(maximum(later, 0))

    def get_config(self) -> dict[str, Any]:
        schedule = self.schedule
        if not isinstance(schedule, float):
            schedule = keras.optimizers.schedules.serialize(schedule)
        return {"schedule": schedule, "warmup_steps": self.warmup_steps}


# The name of a decay in a `Schedule` -> (rate, steps) -> the `learning_rate` of an optimizer.
MAKE_DECAY: dict[str, Callable[[float, int], Any]] = {
    "constant": lambda rate, steps: rate,
    "linear": lambda rate, steps: keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0),
    "cosine": keras.optimizers.schedules.CosineDecay,
    "linear_cosine": lambda rate, steps: LinearCosineDecay(rate, steps, beta=0.0),
}


def make_schedule(shape: Union[Schedule, str], learning_rate: float, steps: int) -> Any:
    """Makes the `learning_rate` of an optimizer that follows this schedule over a training run.

    Args:
      shape: A `Schedule`, or its text as `parse_schedule` reads it, such as "linear" or "cosine, warm-up 0.1": the
        rate decays to 0 in this way, after rising during this share of the steps.
      learning_rate: The highest rate, a number > 0.
      steps: Length of the training, an int > 0: epochs times batches per epoch.

    Returns:
      A `LearningRateSchedule`; for "constant" the number.

    Raises:
      ValueError: If an argument is out of range.

    Example:
      >>> from neural_optimizer_search.schedules import make_schedule
      >>> rate = make_schedule("linear, warm-up 0.4", 0.3, steps=5)
      >>> [round(float(rate(t)), 3) for t in range(5)]
      [0.15, 0.3, 0.3, 0.2, 0.1]
    """
    shape, steps = parse_schedule(shape), _int("steps", steps, "> 0")
    rate = _number("learning_rate", learning_rate, "> 0")
    rising = shape.count_rising(steps)
    decayed = MAKE_DECAY[shape.decay](rate, steps - rising)
    return WarmUp(decayed, rising) if rising else decayed


def _number(argument, value, allowed=""):
    return check_number(argument, value, f"a finite number {allowed}".rstrip(), _VALID[allowed])


def _int(argument, value, allowed):
    return check_int(argument, value, f"an int {allowed}", _VALID[allowed])


_VALID = {
    "": lambda value: True,
    "> 0": lambda value: value > 0,
    ">= 0": lambda value: value >= 0,
    "of 64 bits": lambda value: -(2**63) <= value < 2**63,
}
