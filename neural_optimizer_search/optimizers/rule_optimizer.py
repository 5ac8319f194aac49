"""Any update rule as an optimizer."""

import dataclasses
import operator
from typing import Any, Optional, Union

from neural_optimizer_search.arguments import check_int, check_number, check_step_count
from neural_optimizer_search.dsl.constants import NAMES, Constants
from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.optimizers.base import DirectionOptimizer, LearningRate, serializable


@serializable
class RuleOptimizer(DirectionOptimizer):
    """w <- w - learning_rate * rule(g, w, averages, t), for a rule of the search's language.

    The optimizer keeps only what the rule reads, such as the running averages m, v and gamma of g,
    g^2 and g^3, by default with decay rates 0.9, 0.999 and 0.999. They start at 0, include the
    current gradient when they are read, and are read bias-corrected. Random words draw numbers that
    depend only on `seed`, the step, the weight tensor and the place in the rule, so that a resumed
    run repeats them. Each backend of Keras draws different numbers, and so do TensorFlow with XLA
    (`jit_compile`) and PyTorch on a GPU.

    t counts the weight updates from 0. With Keras 3's `gradient_accumulation_steps`, an update sees
    the mean of the accumulated gradients, and t counts the updates; a `LearningRateSchedule`,
    however, counts every gradient.

    Args:
      rule: A `Rule`, or its formula as text; see `parse_formula` for the words.
      learning_rate: A number of at least 0, or a `LearningRateSchedule`. Defaults to 0.01.
      decay_steps: The number of training steps T, an int > 0. Required if the rule reads ld, cd,
        cd_1, rd_10 or rd_20, otherwise unused. Past T, ld and rd are 0 and cd keeps its last value.
      seed: Seed of the random words, a signed 32-bit integer. Defaults to 0.
      beta_1, beta_2, beta_3: Decay rates of the averages of g, g^2 and g^3, in [0, 1), which replace
        the rule's own. None, the default, keeps the rule's; a formula without them has 0.9, 0.999
        and 0.999.
      epsilon: The number > 0 that is added to divisors, which replaces the rule's own. None, the
        default, keeps the rule's; a formula without it has 1e-8.
      **kwargs: Arguments of every Keras optimizer, such as `weight_decay` or `clipnorm`.

    Raises:
      ValueError: If an argument is out of range, or the rule reads t/T and `decay_steps` is not
        given.
      FormulaError: If the text is not a formula of the language.

    Example:
      >>> import keras
      >>> import numpy as np
      >>> from neural_optimizer_search.optimizers import RuleOptimizer
      >>> layer = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")
      >>> layer.build((None, 1))
      >>> optimizer = RuleOptimizer("sign(g) * sqrt(|g|)", learning_rate=0.1)
      >>> _ = optimizer.apply_gradients([(np.array([[4.0]]), layer.kernel)])
      >>> f"{layer.get_weights()[0].item():.2f}"
      '0.80'

    Source: Bello et al. (2017), arXiv:1709.07417v2, sections 3.1, 4.1 and 4.2.
    """

    def __init__(
        self,
        rule: Union[Rule, str],
        learning_rate: LearningRate = 0.01,
        decay_steps: Optional[int] = None,
        seed: int = 0,
        beta_1: Optional[float] = None,
        beta_2: Optional[float] = None,
        beta_3: Optional[float] = None,
        epsilon: Optional[float] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, **kwargs)
        given = dict(zip(NAMES, (beta_1, beta_2, beta_3, epsilon)))
        self.rule = _replace_constants(_read_rule(rule), given)
        if decay_steps is not None or self.rule.decays:
            decay_steps = check_step_count(decay_steps, f"the rule `{self.rule}`")
        self.decay_steps = decay_steps
        self.seed = check_int("seed", seed, "an int of 32 bits", lambda seed: -(2**31) <= seed < 2**31)

    @property
    def averages(self) -> tuple[str, ...]:
        return self.rule.averages

    @property
    def constants(self) -> Constants:
        return self.rule.constants

    beta_1, beta_2, beta_3, epsilon = (property(operator.attrgetter(f"rule.constants.{name}")) for name in NAMES)

    def update_direction(self, step: State) -> Any:
        return update(self.rule, step)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            # Not the formula, because it is simplified, and noise depends on the positions in the rule.
            "rule": [list(iteration) for iteration in self.rule.iterations],
            "decay_steps": self.decay_steps,
            "seed": self.seed,
            **vars(self.constants),
        }


def _replace_constants(rule, given):
    """The rule, with its constants replaced by the given ones that are not None."""
    given = {name: check_number(name, value) for name, value in given.items() if value is not None}
    return dataclasses.replace(rule, constants=dataclasses.replace(rule.constants, **given))


def _read_rule(rule):
    if isinstance(rule, str):
        return _read_formula(rule)
    if isinstance(rule, (list, tuple)):  # from a config
        return Rule(tuple(rule))
    if isinstance(rule, Rule):
        return rule
    raise ValueError(f"Argument `rule` must be a Rule or a formula as text. Received: {rule!r}.")


def _read_formula(text):
    try:
        return parse_formula(text)
    except FormulaError as error:
        # The catalogue imports this module, so it cannot be asked here whether the text is one of its names.
        reason = str(error).replace("Argument `formula`", "Argument `rule`", 1)
        by_name = 'neural_optimizer_search.optimizers.get("momentum")'
        raise FormulaError(f"{reason}\nFor an optimizer by its name, such as momentum: {by_name}.") from None
