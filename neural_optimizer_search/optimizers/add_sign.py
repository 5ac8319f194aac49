"""AddSign (arXiv v2, section 5.1)."""

from typing import Any, Optional, Union

from neural_optimizer_search.arguments import check_number
from neural_optimizer_search.decays import Decay
from neural_optimizer_search.optimizers.base import LearningRate, serializable
from neural_optimizer_search.optimizers.sign_optimizer import SignOptimizer


@serializable
class AddSign(SignOptimizer):
    """Takes steps where the gradient and its running average agree in sign, and by default none elsewhere.

        m <- beta * m + (1 - beta) * g
        w <- w - learning_rate * (alpha + f(t) * sign(g) * sign(m)) * g

    m starts at 0 and includes the current gradient when its sign is taken. t counts the weight
    updates from 0. f = 1 without `decay`; as f goes to 0, the update becomes that of SGD, times
    alpha.

    With Keras 3's `gradient_accumulation_steps`, an update sees the mean of the accumulated
    gradients, and t counts the updates; a `LearningRateSchedule`, however, counts every gradient.

    Args:
      learning_rate: A number of at least 0, or a `LearningRateSchedule`. Defaults to 0.1; a rate that suits SGD
        is usually a good first choice.
      alpha: A finite number. Defaults to 1, which gives no step where the signs differ.
      beta: Decay rate of m, 0 <= beta < 1. Defaults to 0.9.
      decay: The internal decay f: None, "ld" (the authors' advice for AddSign), "cd", "cd_n",
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
      >>> from neural_optimizer_search.optimizers import AddSign
      >>> layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
      >>> layer.build((None, 1))
      >>> optimizer = AddSign(learning_rate=0.1)
      >>> for g in (1.0, -0.5):  # m is 0.1, then 0.04
      ...     _ = optimizer.apply_gradients([(np.array([[g]]), layer.kernel)])
      ...     print(f"{layer.get_weights()[0].item():.1f}")
      0.8
      0.8

    Source: Bello et al. (2017), arXiv:1709.07417v2, section 5.1; usage in section 8.1.
    """

    own_argument: str = "alpha"
    kernel: str = "AddSign"

    def __init__(
        self,
        learning_rate: LearningRate = 0.1,
        alpha: float = 1.0,
        beta: float = 0.9,
        decay: Union[str, Decay, None] = None,
        decay_steps: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, beta, decay, decay_steps, **kwargs)
        self.alpha = check_number("alpha", alpha)

    def factor(self, agreement: Any) -> Any:
        return self.alpha + agreement

    def kernel_arguments(self) -> dict[str, float]:
        return {"alpha": self.alpha}
