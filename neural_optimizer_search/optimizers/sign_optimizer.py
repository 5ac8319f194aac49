"""What PowerSign and AddSign share (arXiv v2, section 5.1)."""

from collections.abc import Callable
from typing import Any, Optional, Union

import tensorflow as tf

from neural_optimizer_search.arguments import check_number, check_step_count
from neural_optimizer_search.decays import Decay
from neural_optimizer_search.optimizers.base import DirectionOptimizer, LearningRate, Step


class SignOptimizer(DirectionOptimizer):
    """w <- w - learning_rate * factor(f(t) * sign(g) * sign(m)) * g, where a subclass states the factor.

    A subclass has one argument of its own. It defines `own_argument`, `factor`, `kernel` and `kernel_arguments`.

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      beta: Decay rate of m, 0 <= beta < 1.
      decay: The internal decay f: None, its name, or a `Decay`.
      decay_steps: The number of training steps T; None without `decay`.
      **kwargs: What every Keras optimizer takes.
    """

    # The name of the argument that only the subclass has.
    own_argument: str
    # TensorFlow's native kernel of the update, which goes over the memory once.
    kernel: Callable

    def __init__(
        self,
        learning_rate: LearningRate,
        beta: float,
        decay: Union[str, Decay, None],
        decay_steps: Optional[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        self.beta = check_number("beta", beta, "a number >= 0 and < 1", lambda beta: 0 <= beta < 1)
        self.decay = decay if decay is None or isinstance(decay, Decay) else Decay(decay)
        self.decay_steps = _check_steps(self.decay, decay_steps)

    def factor(self, agreement: tf.Tensor) -> tf.Tensor:
        """What the gradient is multiplied by, given f(t) * sign(g) * sign(m)."""
        raise NotImplementedError

    def kernel_arguments(self) -> dict[str, float]:
        """What the kernel is given for `own_argument`."""
        raise NotImplementedError

    def f(self, step: Step) -> Union[float, tf.Tensor]:
        """The internal decay f(t) in the dtype of the gradient; 1 if `decay` is None."""
        if self.decay is None:
            return 1.0
        assert self.decay_steps is not None  # `_check_steps`
        value = self.decay(tf.cast(step.t, tf.float32), tf.cast(self.decay_steps, tf.float32))
        return tf.cast(value, step.g.dtype)

    @property
    def averages(self) -> dict[str, tuple[float, int]]:
        return {"m": (self.beta, 1)}

    def update_direction(self, step: Step) -> tf.Tensor:
        return self.factor(self.f(step) * tf.sign(step.g) * tf.sign(step.averages["m"])) * step.g

    def apply_kernel(self, step: Step, learning_rate: tf.Tensor) -> None:
        own = {name: tf.constant(value, step.g.dtype) for name, value in self.kernel_arguments().items()}
        self.kernel(
            var=step.w.handle,
            m=step.averages["m"].handle,
            lr=learning_rate,
            sign_decay=tf.cast(self.f(step), step.g.dtype),
            beta=tf.constant(self.beta, step.g.dtype),
            grad=step.g,
            **own,
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            self.own_argument: getattr(self, self.own_argument),
            "beta": self.beta,
            "decay": self.decay and self.decay.name,
            "decay_steps": self.decay_steps,
        }


def _check_steps(decay, decay_steps):
    if decay is not None:
        return check_step_count(decay_steps, f"`decay` = {decay.name!r}")
    if decay_steps is not None:
        raise ValueError(f"Argument `decay_steps` must be None without `decay`. Received: {decay_steps!r}.")
    return None
