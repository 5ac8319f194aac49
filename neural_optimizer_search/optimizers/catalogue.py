"""Every published update rule as one row of a table, and optimizers by name; see also `later_papers` and `found`.

v2 is arXiv:1709.07417v2, v1 the ICML 2017 paper. On usage, v2 (section 8.1) says that for PowerSign and AddSign, the
learning rate that suits SGD is usually a good first choice, and a larger one with a decay.
"""

import difflib
import inspect
from dataclasses import dataclass, field
from typing import Any, Optional

from neural_optimizer_search.arguments import check_step_count
from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.keras_versions import keras
from neural_optimizer_search.optimizers.add_sign import AddSign
from neural_optimizer_search.optimizers.found import FOUND
from neural_optimizer_search.optimizers.later_papers import LATER_PAPERS
from neural_optimizer_search.optimizers.power_sign import PowerSign
from neural_optimizer_search.optimizers.rule_optimizer import RuleOptimizer
from neural_optimizer_search.schedules import make_schedule

_RECOMMENDED_DECAYS = {PowerSign: "cd", AddSign: "ld"}  # v2, section 8.1


@dataclass(frozen=True)
class PublishedRule:
    """One row of the catalogue: w <- w - learning_rate * formula.

    Attributes:
      name: Lower case, words joined by "-".
      formula: Text that `parse_formula` reads.
      source: Where it is published, and how it differs from another rule that is known by this name, if there is one.
      optimizer: The class that computes it.
      arguments: Arguments that the class needs in addition to compute this row, such as {"decay": "ld"}.
      learning_rate: The usual one; None for the class's own default.
      schedule: Learning-rate schedule that the rule was found with, as text that `parse_schedule` reads; "" for none.
      weight_decay: Decoupled weight decay that the rule was found with, as a share of the learning rate; 0 for none.

    Example:
      >>> from neural_optimizer_search.optimizers import CATALOGUE
      >>> row = CATALOGUE["addsign-cd"]
      >>> row.formula, row.slots, row.recommended_decay
      ('(1 + cd * sign(g) * sign(m)) * g', 1, 'ld')
    """

    name: str
    formula: str
    source: str
    optimizer: type = RuleOptimizer
    arguments: dict[str, Any] = field(default_factory=dict, hash=False)
    learning_rate: Optional[float] = None
    schedule: str = ""
    weight_decay: float = 0.0

    @property
    def rule(self) -> Rule:
        """The formula as a `Rule`."""
        return parse_formula(self.formula)

    @property
    def slots(self) -> int:
        """The number of running averages, and other numbers, that are kept for each parameter."""
        return len(self.rule.averages)

    @property
    def recommended_decay(self) -> Optional[str]:
        """The internal decay with which the row's family works best, or None if the paper names none."""
        return _RECOMMENDED_DECAYS.get(self.optimizer)

    @property
    def default_rate(self) -> float:
        """The learning rate with which `make` begins unless it is given one."""
        if self.learning_rate is not None:
            return self.learning_rate
        return inspect.signature(self.optimizer).parameters["learning_rate"].default

    def make(self, **arguments: Any) -> Any:
        """Creates an optimizer of this rule; the arguments are those of the class, such as `learning_rate`.

        Arguments that are not given default to the row's own. The row's schedule takes `decay_steps` steps and begins
        at a given number, or else at the row's learning rate. It is left out if the learning rate is given as a
        schedule, or as a number without `decay_steps`.
        """
        rule = {"rule": self.rule} if self.optimizer is RuleOptimizer else {}
        if self.schedule:
            self._follow_schedule(arguments)
        elif self.learning_rate is not None:
            arguments.setdefault("learning_rate", self.learning_rate)
        if self.weight_decay:
            arguments.setdefault("weight_decay", self.weight_decay)
        return self.optimizer(**rule, **self.arguments, **arguments)

    def _follow_schedule(self, arguments):
        steps = arguments.get("decay_steps")
        if "learning_rate" in arguments and (steps is None or callable(arguments["learning_rate"])):
            return
        rate = arguments.get("learning_rate", self.learning_rate)
        steps = check_step_count(steps, f"the schedule of {self.name!r}")
        arguments["learning_rate"] = make_schedule(self.schedule, rate, steps)


def _table(*rows):
    return {row.name: row for row in (PublishedRule(*row) for row in rows)}


