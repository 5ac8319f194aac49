"""What a tuning says at its end."""

import math
from typing import Any

from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.tuning.result import Measured, TuningResult
from neural_optimizer_search.tuning.setting import Setting
from neural_optimizer_search.tuning.study import TRIALS_FOR_IMPORTANCES

ROW = "{name:16s}  {importance:>10s}  {own:>9s}  {best:>13s}  {among}"
FINALIST = "{mean:>15s}  {error:>14s}  {chosen:>9s}  {rate:>9s}  {schedule:22s}  {decay:>12s}  {formula}"


def format_result(result: TuningResult, what: str, steps: int) -> str:
    """The result as text.

    Args:
      result: A `TuningResult`.
      what: What the rewards are of, such as "digits/default, end_accuracy".
      steps: Gradient steps of a training.
    """
    rows = [_finalist(one) for one in result.finalists]
    return "\n".join(
        [
            f"{what}: mean ± standard deviation over {len(result.seeds)} fresh seeds",
            FINALIST.format(
                mean="reward", error="standard error", chosen="chosen by", rate="rate", schedule="schedule",
                decay="weight decay", formula="update rule",
            ),
            *rows,
            "",
            _compare(result),
            "",
            ROW.format(
                name="", importance="importance", own="given", best="best", among="among the best tenth of the trials"
            ),
            *(_tuned(one) for one in result.tuned),
            "",
            f"{result.trials} trials, {result.pruned} of them ended early, {result.steps} gradient steps in all.",
            "chosen by: the trial's one training, as the best of many flattered.",
            f"importance: {_explain_importances(result)}.",
            "All is measured on validation data. The test set was not touched.",
            "",
            "To use it:",
            *(f"  {line}" for line in write_snippet(result.best.setting, steps).splitlines()),
        ]
    )  # fmt: skip


def write_snippet(setting: Setting, steps: int) -> str:
    """Python that makes the optimizer, for a training of so many steps."""
    rates = _write_rates(setting, steps)
    arguments = [repr(setting.rule.formula()), "learning_rate=rate"]
    if setting.weight_decay:
        arguments.append(f"weight_decay={write_number(setting.weight_decay)}")
    if setting.rule.decays:
        arguments.append("decay_steps=steps")
    names = [name for name in ("LinearCosineDecay", "WarmUp") if name in rates]
    return "\n".join(
        [
            *(["import keras"] if "keras." in rates else []),
            "from neural_optimizer_search.optimizers import RuleOptimizer",
            *([f"from neural_optimizer_search.schedules import {', '.join(names)}"] if names else []),
            f"steps = {steps}  # of your whole training",
            rates,
            f"optimizer = RuleOptimizer({', '.join(arguments)})",
        ]
    )


def _write_rates(setting, steps):
    warmup, decayed = setting.schedule.warmup, _SCHEDULES[setting.schedule.decay]
    rate = write_number(setting.learning_rate)
    if not min(round(warmup * steps), steps - 1):  # as `Schedule.factors` has it
        return f"rate = {decayed.format(rate=rate, steps='steps')}"
    return "\n".join(
        [
            f"warmup = round({warmup:g} * steps)",
            f"rate = {decayed.format(rate=rate, steps='steps - warmup')}",
            "rate = WarmUp(rate, warmup)",
        ]
    )


_SCHEDULES = {
    "constant": "{rate}",
    "linear": "keras.optimizers.schedules.PolynomialDecay({rate}, {steps}, end_learning_rate=0.0)",
    "cosine": "keras.optimizers.schedules.CosineDecay({rate}, {steps})",
    "linear_cosine": "LinearCosineDecay({rate}, {steps}, beta=0.0)",
}


def _finalist(one: Measured):
    setting = one.setting
    deviation = "" if math.isnan(one.deviation) else f" ± {one.deviation:.4f}"
    return FINALIST.format(
        mean=f"{one.mean:.4f}{deviation}",
        error="-" if math.isnan(one.error) else f"{one.error:.4f}",
        chosen=f"{one.chosen_by:.4f}",
        rate=write_number(setting.learning_rate),
        schedule=str(setting.schedule),
        decay=write_number(setting.weight_decay),
        formula=setting.rule.formula() + ("  (as given)" if one.is_own else ""),
    )


def _compare(result):
    best, own = result.best, result.own
    if own is None:
        return "As it was given, the rule never trained to its end, at none of the rates."
    if best.is_own:
        return "Nothing that was tried is better than the rule as it was given, at its best rate."
    gain = best.mean - own.mean
    # The same seeds, so that the differences count and not the two spreads.
    differences = [one - other for one, other in zip(best.rewards, own.rewards)]
    if len(differences) == 1:
        return f"Tuning adds {gain:.4f} to the rule as it was given, at its best rate."
    spread = math.sqrt(sum((x - gain) ** 2 for x in differences) / (len(differences) - 1) / len(differences))
    return (
        f"Tuning adds {gain:.4f} ± {spread:.4f} (standard error, seed by seed) to the rule as it was given, at its "
        "best rate."
    )


def _explain_importances(result):
    if any(one.importance is not None for one in result.tuned):
        return "share in whether a trial is among the best tenth of those that the sampler chose freely"
    few = f"fewer than {TRIALS_FOR_IMPORTANCES}"
    return f"not known, as of the trials that the sampler chose freely {few} got to their end"


def _tuned(one):
    among = (", " if one.name == "schedule" else " to ").join(map(_show, one.among_best))
    return ROW.format(
        name=one.name,
        importance="-" if one.importance is None else f"{one.importance:.2f}",
        own="-" if one.own is None else _show(one.own),
        best=_show(one.best),
        among=among,
    )


def _show(value: Any) -> str:
    return value if isinstance(value, str) else write_number(value)
