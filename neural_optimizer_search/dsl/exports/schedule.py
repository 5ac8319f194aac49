"""The learning-rate schedule that a rule was found with, as code of a file; see `schedule_shape.Schedule`."""

from collections.abc import Mapping, Sequence

from neural_optimizer_search.dsl.exports.code import spell_number
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.text import Export, indent, only
from neural_optimizer_search.schedule_shape import CONSTANT

# Decay -> its factor of the rate, where x is the share of the steps after the warm-up that are over.
_FACTORS: Mapping[str, str] = {
    "constant": "1.0",
    "linear": "1.0 - x",
    "cosine": "0.5 * (1.0 + {cos}(math.pi * x))",
    "linear_cosine": "0.5 * (1.0 - x) * (1.0 + {cos}(math.pi * x))",
}


def write_keras_schedule(
    export: Export, functions: Functions, module: str, register: str, cast: str
) -> Sequence[str]:
    """The class of a Keras schedule.

    Args:
      export: The input from which the file is written.
      functions: How the file's functions are spelled.
      module: The module of Keras.
      register: The line that registers a class, so that saved models find it.
      cast: Code that makes a number of float32 of `step`.
    """
    if not export.has_schedule:
        return ()
    return (
        register,
        f"class {export.name}Schedule({module}.optimizers.schedules.LearningRateSchedule):",
        f'    """{describe_schedule(export)}: the learning rate in each of `steps` updates."""',
        "",
        f"    def __init__(self, steps, learning_rate={export.rate}):",
        *indent(require_steps(), 2),
        "        self.steps, self.learning_rate = int(steps), float(learning_rate)",
        "",
        "    def __call__(self, step):",
        f"        steps, t = self.steps, {cast}",
        *indent(write_share(export, functions), 2),
        "        return self.learning_rate * share",
        "",
        "    def get_config(self):",
        '        return {"steps": self.steps, "learning_rate": self.learning_rate}',
    )


def describe_schedule(export: Export) -> str:
    """The beginning of a docstring that says which schedule it is."""
    return f'The schedule "{export.schedule}"'


def require_steps() -> list[str]:
    """Lines that check the number of steps of a training."""
    return [
        "if not (isinstance(steps, numbers.Integral) and steps > 0):",
        '    raise ValueError(f"Argument `steps` must be an int > 0. Received: {steps!r}.")',
    ]


def write_share(export: Export, functions: Functions) -> list[str]:
    """Lines that assign the share of the rate in step `t` of `steps` to `share`."""
    schedule = export.schedule
    minimum, cos = (_name(function, functions) for function in ("minimum", "cos"))
    factor = _FACTORS[schedule.decay].format(cos=cos)
    over = "(t - rise) / (steps - rise)" if schedule.warmup else "t / steps"
    lines = [
        *only(schedule.warmup, f"rise = min(round({spell_number(schedule.warmup)} * steps), steps - 1)"),
        *only(schedule.decay != CONSTANT.decay, f"x = {minimum}({over}, 1.0)"),
    ]
    if schedule.warmup:
        rising = "(t + 1) / max(rise, 1)"
        is_scalar, where = functions.scalars, functions.name("where")
        factor = f"{rising} if t < rise else {factor}" if is_scalar else f"{where}(t < rise, {rising}, {factor})"
    return [*lines, f"share = {factor}"]


def _name(function, functions):
    return functions.scalars[function] if functions.scalars else functions.name(function)