# Name -> row. Table 6 prints `sign(m) * sqrt(|g|)` twice, with two results, and PowerSign as `g * exp(sign(g) *
# sign(m))`: each has one row here.
CATALOGUE = _table(
    ("sgd", "g", "v2 Table 6; v1 Table 1"),
    ("momentum", "m", "v2 Table 6; v1 Table 1; debiased"),
    ("rmsprop", "RMSProp", "v2 Table 6; v1 Table 1; debiased"),
    ("adam", "Adam", "v2 Table 6; v1 Table 1"),
    ("powersign", "exp(sign(g) * sign(m)) * g", "v2 sec. 5.1, Table 6; v1 Table 1", PowerSign),
    ("powersign-ld", "exp(ld * sign(g) * sign(m)) * g", "v2 sec. 5.1, Table 1", PowerSign, {"decay": "ld"}),
    ("powersign-cd", "exp(cd * sign(g) * sign(m)) * g", "v2 sec. 5.1, Table 1", PowerSign, {"decay": "cd"}),
    ("powersign-rd10", "exp(rd_10 * sign(g) * sign(m)) * g", "v2 Table 1", PowerSign, {"decay": "rd_10"}),
    ("powersign-rd20", "exp(rd_20 * sign(g) * sign(m)) * g", "v2 Table 1", PowerSign, {"decay": "rd_20"}),
    ("powersign2", "2 ^ (sign(g) * sign(m)) * g", "v2 sec. 5.1", PowerSign, {"base": 2.0}),
    ("addsign", "(1 + sign(g) * sign(m)) * g", "v2 sec. 5.1, Table 1", AddSign),
    ("addsign-ld", "(1 + ld * sign(g) * sign(m)) * g", "v2 sec. 5.1, Table 1", AddSign, {"decay": "ld"}),
    ("addsign-cd", "(1 + cd * sign(g) * sign(m)) * g", "v2 sec. 5.1, Table 1", AddSign, {"decay": "cd"}),
    ("addsign-rd10", "(1 + rd_10 * sign(g) * sign(m)) * g", "v2 Table 1", AddSign, {"decay": "rd_10"}),
    ("addsign-rd20", "(1 + rd_20 * sign(g) * sign(m)) * g", "v2 Table 1", AddSign, {"decay": "rd_20"}),
    ("addsign2", "(2 + sign(g) * sign(m)) * g", "v2 sec. 5.1", AddSign, {"alpha": 2.0}),
    # From here on, the rows are those of Table 6, in its order.
    ("noisy-m-sigmoid-w", "m * (1 + eps) * sigmoid(1e-4*w)", "v2 Table 6"),
    ("sign-m-sqrt-g", "sign(m) * sqrt(|g|)", "v2 Table 6"),
    ("sign-g-abs-m", "sign(g) * sign(m) * m", "v2 Table 6"),
    ("addsign-sign-g", "(1 + sign(g) * sign(m)) * sign(g)", "v2 Table 6"),
    ("addsign-sign-m", "(1 + sign(g) * sign(m)) * sign(m)", "v2 Table 6"),
    ("sign-g-sqrt-m", "sign(g) * sqrt(|m|)", "v2 Table 6"),
    ("sqrt-g-m", "sqrt(|g|) * m", "v2 Table 6"),
    ("sqrt-g-g", "sqrt(|g|) * g", "v2 Table 6"),
    ("addsign-momentum", "(1 + sign(g) * sign(m)) * m", "v2 Table 6"),
    ("addsign-rmsprop", "(1 + sign(g) * sign(m)) * RMSProp", "v2 Table 6"),
    ("addsign-adam", "(1 + sign(g) * sign(m)) * Adam", "v2 Table 6"),
    ("powersign-plus-clip", "(exp(sign(g) * sign(m)) + clip(g, 1e-4)) * g", "v2 Table 6; v1 Table 1"),
    ("clip-m-exp-v", "clip(m, 1e-4) * exp(v)", "v2 Table 6; v1 Table 1"),
    ("m-exp-v", "m * exp(v)", "v2 Table 6; v1 Table 1"),
    ("powersign-drop0.3", "drop(g, 0.3) * exp(sign(g) * sign(m))", "v2 Table 6; v1 Table 1"),
    ("m-exp-g2", "m * exp(g^2)", "v2 Table 6; v1 Table 1"),
    ("drop-m-over-exp-g2", "drop(m, 0.1) / (exp(g^2) + eps)", "v2 Table 6; v1 Table 1"),
    ("powersign-drop0.1", "drop(g, 0.1) * exp(sign(g) * sign(m))", "v2 Table 6; v1 Table 1"),
    ("rmsprop-plus-drop-m", "clip(RMSProp, 1e-5) + drop(m, 0.3)", "v2 Table 6; v1 Table 1"),
    ("powersign-adam", "Adam * exp(sign(g) * sign(m))", "v2 Table 6; v1 Table 1"),
    ("adam-exp-m", "Adam * exp(m)", "v2 Table 6; v1 Table 1"),
    ("g-plus-drop-m", "g + drop(m, 0.3)", "v2 Table 6; v1 Table 1"),
    ("drop-m-exp-g3", "drop(m, 0.1) * exp(g^3)", "v2 Table 6; v1 Table 1"),
    ("g-clip-g2", "g - clip(g^2, 1e-4)", "v2 Table 6; v1 Table 1"),
    ("exp-g-exp-m", "exp(g) - exp(m)", "v2 Table 6; v1 Table 1"),
    ("drop-m-exp-w", "drop(m, 0.3) * exp(1e-3*w)", "v2 Table 6; v1 Table 1"),
    *((*row[:3], RuleOptimizer, {}, *row[3:]) for row in (*LATER_PAPERS, *FOUND)),
)


