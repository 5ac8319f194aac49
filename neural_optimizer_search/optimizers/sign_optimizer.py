"""The common base of PowerSign and AddSign (arXiv v2, section 5.1)."""

import functools
from collections.abc import Callable
from typing import Any, Optional, Union

from neural_optimizer_search.arguments import check_number, check_step_count
from neural_optimizer_search.decays import Decay
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.optimizers import updates
from neural_optimizer_search.optimizers.base import DirectionOptimizer, LearningRate

# The methods that define the equation.
_EQUATION = ("averages", "constants", "update_direction", "factor", "f")


class SignOptimizer(DirectionOptimizer):
    """w <- w - learning_rate * factor(f(t) * sign(g) * sign(m)) * g, where a subclass defines the factor.

    A subclass has one argument of its own. It defines `own_argument`, `factor`, `kernel` and `kernel_arguments`.

    Args:
      learning_rate: A number of at least 0, or a `LearningRateSchedule`.
      beta: Decay rate of m, 0 <= beta < 1.
      decay: The internal decay f: None, its name, or a `Decay`.
      decay_steps: The number of training steps T; None without `decay`.
      **kwargs: Arguments of every Keras optimizer.
    """

    # The name of the argument that only the subclass has.
    own_argument: str
    # The native kernel of the update. It is not used where a subclass or an instance defines its own equation.
    kernel: str

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

    def factor(self, agreement: Any) -> Any:
        """The factor of the gradient, given f(t) * sign(g) * sign(m)."""
        raise NotImplementedError

    def kernel_arguments(self) -> dict[str, float]:
        """The arguments that the kernel gets for `own_argument`."""
        raise NotImplementedError

    def f(self, step: State) -> Any:
        """The internal decay f(t) in the dtype of the gradient; 1 if `decay` is None."""
        if self.decay is None:
            return 1.0
        return step.ops.cast_like(self.decay(step.t, step.T, step.ops), step.g)

    @property
    def averages(self) -> tuple[str, ...]:
        return ("m",)

    @property
    def constants(self) -> Constants:
        return Constants(beta_1=self.beta)

    def update_direction(self, step: State) -> Any:
        agreement = step.ops.sign(step.g) * step.ops.sign(step.kept("m"))
        return updates.of_backend().of_signs(self.factor, self.f(step), agreement) * step.g

    def find_kernel(self, variable: Any) -> Optional[Callable[[State, Any], None]]:
        own = type(self)
        brings_kernel = next(each for each in own.__mro__ if "kernel" in vars(each))
        for name in _EQUATION:
            if name in vars(self) or getattr(own, name) is not getattr(brings_kernel, name):
                return None
        kernel = updates.of_backend().find_kernel(self.kernel, variable)
        return kernel and functools.partial(self._apply_kernel, kernel)

    def _apply_kernel(self, kernel, step, learning_rate):
        kernel(
            var=step.w,
            m=step.kept("m"),
            lr=learning_rate,
            sign_decay=self.f(step),
            beta=self.beta,
            grad=step.g,
            **self.kernel_arguments(),
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
