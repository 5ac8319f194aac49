"""The best rules of a search beside the optimizers that everybody knows."""

from collections.abc import Iterable, Mapping, Sequence

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS, TITLES, name_known_optimizer
from neural_optimizer_search.search.score_words import ScoreWords

SHOWN = 10  # rules
ROW = "{rank:>4s}  {reward:>15s}  {score:>8s}  {rate:>9s}  {formula}"


def format_leaderboard(
    found: Sequence[Evaluation],
    baselines: Sequence[Evaluation],
    words: ScoreWords,
    count: int = SHOWN,
    names: Mapping[str, Rule] = KNOWN_OPTIMIZERS,
) -> str:
    """A table as text.

    Args:
      found, baselines: Lists of `Evaluation`s.
      words: What the number beside the reward is called.
      count: Rules to show.
      names: The rules of the known optimizers, by name.
    """
    header = ROW.format(
        rank="", reward="reward", score=words.title, rate="rate", formula="update rule (w <- w - rate * rule)"
    )
    best = [(e.rule.formula(), e) for e in rank(found)[:count]]
    known = [(name_known_optimizer(e.rule, names), e) for e in baselines]
    settings = any(e.training_setting for _, e in [*best, *known])
    seeds = len((found or baselines)[0].rewards)
    of = f"mean ± standard deviation over {seeds} training seeds" if seeds > 1 else "from a single training seed"
    return "\n".join(
        [
            header,
            *(_row(str(number), e, format_rule(e)) for number, (_, e) in enumerate(best, 1)),
            "",
            "The same protocol, known optimizers:",
            *(_row("", e, text) for e, text in describe_known(known)),
            "",
            f"reward: {of}.",
            words.note,
            *(["In brackets: the schedule of the rate and the weight decay, if any."] if settings else []),
            "Both are of the validation data that chose the rules and rates, so the best are flattered.",
            *explain_zeros([*best, *known]),
        ]
    )


def describe_known(known: Sequence[tuple[str, Evaluation]]) -> list[tuple[Evaluation, str]]:
    """Known optimizers, the best first, each with its name, if it has one, and its rule as a row shows them.

    Args:
      known: (name, evaluation) of each.
    """
    titles = {name for name, e in known if name != e.rule.formula() or name in TITLES.values()}
    width = max(map(len, titles), default=0)
    named = {id(e): f"{name:{width}s} " if name in titles else "" for name, e in known}
    return [(e, named[id(e)] + format_rule(e)) for e in rank(e for _, e in known)]


def format_rule(evaluation: Evaluation) -> str:
    """The rule's formula, and in brackets how it was trained, where that is not a constant rate without a decay."""
    setting = evaluation.training_setting
    return f"{evaluation.rule.formula()}{f'  ({setting})' if setting else ''}"


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