def normalize_name(name: str) -> str:
    """A name as the catalogue spells it: lower case, "-" for "_"."""
    return name.lower().replace("_", "-")


def suggest_names(text: str) -> str:
    """A sentence, after a space, with the names of the catalogue that a text nearly is; "" if there is none."""
    close = ", ".join(difflib.get_close_matches(normalize_name(text), CATALOGUE))
    return close and f" Names like it: {close}."


def get(identifier: Any, **arguments: Any) -> Any:
    """An optimizer by name, by formula or from a config.

    Args:
      identifier: A name of the `CATALOGUE`, in upper or lower case, with "-" or "_"; else a formula, as
        `parse_formula` reads it; or a config from `serialize`; or an optimizer, which is returned unchanged.
      **arguments: With a name or a formula, the arguments of `PowerSign`, `AddSign` or `RuleOptimizer`, such as
        `learning_rate`; names that contain a decay require `decay_steps`, as does the schedule of a name. With a
        number as `learning_rate` but no `decay_steps`, the rate is constant.

    Raises:
      ValueError: If the text is neither a name nor a formula, the identifier has none of these types, arguments are
        given with a config or an optimizer, or an argument is out of range.
      TypeError: If the name already determines the value of an argument.

    Example:
      >>> from neural_optimizer_search import optimizers
      >>> optimizer = optimizers.get("AddSign-ld", learning_rate=0.5, decay_steps=100)
      >>> optimizer.decay.name, optimizer.decay_steps
      ('ld', 100)
      >>> print(optimizers.get("exp(g) - exp(m)").rule)
      exp(g) - exp(m)

    Source: v2 sections 5.1 and 8 and Table 1, v1 Table 1; `nos-optimizers` lists all.
    """
    if isinstance(identifier, str):
        return _from_text(identifier, arguments)
    if arguments:
        raise ValueError(
            f"Argument `arguments` must be empty unless `identifier` is a name or a formula. Received: {arguments!r}."
        )
    if isinstance(identifier, dict):
        return deserialize(identifier)
    try:
        # Keras decides what counts as an optimizer: Keras 2 also accepts those of `keras.optimizers.legacy`.
        optimizer = keras.optimizers.get(identifier)
    except ValueError:
        optimizer = None
    if optimizer is None:
        raise ValueError(
            "Argument `identifier` must be a name of the catalogue, a formula, a config dict or a Keras optimizer. "
            f"Received: {identifier!r}."
        )
    return optimizer


def _from_text(text, arguments):
    # Names first; no name is also the formula of another rule.
    name = normalize_name(text)
    if name in CATALOGUE:
        return CATALOGUE[name].make(**arguments)
    try:
        rule = parse_formula(text)
    except FormulaError as error:
        reason = str(error).replace("Argument `formula`", "it", 1)
        raise ValueError(
            "Argument `identifier` must be a name of the catalogue, which the command `nos-optimizers` lists, or a "
            f"formula. Received: {text!r}.{suggest_names(text)}\nRead as a formula, {reason}"
        ) from None
    return RuleOptimizer(rule, **arguments)


def serialize(optimizer: Any) -> dict[str, Any]:
    """The config of an optimizer, from which `deserialize` creates an equal one.

    Example:
      >>> from neural_optimizer_search import optimizers
      >>> config = optimizers.serialize(optimizers.get("powersign2"))
      >>> config["class_name"], config["config"]["base"]
      ('PowerSign', 2.0)
    """
    return keras.optimizers.serialize(optimizer)


def deserialize(config: dict[str, Any]) -> Any:
    """The optimizer that a config describes.

    Args:
      config: A config from `serialize`, or {"class_name": "PowerSign", "config": {"learning_rate": 0.1}}; configs of
        Keras's own optimizers also work.

    Raises:
      ValueError: If the config is not of this form, or Keras does not know its class.

    Example:
      >>> from neural_optimizer_search import optimizers
      >>> optimizer = optimizers.get("m * exp(v)", learning_rate=0.5, seed=3)
      >>> again = optimizers.deserialize(optimizers.serialize(optimizer))
      >>> print(again.rule, again.seed)
      m * exp(v) 3
    """
    if not (isinstance(config, dict) and {"class_name", "config"} <= set(config)):
        raise ValueError(f"Argument `config` must be a dict with `class_name` and `config`. Received: {config!r}.")
    ours = {optimizer.__name__: optimizer for optimizer in (PowerSign, AddSign, RuleOptimizer)}
    with keras.utils.custom_object_scope(ours):
        # Keras's `get`, because it reads configs with and without a module and rejects unknown classes clearly; a
        # copy, because it modifies the config.
        return keras.optimizers.get(dict(config))
