"""The result of a tuning as text."""

import math
import statistics
from typing import Any, Optional

from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.measuring.fingerprint import Fingerprint
from neural_optimizer_search.search.columns import format_columns
from neural_optimizer_search.search.intervals import CONFIDENCE, find_probability, say_probability
from neural_optimizer_search.search.score_words import Metric, score_words
from neural_optimizer_search.search.snippet import write_file_command, write_snippet
from neural_optimizer_search.search.verdict import GUESS, correct, say_cannot_tell, say_need, say_too_little
from neural_optimizer_search.tasks.protocol import OF_LOSS
from neural_optimizer_search.trials.study import TRIALS_FOR_IMPORTANCES
from neural_optimizer_search.tuning.result import Measured, TuningResult

FINALIST = ["reward", "standard error", "chosen by", "rate", "schedule", "weight decay", "update rule"]
TUNED = ["", "importance", "given", "best", "among the best tenth of the complete trials"]


def find_metric(task: str, fingerprint: Optional[Fingerprint], reward: str) -> Optional[Metric]:
    """The `Metric` of which the rewards of a tuning are linear functions; None if they are not, or it is unknown.

    Args:
      task, fingerprint: See `score_words`.
      reward: A key of `REWARDS`, which sets how a training is scored.
    """
    return None if reward == OF_LOSS else score_words(task, fingerprint).metric


def format_result(result: TuningResult, what: str, steps: int, metric: Optional[Metric] = None) -> str:
    """Formats the result as text.

    Args:
      result: A `TuningResult`.
      what: What the rewards measure, such as "digits/default, end_accuracy".
      steps: Gradient steps of a training.
      metric: The `Metric` of which the rewards are linear functions, which gets a column; None for none.
    """
    return "\n".join(
        [
            f"{what}: mean ± standard deviation over {len(result.seeds)} fresh seeds",
            *_format_finalists(result.finalists, metric),
            "",
            _compare(result),
            "",
            *format_columns([TUNED, *map(_tuned, result.tuned)], left=[0]),
            "",
            f"{result.trials} trials, {result.pruned} of them ended early, {result.steps} gradient steps in all.",
            *_explain_metric(metric),
            "chosen by: the reward of the one training that it was picked by; as the best of many, it is optimistic.",
            f"importance: {_explain_importances(result)}.",
            "All figures are of validation data.",
            "",
            *_write_use(result, steps),
        ]
    )


def _format_finalists(finalists, metric):
    rows = [FINALIST, *map(_finalist, finalists)]
    if metric is not None:  # beside the reward
        beside = [metric.name, *(metric.write_value(one.rewards) for one in finalists)]
        rows = [[row[0], value, *row[1:]] for row, value in zip(rows, beside)]
    return format_columns(rows, left=[rows[0].index("schedule")])


def _explain_metric(metric):
    return (
        [] if metric is None else [f"{metric.name}: the value that the reward stands for, averaged in the same way."]
    )


def _finalist(one: Measured):
    setting = one.setting
    deviation = "" if math.isnan(one.deviation) else f" ± {one.deviation:.4f}"
    return [
        f"{one.mean:.4f}{deviation}",
        "-" if math.isnan(one.error) else f"{one.error:.4f}",
        f"{one.chosen_by:.4f}",
        write_number(setting.learning_rate),
        str(setting.schedule),
        write_number(setting.weight_decay),
        setting.rule.formula() + ("  (as given)" if one.is_own else ""),
    ]


def _compare(result):
    best, own = result.best, result.own
    if own is None:
        return "The rule as it was given had no reward above 0 at any of the rates."
    if best.is_own:
        return "No setting that was measured again has a higher mean than the rule as it was given, at its best rate."
    gain, compared = best.mean - own.mean, _count_compared(result)
    # The seeds are the same, so what counts are the paired differences.
    differences = _find_differences(result)
    probability, need = find_probability(differences), say_need(compared, "setting")
    if probability is None:
        return (
            f"{say_cannot_tell(len(differences))} whether tuning adds to the rule as it was given, at its best rate "
            f"(best: {gain:.4f} more): tune with more --seeds."
        )
    # The best of several was found by these very seeds: without any difference, it would often be ahead by luck.
    if not _is_better(result):
        return (
            "No setting that was measured again is better than the rule as it was given, at its best rate, beyond "
            f"noise (best: {gain:.4f} more, probability {say_too_little(probability, compared)}; {need}). "
            "More --seeds can tell smaller differences."
        )
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return (
        f"Tuning adds {gain:.4f} ± {error:.4f} (standard error, seed by seed) to the rule as it was given, at its "
        f"best rate (probability {say_probability(probability)}; {need})."
    )


def _find_differences(result):
    """The rewards of the best setting minus those of the rule as it was given, seed by seed."""
    return [one - other for one, other in zip(result.best.rewards, result.own.rewards)]


def _count_compared(result):
    return sum(not one.is_own for one in result.finalists)


def _is_better(result):
    """Whether the best setting is better than the rule as it was given, beyond noise."""
    probability = find_probability(_find_differences(result))
    return probability is not None and correct(probability, _count_compared(result)) >= CONFIDENCE


def _write_use(result, steps):
    """Code for the setting that is recommended; below it, under another name, for the best one if it is a guess."""
    best, own = result.best, result.own
    if own is None or best.is_own or _is_better(result):
        return _explain_use("To use it:", best, steps)
    guess = "Or the setting with the best mean, which is not shown to be better:"
    return [
        *_explain_use("To use the rule as it was given:", own, steps),
        *_explain_use(guess, best, steps, GUESS),
    ]


def _explain_use(title, one, steps, variable="optimizer"):
    code = write_snippet(one.setting, steps, variable)
    return [title, *(f"  {line}" for line in code.splitlines()), f"The same {write_file_command(one.setting)}"]


def _explain_importances(result):
    if any(one.importance is not None for one in result.tuned):
        return "how much a value decides whether a trial that the sampler chose freely is among the best tenth"
    fewer = f"fewer than {TRIALS_FOR_IMPORTANCES} of the trials that the sampler chose freely trained to the end"
    return f"unknown, because {fewer}"


def _tuned(one):
    among = (", " if one.name == "schedule" else " to ").join(map(_show, one.among_best))
    return [
        one.name,
        "-" if one.importance is None else f"{one.importance:.2f}",
        "-" if one.own is None else _show(one.own),
        _show(one.best),
        among,
    ]


def _show(value: Any) -> str:
    return value if isinstance(value, str) else write_number(value)
