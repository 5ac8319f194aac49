"""The finished trials of a comparison, kept in a file, so that none is made twice."""

import dataclasses
import json
import pathlib
from typing import Any

from benchmarks.trials.trials import Trial

Record = dict[str, Any]  # the fields of a trial, its result, and its setting


class OtherSetting(ValueError):
    """Records that were made with another setting than this one."""


class Records:
    """The finished trials of one comparison: a file of JSON lines, a line each, written as they come.

    Args:
      path: The file; made with the first record.
      setting: A frozen dataclass with all that a result depends on beside the trial; None, to read a file: its own.

    Attributes:
      setting: The setting without its sweep, as JSON has it.

    Raises:
      OtherSetting: If the file's records were made with another setting.
    """

    def __init__(self, path: pathlib.Path, setting: Any):
        self._path, self.setting = path, {} if setting is None else _without_sweep(setting)
        self._records = {}
        if path.exists():
            self._read(setting)

    def _read(self, setting):
        *lines, torn = self._path.read_text().split("\n")
        if torn:  # a line without an end was cut off by a kill: that trial is done again
            self._path.write_text("".join(f"{line}\n" for line in lines))
        for line in lines:
            record = json.loads(line)
            if setting is None:
                self.setting = record["setting"]
            recorded = record["setting"] if setting is None else _with_newer_fields(record["setting"], setting)
            if recorded != self.setting:
                other = {k for k, v in recorded.items() if self.setting.get(k) != v}
                raise OtherSetting(
                    f"{self._path} holds results of another setting ({', '.join(sorted(other))}). Delete it, or "
                    "choose another directory with --out"
                )
            self._records[trial_of(record)] = record

    def __contains__(self, trial: Trial) -> bool:
        return trial in self._records

    def __len__(self) -> int:
        return len(self._records)

    def add(self, trial: Trial, result: dict[str, Any]) -> None:
        """Keeps the result of a trial."""
        record = {**trial._asdict(), **result, "setting": self.setting}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as file:
            # One write: a kill leaves a whole line, or a torn one at the end.
            file.write(json.dumps(record) + "\n")
        self._records[trial] = json.loads(json.dumps(record))

    def of(self, contender: str) -> list[Record]:
        """The records of a contender, in the order of the trials."""
        return [record for trial, record in self._records.items() if trial.contender == contender]

    @property
    def contenders(self) -> list[str]:
        """Names of all contenders, in the order of the trials."""
        return list(dict.fromkeys(trial.contender for trial in self._records))


def trial_of(record: Record) -> Trial:
    """The trial that a record is about."""
    options = tuple(tuple(pair) for pair in record["options"])
    return Trial(record["contender"], record["learning_rate"], options, record["seed"])


def _without_sweep(setting):
    """What a result depends on, as JSON: the other contenders, and the number of trials, are not part of it."""
    return {name: value for name, value in _as_json(setting).items() if name != "sweep"}


def _with_newer_fields(recorded, setting):
    """A recorded setting with the defaults of fields that are newer than the record: they change nothing old."""
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
