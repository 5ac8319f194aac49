"""The outcome of a search, in one sentence: whether a rule beats the best known optimizer, and what to train with."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple, Union

from neural_optimizer_search.dsl.constants_read import find_constants
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.measuring.evaluation import Evaluation, Part, shorten_tasks
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, normalize_name
from neural_optimizer_search.schedule_shape import CONSTANT
from neural_optimizer_search.search.intervals import CONFIDENCE, say_probability
from neural_optimizer_search.search.ranking import Contender, Ranking
from neural_optimizer_search.search.snippet import write_snippet

GUESS = "best_guess"  # the variable of code that stands below what is recommended, so that it does not replace it
LETTERS = 60  # maximum length of a formula in a sentence; rules with longer ones are named by their rank in the table


class Verdict(NamedTuple):
    """The outcome of a search.

    Attributes:
      sentence: Whether a rule beats the best known optimizer.
      code: Python code that creates the better of the two; if the rule is only probably better, it also creates the
        rule's optimizer, as `best_guess`.
    """

    sentence: str
    code: str


def correct(probability: float, compared: int) -> float:
    """The probability, corrected for the luck of the best of several rules: 1 - compared · (1 - P).

    Bonferroni's correction, after which a rule counts as better in at most 5 % of all searches that found none. It is
    for one look at the result: searches with another seed use the same fresh seeds, and make a false result likelier.

    Args:
      probability: The probability P of the best rule.
      compared: Number of rules that were compared.
    """
    return max(0.0, 1.0 - compared * (1.0 - probability))


def least_probability(compared: int) -> float:
    """The probability from which a rule counts as better, given the number of compared rules."""
    return 1.0 - (1.0 - CONFIDENCE) / max(1, compared)


def say_too_little(probability: float, compared: int) -> str:
    """Formats a probability that is too low, without rounding it up to the required one."""
    return say_probability(min(probability, round(least_probability(compared), 3) - 1e-3))


def say_cannot_tell(seeds: int) -> str:
    """The beginning of a sentence on a probability that is unknown, given the number of fresh seeds."""
    return "One fresh seed cannot tell" if seeds == 1 else "Two fresh seeds with the same difference cannot tell"


def say_need(compared: int, what: str = "rule") -> str:
    """The required probability, in words, given the number of compared rules, or of `what` was compared."""
    who = f"the best of {compared}" if compared > 1 else f"a single {what}"
    return f"{who} needs {least_probability(compared):.3g}"


def find_verdict(ranking: Ranking, steps: int) -> Verdict:
    """The `Verdict` of a `Ranking` with fresh seeds.

    Args:
      ranking: The `Ranking`.
      steps: Gradient steps of a training.
    """
    reference = ranking.reference
    assert reference is not None and reference.fresh is not None
    # In order of rank: of several that are better, the best is named.
    for one in ranking.found:
        probability = ranking.find_probability(one)
        if probability is not None and correct(probability, ranking.compared) >= CONFIDENCE:
            return Verdict(_praise(ranking, one, probability), _write_code(one, steps))
    use = f"Use {reference.name}: {_describe(reference.last)}."
    code = [_write_code(reference, steps), *_write_guess(ranking, steps)]
    return Verdict(f"{_say_none(ranking)} {use}", "\n".join(code))


def _write_guess(ranking, steps):
    """The code of the best rule, if it did better than the best known optimizer, though not beyond noise."""
    best = ranking.found[0] if ranking.compared else None
    if best is None or best.fresh.reward <= ranking.reference.fresh.reward:
        return []
    probability = ranking.find_probability(best)
    chance = (
        "" if probability is None else f", better with probability {say_too_little(probability, ranking.compared)}"
    )
    return [f"# Or the best rule that was found{chance}:", _write_code(best, steps, GUESS)]


def _praise(ranking, one, probability):
    reference, count = ranking.reference, len(ranking.reference.fresh.seeds)
    return (
        f"{_capitalize(_call(ranking, one))} beats {reference.name}, the best known optimizer here: "
        f"{one.fresh.reward:.4f} against {reference.fresh.reward:.4f} with {count} fresh seeds "
        f"(probability {say_probability(probability)}; {say_need(ranking.compared)})."
    )


def _say_none(ranking):
    reference, best = ranking.reference, ranking.found[0] if ranking.compared else None
    if best is None:
        return (
            "No rule was found that trains to the end, other than known optimizers. "
            "More may be found with a larger --budget or another --seed."
        )
    probability, name = ranking.find_probability(best), _call(ranking, best)
    if probability is None:
        return (
            f"{say_cannot_tell(len(best.fresh.seeds))} whether a rule beats {reference.name} (best: {name}, "
            f"{best.fresh.reward:.4f} against {reference.fresh.reward:.4f}): resume with a larger --fresh_seeds."
        )
    return (
        f"No rule that was found beats {reference.name} beyond noise (best: {name}, "
        f"probability {say_too_little(probability, ranking.compared)}; {say_need(ranking.compared)}). "
        "More may be found with a larger --budget or another --seed."
    )


def _call(ranking, contender):
    """The formula that was trained, which is in the code, and the shortest one that behaves alike."""
    rule, shortest = contender.rule, ranking.shorten(contender)
    name, short = (one.formula() if len(one.formula()) <= LETTERS else "" for one in (rule, shortest))
    is_shorter = short and shortest.canonical() != rule.canonical()
    place = f"rule {ranking.found.index(contender) + 1} of the table"
    return (name or place) + (f" (behaves like {short})" if is_shorter else "")


def _capitalize(name):
    return f"R{name[1:]}" if name.startswith("rule ") else name


def _describe(evaluation: Evaluation) -> str:
    """The setting and the constants of an evaluation, in words."""
    constants = [f"{name} {write_number(value)}" for name, value in find_constants(evaluation.rule).items()]
    if not evaluation.has_one_setting:
        short = _shorten(evaluation.parts)
        return ", ".join([*(f"on {short[p.task]} {_describe_training(p)}" for p in evaluation.parts), *constants])
    return _describe_training(evaluation, constants)


def _shorten(parts):
    return shorten_tasks([part.task for part in parts])


def _describe_training(evaluation: Union[Evaluation, Part], constants: Sequence[str] = ()) -> str:
    rate = [f"learning rate {evaluation.learning_rate:.3g}"] if evaluation.learning_rate is not None else []
    schedule = [f"schedule {evaluation.schedule}"] if evaluation.schedule != str(CONSTANT) else []
    decay = [f"weight decay {evaluation.weight_decay:g}"] if evaluation.weight_decay else []
    return ", ".join([*rate, *constants, *schedule, *decay])


def _write_code(contender: Contender, steps: int, variable: str = "optimizer") -> str:
    """Python code that assigns the optimizer to a variable; of several tasks, for the first."""
    parts = contender.last.parts
    short = _shorten(parts)
    others = "".join(f"; on {short[part.task]}: {_describe_training(part)}" for part in parts[1:])
    note = [] if contender.last.has_one_setting else [f"# as on {short[parts[0].task]}{others}"]
    return "\n".join([*note, _write_optimizer(contender, steps, variable)])


def _write_optimizer(contender, steps, variable):
    e, name = contender.last, normalize_name(contender.name)
    if e.schedule != str(CONSTANT) or e.rule.decays:
        shown = dataclasses.replace(e, learning_rate=float(f"{e.learning_rate:.3g}"))
        return write_snippet(shown, steps, variable)
    row = CATALOGUE.get(name)
    text = name if row and row.rule.canonical() == e.rule.canonical() else e.rule.formula()
    decay = f", weight_decay={write_number(e.weight_decay)}" if e.weight_decay else ""
    return (
        "from neural_optimizer_search import optimizers\n"
        f'{variable} = optimizers.get("{text}", learning_rate={e.learning_rate:.3g}{decay})'
    )
