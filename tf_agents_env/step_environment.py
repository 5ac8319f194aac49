"""Learning to optimize as a TF-Agents environment: an episode minimizes a function step by step (Li & Malik 2017)."""

from collections.abc import Sequence
from typing import Union

import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from neural_optimizer_search.arguments import check_fields
from neural_optimizer_search.l2o.trajectories import CAP, HISTORY, HORIZON, observe, starts
from neural_optimizer_search.objectives import Objectives


class StepEnvironment(py_environment.PyEnvironment):
    """Episodes in lockstep, each of which minimizes one function (sections 4 and 5).

    An episode starts at a standard normal point and has exactly `horizon` steps. An action is the step from an
    iterate to the next, float32 `[F, d]`; the reward, float32 `[F]`, is minus the objective at the iterate that it
    leads to. The discount is 1, and 0 at the end. An observation is the state, a dict of

      iterate:   float32 `[F, d]`, which the policy of the paper does not see;
      changes:   float32 `[F, H]`, f(x⁽ᵗ⁾) - f(x⁽ᵗ⁻ⁱ⁾) for i = 1..H;
      gradients: float32 `[F, H, d]`, at x⁽ᵗ⁾, x⁽ᵗ⁻¹⁾, .., x⁽ᵗ⁻ᴴ⁺¹⁾;

    with zeros where there is no past yet.

    Agents see only finite numbers: one NaN makes every weight of an agent NaN, for good. Objective, gradients and
    iterate are clipped to ±`CAP` (1000), in observations and in rewards; a NaN becomes 1000 as an objective, else 0.
    A run that diverges therefore costs 1000 per step. Its episode continues, because an early end would save the
    costs of later steps. The run itself is not clipped and may recover.

    Args:
      objectives: `Objectives`, F functions; F is the batch.
      horizon: T, the number of steps of an episode.
      history: H, the number of past steps in an observation.
      seed: Int of at least 0, or a sequence of them. The starting points of episode k depend only on (seed, k);
        those of the first are `trajectories.starts(F, 1, d, seed)`. With the seed of the functions, they would be
        the same random numbers as the functions' data.
      bound: Largest absolute value in `action_spec`, to which some agents scale their actions; tuned gradient descent
        stays well below 10 on the functions of the paper. Larger steps are applied unchanged.

    Raises:
      ValueError: If `horizon`, `history` or `bound` is not above 0; from `step`, if the action has another shape.

    Example:
      >>> from neural_optimizer_search.objectives import FAMILIES
      >>> environment = StepEnvironment(FAMILIES["logistic"].sample(count=3, seed=0), seed=1)
      >>> seen = environment.reset().observation
      >>> seen["iterate"].shape, seen["changes"].shape, seen["gradients"].shape
      ((3, 4), (3, 25), (3, 25, 4))
      >>> descent = environment.step(-0.1 * seen["gradients"][:, 0])
      >>> bool((descent.observation["changes"][:, 0] < 0).all())
      True
    """

    def __init__(
        self,
        objectives: Objectives,
        horizon: int = HORIZON,
        history: int = HISTORY,
        seed: Union[int, Sequence[int]] = 0,
        bound: float = 10.0,
    ):
        super().__init__(handle_auto_reset=True)
        self.objectives, self.horizon, self.history, self.bound = objectives, horizon, history, bound
        check_fields(self, "above 0", "horizon", "history", "bound")
        self._rng = np.random.default_rng(seed)
        self._iterate = np.zeros([len(objectives), objectives.dimension])
        self._values, self._gradients = [], []

    @property
    def batched(self) -> bool:
        return True

    @property
    def batch_size(self) -> int:
        return len(self.objectives)

    def action_spec(self) -> array_spec.BoundedArraySpec:
        return _bound([self.objectives.dimension], self.bound, "step")

    def observation_spec(self) -> dict[str, array_spec.BoundedArraySpec]:
        dimension = self.objectives.dimension
        return {
            "iterate": _bound([dimension], CAP, "iterate"),
            "changes": _bound([self.history], 2 * CAP, "changes"),
            "gradients": _bound([self.history, dimension], CAP, "gradients"),
        }

    def _reset(self):
        # NumPy accepts a generator as a seed, and continues it.
        self._iterate = starts(self.batch_size, 1, self.objectives.dimension, self._rng)[:, 0]
        self._values, self._gradients = [], []
        self._visit()
        return ts.restart(self._observation(), batch_size=self.batch_size)

    def _step(self, action):
        action = np.asarray(action, np.float64)
        if action.shape != self._iterate.shape:
            raise ValueError(
                f"Argument `action` must have the shape {list(self._iterate.shape)}: a step for each function. "
                f"Received: shape {list(action.shape)}."
            )
        with np.errstate(invalid="ignore"):  # ∞ - ∞
            self._iterate = self._iterate + action
        self._visit()
        rewards = (-self._values[-1]).astype(np.float32)
        if len(self._values) > self.horizon:
            return ts.termination(self._observation(), rewards)
        return ts.transition(self._observation(), rewards, np.ones_like(rewards))

    def _visit(self):
        values, gradients = self.objectives.values_and_gradients(self._iterate[:, None])
        self._values.append(_limit(values[:, 0], nan=CAP))
        self._gradients.append(_limit(gradients[:, 0]))

    def _observation(self):
        seen = observe(np.stack(self._values, -1), np.stack(self._gradients, -2), self.history)
        changes, gradients = np.split(seen.astype(np.float32), [self.history], axis=-1)
        return {
            "iterate": _limit(self._iterate).astype(np.float32),
            "changes": changes,
            "gradients": gradients.reshape(self.batch_size, self.history, -1),
        }


def _bound(shape, limit, name):
    return array_spec.BoundedArraySpec(shape, np.float32, -limit, limit, name=name)


def _limit(numbers, nan=0.0):
    return np.clip(np.nan_to_num(numbers, nan=nan), -CAP, CAP)
