"""The finished trials of a comparison, stored in a file so that none is repeated."""

import dataclasses
import json
import pathlib
from typing import Any

from benchmarks.trials.json_lines import JsonLines
from benchmarks.trials.trials import Trial
from neural_optimizer_search.user_error import UserError

Record = dict[str, Any]  # the fields of a trial, its result, and its setting
RESULTS = ("curve", "best", "diverged", "seconds")  # what each result has


class OtherSetting(UserError):
    """The records were made with another setting."""


class Records:
    """The finished trials of one comparison: a JSON Lines file with one line per trial, written as trials finish.

    Args:
      path: The file, which is created with the first record.
      setting: A frozen dataclass with everything that a result depends on besides the trial. None takes the setting
        from the file, for reading only.
      reads_only: Whether no trial will be added, so that another process may be adding some.

    Attributes:
      setting: The setting without its sweep, in JSON types.

    Raises:
      OtherSetting: If the file's records were made with another setting.
      Damaged: If a line is damaged; see `JsonLines`.
      InUse: If another process adds trials to the file.
    """

    def __init__(self, path: pathlib.Path, setting: Any, reads_only: bool = False):
        self._path, self._file = path, JsonLines(path)
        if not reads_only:
            self._file.hold()
        self._records = dict(self._file.read(_check))
        if setting is None:
            self.setting = next((record["setting"] for record in self._records.values()), {})
        else:
            self.setting = _without_sweep(setting)
        for record in self._records.values():
            known = record["setting"]
            self._require_same(known if setting is None else _with_newer_fields(known, setting))

    def _require_same(self, recorded):
        other = [name for name in {**recorded, **self.setting} if recorded.get(name) != self.setting.get(name)]
        if other:
            raise OtherSetting(
                f"{self._path} holds results of another setting: its {other[0]} is {recorded.get(other[0])!r:.100}, "
                f"and not {self.setting.get(other[0])!r:.100}. Choose another directory, or delete the file to train "
                "anew"
            )

    def __contains__(self, trial: Trial) -> bool:
        return trial in self._records

    def __len__(self) -> int:
        return len(self._records)

    def add(self, trial: Trial, result: dict[str, Any]) -> None:
        """Stores the result of a trial."""
        record = {**trial._asdict(), **result, "setting": self.setting}
        self._file.add(record)
        self._records[trial] = json.loads(json.dumps(record))

    def of(self, contender: str) -> list[Record]:
        """The records of a contender, in the order of the trials."""
        return [record for trial, record in self._records.items() if trial.contender == contender]

    @property
    def contenders(self) -> list[str]:
        """Names of all contenders, in the order of the trials."""
        return list(dict.fromkeys(trial.contender for trial in self._records))


def _check(record):
    """The trial of a record, and the record."""
    if missing := [name for name in ("setting", *RESULTS) if name not in record]:
        raise KeyError(missing[0])
    return trial_of(record), record


def trial_of(record: Record) -> Trial:
    """The trial of a record."""
    options = tuple(tuple(pair) for pair in record["options"])
    return Trial(record["contender"], record["learning_rate"], options, record["seed"])


def _without_sweep(setting):
    """The part of the setting that a result depends on, in JSON types: not the contenders or the number of trials."""
    return {name: value for name, value in _as_json(setting).items() if name != "sweep"}


def _with_newer_fields(recorded, setting):
    """Adds the defaults of fields newer than the record to its setting; the defaults keep the old behaviour."""
    complete = dict(recorded)
    for field in dataclasses.fields(setting):
        value = getattr(setting, field.name)
        if field.name not in recorded and field.name != "sweep" and field.default is not dataclasses.MISSING:
            complete[field.name] = _as_json(field.default)
        elif field.name in recorded and dataclasses.is_dataclass(value):
            complete[field.name] = _with_newer_fields(recorded[field.name], value)
    return complete


def _as_json(value):
    return json.loads(json.dumps(value, default=dataclasses.asdict))
