"""Evaluations and samples as rows of SQLite, which takes any value in any column.

Values that no search writes raise `Damaged`: a ledger may come from a stranger, and files may be corrupted.
"""

import dataclasses
import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional, get_origin

from neural_optimizer_search.command_line import shorten
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import MEASURED, Evaluation, Part
from neural_optimizer_search.measuring.probe import Descent
from neural_optimizer_search.measuring.recording import make_descent
from neural_optimizer_search.records.allowed_values import (
    EVALUATION,
    PART,
    SAMPLE,
    is_number,
    is_schedule,
    is_text,
    require_allowed,
)
from neural_optimizer_search.schedule_shape import is_weight_decay
from neural_optimizer_search.user_error import UserError

_JSON_FIELDS = [field.name for field in dataclasses.fields(Evaluation) if get_origin(field.type) is tuple]
# The columns of an evaluation. Their order is that of the cache's table.
COLUMNS = ("rule", *(name for name in EVALUATION if name != "curves"), "parts")
FRESH_COLUMNS = (*COLUMNS, "curves")  # columns of an evaluation with fresh seeds

# A worker keeps the output of each iteration, which is as large as the weights, even if nothing reads it.
MAX_ITERATIONS = 64


class Sample(NamedTuple):
    """A rule that an algorithm proposed, or whose constants were tuned.

    Attributes:
      step: The number of the batch, in the order in which the algorithm learned from them.
      rule: The `Rule` as it was spelled.
      reward: Its reward.
      key: The key of its evaluation; "" if the screen stopped it.
      staleness: Number of batches from which the algorithm learned between proposing this one and learning from it.
      alike: Whether its evaluation is that of another function, which behaves alike.
      tuned: Whether its constants were tuned, so that no algorithm proposed it; the reward is for these constants.
    """

    step: int
    rule: Rule
    reward: float
    key: str
    staleness: int = 0
    alike: bool = False
    tuned: bool = False

    @property
    def screened(self) -> bool:
        """Whether the screen stopped it, so that no child was trained."""
        return not self.key


class Start(NamedTuple):
    """A rule that a search proposes first, or with which a tuning begins.

    Attributes:
      rule: The `Rule`.
      tuned: Learning rate, schedule and weight decay with which another run found or tuned it; None without one.
    """

    rule: Rule
    tuned: Optional[tuple[float, str, float]] = None


class Tuning(NamedTuple):
    """A round in which the constants of a rule were tuned.

    Attributes:
      form: The key of the evaluation of the rule as it was proposed.
      round: Its number among the rounds of this rule, from 0.
      step: The step of the search in which its results were used for learning, or would have been.
      steps: Gradient steps that it took.
      trials: Its trials, as `write_trial` returns them; empty if it failed, or measured a setting from another run.
    """

    form: str
    round: int
    step: int
    steps: int
    trials: tuple[dict[str, Any], ...]

    @property
    def key(self) -> str:
        """The key of the evaluation of its result, if it has one."""
        return f"{self.form} #{self.round}"


def to_tuning(form: str, number: int, step: int, steps: int, trials: str) -> Tuning:
    """The `Tuning` of a row.

    Raises:
      Damaged: If no search writes such a row.
    """
    try:
        found = json.loads(trials)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"the trials of {form:.100} are not a list: {error!s:.100}.") from error
    if not (isinstance(found, list) and all(isinstance(one, dict) for one in found)):
        raise Damaged(f"the trials of {form:.100} are not a list of trials.")
    return Tuning(form, number, step, steps, tuple(found))


def to_row(evaluation: Evaluation, columns: Sequence[str] = COLUMNS) -> dict[str, Any]:
    """An `Evaluation` as values that SQLite can store, by column."""
    row = {**vars(evaluation), "rule": write_rule(evaluation.rule)}
    row["parts"] = [part._asdict() for part in evaluation.parts]
    row.update({field: json.dumps(row[field]) for field in _JSON_FIELDS})
    return {column: row[column] for column in columns}


def insert_row(db: sqlite3.Connection, table: str, row: Mapping[str, Any], on_conflict: str = "ABORT") -> None:
    """Inserts a row into a table of SQLite.

    Args:
      db: The connection.
      table: The table's name.
      row: The values by column.
      on_conflict: What to do if the row's key exists: "ABORT", with an error, "REPLACE" or "IGNORE".
    """
    columns, places = ", ".join(row), ", ".join("?" * len(row))
    db.execute(f"INSERT OR {on_conflict} INTO {table} ({columns}) VALUES ({places})", list(row.values()))


