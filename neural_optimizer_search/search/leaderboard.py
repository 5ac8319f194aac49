"""The best rules of a search beside the optimizers that everybody knows."""

from collections.abc import Sequence

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS

SHOWN = 10  # rules
ROW = "{rank:>4s}  {reward:>15s}  {accuracy:>8s}  {rate:>9s}  {formula}"


def format_leaderboard(found: Sequence[Evaluation], baselines: Sequence[Evaluation], count: int = SHOWN) -> str:
    """A table as text.

    Args:
      found, baselines: Lists of `Evaluation`s.
      count: Rules to show.
    """
    header = ROW.format(
        rank="", reward="reward", accuracy="accuracy", rate="rate", formula="update rule (w <- w - rate * rule)"
    )
    names = {rule.canonical(): name for name, rule in KNOWN_OPTIMIZERS.items()}
    rows = [_row(str(number), e, e.rule.formula()) for number, e in enumerate(rank(found)[:count], 1)]
    known = [_row("", e, f"{names.get(e.rule.canonical(), '?'):10s} {e.rule.formula()}") for e in rank(baselines)]
    seeds = len((found or baselines)[0].rewards)
    note = (
        f"reward: mean ± standard deviation over {seeds} training seeds, on the validation data that chose the "
        "rules and rates,\nso the best are flattered. accuracy: validation accuracy, or your own task's score, "
        "at the end of the final run."
        if seeds > 1
        else "reward and accuracy (at the end of the final run): one training seed, on the validation data that "
        "chose the\nrules and rates, so the best are flattered."
    )
    return "\n".join([header, *rows, "", "The same protocol, known optimizers:", *known, "", note])


def format_reward(evaluation: Evaluation) -> str:
    """The reward, and its standard deviation over seeds if there are several: "0.8872 ± 0.0141"."""
    spread = "" if evaluation.deviation is None else f" ± {evaluation.deviation:.4f}"
    return f"{evaluation.reward:.4f}{spread}"


def _row(number, evaluation, formula):
    rate = "-" if evaluation.learning_rate is None else f"{evaluation.learning_rate:.3g}"
    accuracy = f"{evaluation.accuracy:.4f}"
    return ROW.format(rank=number, reward=format_reward(evaluation), accuracy=accuracy, rate=rate, formula=formula)
