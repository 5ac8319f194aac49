"""Recognizes changes of a user's own task by its code, its data and its metric."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from neural_optimizer_search.code_hash import hash_code, hash_files
from neural_optimizer_search.schedule_shape import CONSTANT
from neural_optimizer_search.tasks.named_task import is_same_loss
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task

# The modules on which rewards of such tasks depend, besides `code_version.MODULES`.
MODULES = (
    "batch_store", "class_weights", "fit_batches", "in_memory", "keras_child", "keras_task", "metric_scale",
    "user_arrays",
)  # fmt: skip
_NUMBERS = {
    "untrained": "the loss of the untrained model",
    "trained": "the loss after a training with Adam",
    "worst": "the metric's value with the score 0",
    "best": "the metric's value with the score 1",
}


@dataclass(frozen=True)
class Fingerprint:
    """The state of a task when it was described.

    Attributes:
      code: A hash of each module of the task, by file; see `hash_files`. Empty for a task that is not in a module.
      data: A hash of each part of the data: "train" and "validation".
      untrained: The loss of the untrained model, to 6 digits.
      trained: Its loss after a run with Adam, to 6 digits. It reveals changes that affect only training, such as of a
        dropout rate that the module reads from a file.
      metric: The name of the metric from which the score is computed.
      worst, best: The values of the metric that have the scores 0 and 1, to 6 digits.
      schedules: The texts of the schedules with which rules are measured; a task may use this package's default.
    """

    code: Mapping[str, str]
    data: Mapping[str, str]
    untrained: float
    trained: float
    metric: str
    worst: float
    best: float
    schedules: str = str(CONSTANT)

    def as_dict(self) -> dict[str, Any]:
        """The fingerprint as a JSON-able dict."""
        return asdict(self)

    @classmethod
    def from_dict(cls, recorded: Any) -> "Fingerprint":
        """Restores a fingerprint from the result of `as_dict`.

        Raises:
          ValueError: If `as_dict` cannot have returned this.
        """
        names = [field.name for field in fields(cls)]
        # Fingerprints from before schedules were introduced lack them.
        recorded = {"schedules": cls.schedules, **recorded} if isinstance(recorded, dict) else recorded
        if not (isinstance(recorded, dict) and recorded.keys() == set(names)):
            raise ValueError(f"its fingerprint of the task has other parts than {', '.join(names)}.")
        texts = [recorded["code"], recorded["data"]]
        if not all(isinstance(one, dict) and all(isinstance(text, str) for text in one.values()) for one in texts):
            raise ValueError("its fingerprint of the task has hashes that are not texts.")
        for name in ("metric", "schedules"):
            if not isinstance(recorded[name], str):
                raise ValueError(f"its fingerprint of the task has no text for {name}.")
        for name in _NUMBERS:
            if type(recorded[name]) not in (int, float):
                raise ValueError(f"its fingerprint of the task has no number for {name}.")
        return cls(**recorded)

    def is_of_code(self, module: str) -> bool:
        """Whether an imported module, with the neighbouring modules that it imports, has this code."""
        return self.code == hash_files(module)

    def describe_change(self, now: "Fingerprint") -> str:
        """The changes of the task since this fingerprint, in words; "" if there are none."""
        changes = [f"the code of {name}" for name in _changed(self.code, now.code)]
        changes += [f"the data of `{name}`" for name in _changed(self.data, now.data)]
        if self.metric != now.metric:
            changes.append(f"the metric, from {self.metric} to {now.metric}")
        if self.schedules != now.schedules:
            changes.append(f"the schedules of the learning rate, from {self.schedules} to {now.schedules}")
        for name, what in _NUMBERS.items():
            before, after = getattr(self, name), getattr(now, name)
            if not is_same_loss(before, after):
                changes.append(f"{what}, from {before:.6g} to {after:.6g}")
        return ", ".join(changes)

    def identity(self, task: Task, protocol: Protocol) -> str:
        """A text that differs whenever a reward may differ, like `Task.identity` of a shipped task."""
        # Rounded, so that different machines get the same text.
        numbers = " ".join(f"{number:.4g}" for number in (getattr(self, name) for name in _NUMBERS))
        package = hash_code(*(f"neural_optimizer_search.tasks.{name}" for name in MODULES))
        return " ".join(
            [
                task.name,
                repr(protocol),
                _line(self.code),
                _line(self.data),
                self.metric,
                self.schedules,
                numbers,
                package,
            ]
        )


def _changed(before, now):
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def _line(hashes):
    return " ".join(f"{name}={value}" for name, value in sorted(hashes.items()))
