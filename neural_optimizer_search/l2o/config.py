"""The settings of guided policy search."""

from dataclasses import dataclass

from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.l2o.momentum import CHOICES
from neural_optimizer_search.l2o.trajectories import HISTORY, HORIZON

# The least value of each setting that is a whole number.
_LEAST = {
    **dict.fromkeys(("functions", "runs", "horizon", "history", "kept", "updates"), 1),
    **dict.fromkeys(("validation", "validation_steps"), 1),
    **dict.fromkeys(("iterations", "seed"), 0),
}


@dataclass(frozen=True)
class GuidedPolicySearchConfig:
    """Settings of a training; those of the paper by default where it gives any.

    Args:
      functions: Number of functions to learn on; 90 for logistic regression, 120 for robust regression, 80 for the
        classifier.
      runs: Trajectories of each function in each iteration.
      horizon: Their steps.
      history: H.
      iterations: Rounds of improving targets and imitating them, after one that imitates momentum.
      momentum: "shared", one tuned setting for all functions, or "each", one for each as in the paper: those no
        single policy can imitate.
      bound: Largest divergence of a target from the policy, in nats for each step.
      noise: Standard deviation of the sampled steps, as a part of their median size.
      least_noise: The least standard deviation.
      kept: Batches of targets that the policy is fitted to.
      updates: Updates of the policy's weights in each fit.
      validation: Number of functions on which one of the policies is chosen.
      validation_steps: Their steps.
      seed: Seed of all that is random.

    Raises:
      ValueError: If a setting is out of range.
    """

    functions: int = flag(
        90,
        "functions to learn on",
        parse=whole_number(_LEAST["functions"], 100_000),
        default_text="as many as in the paper",
    )
    runs: int = 20
    horizon: int = HORIZON
    history: int = HISTORY
    iterations: int = flag(
        24, "rounds of guided policy search", parse=whole_number(_LEAST["iterations"], 100_000), changeable=True
    )
    momentum: str = flag("shared", "what is imitated first", choices=CHOICES)
    bound: float = 0.3
    noise: float = 0.7
    least_noise: float = 0.03
    kept: int = 4
    updates: int = 6000
    validation: int = 100
    validation_steps: int = 100
    seed: int = flag(0, "seed of all that is random", parse=whole_number(_LEAST["seed"]))

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ValueError(f"Argument `{name}` must be an int >= {least}. Received: {getattr(self, name)}.")
        if self.momentum not in CHOICES:
            raise ValueError(f"Argument `momentum` must be one of {', '.join(CHOICES)}. Received: {self.momentum!r}.")