def from_row(row: Mapping[str, Any]) -> Evaluation:
    """The inverse of `to_row`.

    Raises:
      Damaged: If no search writes such a row.
    """
    row, rule = dict(row), read_rule(row["rule"])
    try:
        row.update({field: tuple(json.loads(row[field])) for field in _JSON_FIELDS if field in row})
        row["sweep"] = tuple((rate, loss) for rate, loss in row["sweep"])
        row["curves"] = tuple(map(tuple, row.get("curves", ())))
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"the evaluation of {rule.formula():.100} is invalid: {error!s:.100}.") from error
    what = f"the evaluation of {rule.formula():.100}"
    require_allowed(row, EVALUATION, lambda: what)
    row["parts"] = tuple(_read_part(part, what) for part in row["parts"])
    row.update(rule=rule, flipped=bool(row["flipped"]), cached=bool(row["cached"]))
    return Evaluation(**row)


def _read_part(fields, what):
    """A `Part` from the result of its `_asdict`; raises `Damaged` if it is invalid."""
    if not isinstance(fields, dict) or fields.keys() != set(Part._fields):
        raise Damaged(f"{what}: a part has other names than {', '.join(Part._fields)}.")
    require_allowed(fields, PART, lambda: f"{what}, a part")
    part = Part(**{**fields, "rewards": tuple(fields["rewards"])})
    if not (part.zero < part.one and is_number(part.score)):
        raise Damaged(f"{what}: a part has the scores 0 and 1 at {part.zero:.6g} and {part.one:.6g}.")
    return part


def check_parts(evaluation: Evaluation) -> Evaluation:
    """Returns the evaluation if its reward matches its parts; else raises `Damaged`. Stopped rules have estimates."""
    parts = evaluation.parts
    # A rule that diverges on the first task has no reward.
    if parts and evaluation.status in MEASURED and evaluation.reward:
        worth = sum(part.score for part in parts) / len(parts)
        if not math.isclose(evaluation.reward, worth, rel_tol=1e-9, abs_tol=1e-12):
            raise Damaged(f"the reward of {evaluation.rule.formula():.100} is not the mean of its tasks' scores.")
    return evaluation


def check_sample(sample: Sample) -> Sample:
    """Returns the sample if a search can have written it; else raises `Damaged`."""
    require_allowed(sample._asdict(), SAMPLE, lambda: "a sample")
    return sample


def write_rule(rule: Rule) -> str:
    """A `Rule` as text: its iterations and, where they differ from the papers', its constants."""
    constants = rule.constants.changes()
    return json.dumps({"iterations": rule.iterations, "constants": constants} if constants else rule.iterations)


def read_rule(text: Any) -> Rule:
    """The inverse of `write_rule`.

    Raises:
      Damaged: If the text is not a rule, or one that no search proposes.
    """
    try:
        rule = _make_rule(json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise Damaged(f"it has an invalid rule: {error!s:.300}") from error
    if rule.depth > MAX_ITERATIONS:
        raise Damaged(f"it has a rule of more than {MAX_ITERATIONS} iterations.")
    return rule


def require_recordable(rule: Rule) -> Rule:
    """The rule as a run reads it back.

    Raises:
      UserError: If no run can hold it.
    """
    if rule.depth > MAX_ITERATIONS:
        raise UserError(
            f"must be rules that a run can hold: of no more than {MAX_ITERATIONS} iterations. Received one of "
            f"{rule.depth}, {shorten(rule.formula())!r}. Give one with fewer words."
        )
    return read_rule(write_rule(rule))


def write_start(start: Start) -> Any:
    """A `Start` as plain values, which can be written to JSON."""
    rule = write_rule(start.rule)
    return rule if start.tuned is None else [rule, *start.tuned]


def read_start(written: Any) -> Start:
    """The inverse of `write_start`.

    Raises:
      Damaged: If the values are not a `Start`.
    """
    if not isinstance(written, list):
        return Start(read_rule(written))
    kinds = (is_text, is_number, is_schedule, is_weight_decay)
    if len(written) != len(kinds) or not all(is_kind(x) for is_kind, x in zip(kinds, written)):
        raise Damaged(f"it starts with an invalid setting: {written!r:.100}")
    return Start(read_rule(written[0]), tuple(written[1:]))


def read_descent(recorded: Mapping[str, Any]) -> Descent:
    """The `Descent` that a search recorded; raises `Damaged` if it is invalid."""
    try:
        return make_descent(recorded)
    except ValueError as error:
        raise Damaged(f"{error}.") from error


def read_batch_size(row: Any) -> tuple[int, Optional[int]]:
    """A row of `RunTable.earlier_batch_sizes`; raises `Damaged` if it is invalid."""
    is_pair = isinstance(row, list) and len(row) == 2 and type(row[0]) is int
    if not is_pair or not (row[1] is None or (type(row[1]) is int and row[1] > 0)):
        raise Damaged("its batch sizes are not pairs of the number of a proposal and a size.")
    return row[0], row[1]


def _make_rule(content):
    if not isinstance(content, dict):
        return Rule(content)
    rule = Rule(content.pop("iterations", None), Constants.from_changes(content.pop("constants", {})))
    if content or not rule.constants.changes():
        raise ValueError(
            "apart from iterations, it must have constants that differ from the papers', and nothing else."
        )
    return rule
