"""PowerSign (arXiv v2, section 5.1)."""

import math
from typing import Any, Optional, Union

from neural_optimizer_search import operations
from neural_optimizer_search.arguments import check_number
from neural_optimizer_search.decays import Decay
from neural_optimizer_search.optimizers.base import LearningRate, serializable
from neural_optimizer_search.optimizers.sign_optimizer import SignOptimizer


@serializable
class PowerSign(SignOptimizer):
    """Takes larger steps where the gradient and its running average agree in sign, smaller ones elsewhere.

        m <- beta * m + (1 - beta) * g
        w <- w - learning_rate * base^(f(t) * sign(g) * sign(m)) * g

    m starts at 0 and includes the current gradient when its sign is taken. t counts the weight
    updates from 0. f = 1 without `decay`; as f goes to 0, the update becomes that of SGD.

    With Keras 3's `gradient_accumulation_steps`, an update sees the mean of the accumulated
    gradients, and t counts the updates; a `LearningRateSchedule`, however, counts every gradient.

    Args:
      learning_rate: A number of at least 0, or a `LearningRateSchedule`. Defaults to 0.1; a rate that suits SGD
        is usually a good first choice.
      base: The paper's α, a number > 0. Defaults to e.
      beta: Decay rate of m, 0 <= beta < 1. Defaults to 0.9.
      decay: The internal decay f: None, "ld", "cd" (the authors' advice for PowerSign), "cd_n",
        "rd_n" with a number n > 0, or a `Decay`. Past T, ld and rd_n are 0 and cd_n keeps its
        last value.
      decay_steps: The number of training steps T, an int > 0. Required with `decay`, and not
        allowed without it.
      **kwargs: Arguments of every Keras optimizer, such as `weight_decay` or `clipnorm`.

    Raises:
      ValueError: If an argument is out of range, or only one of `decay` and `decay_steps` is given.

    Example:
      >>> import keras
      >>> import numpy as np
      >>> from neural_optimizer_search.optimizers import PowerSign
      >>> layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
      >>> layer.build((None, 1))
      >>> optimizer = PowerSign(learning_rate=0.1, base=2.0)
      >>> for g in (1.0, -0.5):  # m is 0.1, then 0.04
      ...     _ = optimizer.apply_gradients([(np.array([[g]]), layer.kernel)])
      ...     print(f"{layer.get_weights()[0].item():.3f}")
      0.800
      0.825

    Source: Bello et al. (2017), arXiv:1709.07417v2, section 5.1; usage in section 8.1.
    """

    own_argument: str = "base"
    kernel: str = "PowerSign"

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        base: float = math.e,
        beta: float = 0.9,
        decay: Union[str, Decay, None] = None,
        decay_steps: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta, decay, decay_steps, **kwargs)
        self.base = check_number("base", base, "a finite number > 0", lambda base: base > 0)

    def factor(self, agreement: Any) -> Any:
        # `exp` rather than a power, which takes twice as long on PyTorch.
        return operations.of_backend().exp(math.log(self.base) * agreement)

    def kernel_arguments(self) -> dict[str, float]:
        return {"logbase": math.log(self.base)}
