"""The known optimizers with which found rules are compared, as rules of the same language."""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.formula import FormulaError, parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.flags import flag
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation
from neural_optimizer_search.optimizers.catalogue import CATALOGUE, normalize_name, suggest_names
from neural_optimizer_search.records.rows import require_recordable
from neural_optimizer_search.user_error import UserError
from neural_optimizer_search.workers.executor import TaskFailed

# The names of catalogue rows in tables; any other row keeps its catalogue name. The first six are the paper's.
TITLES = {
    "sgd": "SGD",
    "momentum": "Momentum",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "powersign": "PowerSign",
    "addsign": "AddSign",
    "adamw": "AdamW",
    "nadam": "Nadam",
    "lion": "Lion",
    "sgd-nesterov": "SGD-Nesterov",
    "muon": "Muon",
}
THE_SIX, THE_TEN = ",".join(list(TITLES)[:6]), ",".join(list(TITLES)[:10])
# A search for settings measures these: sweeps and fresh seeds of five more would take a tenth of its steps.
THE_FIVE = "sgd,adam,adamw,lion,muon"

# A comma that may separate names: not one before a constant, as in "Adam, beta_1=0.8".
_COMMA = re.compile(r",(?!\s*\w+\s*=)")

# What to check if no known optimizer has a reward, by status.
_ADVICE = {
    "diverged": "Look for NaN and infinity in the data, and at what the loss computes",
    "ok": "Look at the metric: 1 must be the best value and 0 worth nothing, or lower values must be better and fall "
    "below that of the untrained model",
    **dict.fromkeys(FAILURES, "Fix what failed"),
    "timeout": "Give a longer --timeout",
}


def find_known_optimizers(names: str) -> dict[str, Rule]:
    """The rules that a text names, by their names in tables, in the order of the text.

    Args:
      names: Names from the catalogue, in upper or lower case, or formulas, separated by commas.

    Raises:
      UserError: If one is neither, or no run can hold it, or one is given twice.

    Example:
      >>> from neural_optimizer_search.search.known_optimizers import find_known_optimizers
      >>> {name: rule.formula() for name, rule in find_known_optimizers("adam, m-exp-v, clip(g, 1e-3)").items()}
      {'Adam': 'Adam', 'm-exp-v': 'm * exp(v)', 'clip(g, 1e-3)': 'clip(g, 1e-3)'}
    """
    found: dict[str, Rule] = {}
    seen = set()
    for text in split_names(names):
        title, rule = _find(text)
        if rule.canonical() in seen:
            raise UserError(f"must name each optimizer once. Received twice: {shorten(text)!r}.")
        seen.add(rule.canonical())
        found[title] = rule
    return found


def split_names(names: str) -> list[str]:
    """The names and formulas in a comma-separated text, with names as the catalogue spells them."""
    parts = [""]
    for text in _COMMA.split(names):
        is_open = parts[-1].count("(") > parts[-1].count(")")
        parts[-1:] = [f"{parts[-1]},{text}"] if is_open else [parts[-1], text]
    return [normalize_name(text.strip()) if _is_name(text) else text.strip() for text in parts[1:]]


def _is_name(text):
    return normalize_name(text.strip()) in CATALOGUE


def _find(text: str) -> tuple[str, Rule]:
    if text in CATALOGUE:
        return TITLES.get(text, text), CATALOGUE[text].rule
    try:
        rule = parse_formula(text)
    except FormulaError as error:
        raise UserError(
            "must be names of the catalogue, which nos-optimizers lists, or formulas, with commas between them. "
            f"{describe_unknown(text, error)}"
        ) from None
    return rule.formula(), require_recordable(rule)


def describe_unknown(text: str, error: FormulaError) -> str:
    """What a text was that is neither a name of the catalogue nor, for this reason, a formula."""
    reason = str(error).splitlines()[0].replace("Argument `formula`", "it", 1).rstrip(":.")
    return f"Received: {shorten(text)!r}; as a formula, {reason}.{suggest_names(text)}"


def _check_names(text):
    """The `parse` of the flag."""
    try:
        find_known_optimizers(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return ",".join(split_names(text))


@dataclass(frozen=True)
class BaselineConfig:
    """The known optimizers to measure for comparison with the found rules."""

    GROUPS: ClassVar[dict[str, str]] = {"baselines": "what they are compared with"}

    baselines: str = flag(
        THE_TEN,
        "known optimizers to measure as well, a comma-separated list of nos-optimizers names or formulas",
        parse=_check_names,
        metavar="NAMES",
        default_text=THE_TEN.replace(",", ", "),
        earlier=THE_SIX,
    )

    @property
    def known_optimizers(self) -> dict[str, Rule]:
        """The rules of the flag, by their names in tables."""
        return find_known_optimizers(self.baselines)


KNOWN_OPTIMIZERS = find_known_optimizers(THE_TEN)


def name_known_optimizer(rule: Rule, known: Mapping[str, Rule]) -> str:
    """The name in tables of a rule that was measured as a known optimizer; its formula if it has none."""
    names = {one.canonical(): name for name, one in known.items()}
    return names.get(rule.canonical(), rule.formula())


def require_reward(known: Mapping[str, Evaluation]) -> None:
    """Checks that at least one known optimizer has a reward; otherwise the task is at fault, and no rule has one.

    Args:
      known: Evaluations of the known optimizers, by name.

    Raises:
      TaskFailed: If none has one; the message says what happened, and what to check.
    """
    if any(evaluation.reward > 0.0 for evaluation in known.values()):
        return
    firsts = {}
    for name, evaluation in known.items():
        message = shorten(" ".join(evaluation.message.split()).rstrip("."), 300)
        firsts.setdefault(evaluation.status, f"{name}: {message}")
    advice = [_ADVICE[status] for status in firsts if status in _ADVICE]
    raise TaskFailed(f"every known optimizer has the reward 0 ({'; '.join(firsts.values())}). {'. '.join(advice)}.")
