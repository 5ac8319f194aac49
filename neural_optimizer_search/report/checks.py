"""What a ledger may hold: SQLite takes any value in any column, and a ledger may come from a stranger."""

from collections.abc import Iterable, Sequence
from typing import Any

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Sample

# A rule that nobody proposed could be a tree of 2^1000 words.
MAX_ITERATIONS = 64
MAX_WORDS = 1000


def check(config: Any, versions: Iterable[Any], evaluations: Sequence[Evaluation], samples: Sequence[Sample]) -> None:
    """Checks that a search can have written these.

    Args:
      config: What the ledger says of the search's configuration.
      versions: What the search was computed with, one entry for each time that it changed.
      evaluations: All evaluations of the ledger.
      samples: All samples of the ledger.

    Raises:
      ValueError: If no search writes such a value; the message says which.
    """
    if not all(isinstance(table, dict) for table in (config, *versions)):
        raise ValueError("its configuration or its versions are no table of names and values.")
    # Rules first: a message with the formula of a huge one would never be finished.
    for rule in {record.rule for record in (*evaluations, *samples)}:
        _check_size(rule)
    for evaluation in evaluations:
        wrong = _find_wrong_field(evaluation, _EVALUATION)
        if wrong:
            raise ValueError(f"the evaluation of {evaluation.rule.formula()} has a {wrong} of another type.")
    for sample in samples:
        wrong = _find_wrong_field(sample, _SAMPLE)
        if wrong:
            raise ValueError(f"a sample has a {wrong} of another type.")


def _check_size(rule):
    if rule.depth > MAX_ITERATIONS or _count_words(rule) > MAX_WORDS:
        raise ValueError(f"it has a rule of more than {MAX_WORDS} words or {MAX_ITERATIONS} iterations.")


def _count_words(rule):
    """The words of the rule as a tree, in which an output stands as often as it is read."""
    counts = []
    for op1, op2, *_ in rule.iterations:
        counts.append(3 + sum(counts[op] if isinstance(op, int) else 1 for op in (op1, op2)))
    return counts[-1]


def _find_wrong_field(record, allowed):
    """The name of the first field whose value its row of the table does not allow, or None."""
    return next((field for field, is_allowed in allowed.items() if not is_allowed(getattr(record, field))), None)


# -- What each field may hold ----------------------------------------------------------------------


def _is_text(value):
    return isinstance(value, str)


def _is_number(value):
    # JSON has whole numbers of any length, which cannot become a float.
    return isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**63)


def _is_number_or_none(value):
    return value is None or _is_number(value)


def _are_numbers(values):
    return all(map(_is_number, values))


def _is_sweep(pairs):
    return all(_is_number(rate) and _is_number_or_none(loss) for rate, loss in pairs)


_EVALUATION = {
    "reward": _is_number,
    "accuracy": _is_number,
    "seconds": _is_number,
    "rewards": _are_numbers,
    "learning_rate": _is_number_or_none,
    "sweep": _is_sweep,
    "status": _is_text,
    "message": _is_text,
    "key": _is_text,
}
_SAMPLE = {"reward": _is_number, "key": _is_text}
