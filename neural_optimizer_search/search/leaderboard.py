"""The best rules of a search beside the optimizers that everybody knows."""

from collections.abc import Iterable, Sequence

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.score_words import ScoreWords

SHOWN = 10  # rules
ROW = "{rank:>4s}  {reward:>15s}  {score:>8s}  {rate:>9s}  {formula}"


def format_leaderboard(
    found: Sequence[Evaluation], baselines: Sequence[Evaluation], words: ScoreWords, count: int = SHOWN
) -> str:
    """A table as text.

    Args:
      found, baselines: Lists of `Evaluation`s.
      words: What the number beside the reward is called.
      count: Rules to show.
    """
    header = ROW.format(
        rank="", reward="reward", score=words.title, rate="rate", formula="update rule (w <- w - rate * rule)"
    )
    names = {rule.canonical(): name for name, rule in KNOWN_OPTIMIZERS.items()}
    best = [(e.rule.formula(), e) for e in rank(found)[:count]]
    known = [(names.get(e.rule.canonical(), "?"), e) for e in rank(baselines)]
    seeds = len((found or baselines)[0].rewards)
    of = f"mean ± standard deviation over {seeds} training seeds" if seeds > 1 else "of one training seed"
    return "\n".join(
        [
            header,
            *(_row(str(number), e, formula) for number, (formula, e) in enumerate(best, 1)),
            "",
            "The same protocol, known optimizers:",
            *(_row("", e, f"{name:10s} {e.rule.formula()}") for name, e in known),
            "",
            f"reward: {of}.",
            words.note,
            "Both are of the validation data that chose the rules and rates, so the best are flattered.",
            *explain_zeros([*best, *known]),
        ]
    )


def explain_zeros(shown: Iterable[tuple[str, Evaluation]]) -> list[str]:
    """A line for each evaluation, by its name, with the reward 0: what it says of itself."""
    rows = list(shown)
    lines = [f"reward 0 of {name}: {shorten(e.message, 200)}" for name, e in rows if not e.reward]
    late = any(not e.reward and e.status == "timeout" for _, e in rows)
    return [*lines, *(["Rules took longer than the time limit: give a longer --timeout."] if late else [])]


def format_reward(evaluation: Evaluation) -> str:
    """The reward, and its standard deviation over seeds if there are several: "0.8872 ± 0.0141"."""
    spread = "" if evaluation.deviation is None else f" ± {evaluation.deviation:.4f}"
    return f"{evaluation.reward:.4f}{spread}"


def _row(number, evaluation, formula):
    rate = "-" if evaluation.learning_rate is None else f"{evaluation.learning_rate:.3g}"
    score = f"{evaluation.accuracy:.4f}"
    return ROW.format(rank=number, reward=format_reward(evaluation), score=score, rate=rate, formula=formula)
