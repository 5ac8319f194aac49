"""The best rules of a search beside the optimizers that everybody knows."""

import numpy as np

from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS

ROW = "{rank:>4s}  {reward:>15s}  {accuracy:>8s}  {rate:>9s}  {formula}"


def best(evaluations, count=10):
    """The `count` evaluations of highest reward; of equal ones, the one found first."""
    return sorted(evaluations, key=lambda e: -e.reward)[:count]


def leaderboard(found, baselines, count=10):
    """A table as text.

    Args:
      found, baselines: Lists of `Evaluation`s.
      count: Rules to show.
    """
    header = ROW.format(
        rank="", reward="reward", accuracy="accuracy", rate="rate", formula="update rule (w <- w - rate * rule)"
    )
    names = {rule.canonical(): name for name, rule in KNOWN_OPTIMIZERS.items()}
    rows = [_row(str(rank), e, e.rule.formula()) for rank, e in enumerate(best(found, count), 1)]
    known = [
        _row("", e, f"{names[e.rule.canonical()]:10s} {e.rule.formula()}") for e in best(baselines, len(baselines))
    ]
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


def spread(evaluation):
    """The standard deviation over seeds as text, " ± 0.0123"; empty if there is one seed."""
    # NumPy, because a ledger may hold what is no number, for which `statistics.stdev` raises an AttributeError.
    return f" ± {np.std(evaluation.rewards, ddof=1):.4f}" if len(evaluation.rewards) > 1 else ""


def _row(rank, evaluation, formula):
    reward = f"{evaluation.reward:.4f}{spread(evaluation)}"
    rate = "-" if evaluation.learning_rate is None else f"{evaluation.learning_rate:.3g}"
    accuracy = f"{evaluation.accuracy:.4f}"
    return ROW.format(rank=rank, reward=reward, accuracy=accuracy, rate=rate, formula=formula)
