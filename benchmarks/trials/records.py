"""The finished trials of a comparison, stored in a file so that none is repeated."""

import dataclasses
import json
import pathlib
from typing import Any

from benchmarks.trials.trials import Trial

Record = dict[str, Any]  # the fields of a trial, its result, and its setting


class OtherSetting(ValueError):
    """The records were made with another setting."""


class Records:
    """The finished trials of one comparison: a JSON Lines file with one line per trial, written as trials finish.

    Args:
      path: The file, which is created with the first record.
      setting: A frozen dataclass with everything that a result depends on besides the trial. None takes the setting
        from the file, for reading only.

    Attributes:
      setting: The setting without its sweep, in JSON types.

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
        if torn:  # the process was killed while it wrote this line, so the trial is repeated
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
        """Stores the result of a trial."""
        record = {**trial._asdict(), **result, "setting": self.setting}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as file:
            # A single write: if the process is killed, only the last line can be incomplete.
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
