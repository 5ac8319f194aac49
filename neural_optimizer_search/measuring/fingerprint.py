"""By what it is seen that a task of the user's own is another one than before: its code, its data, its first loss."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from neural_optimizer_search.code_hash import hash_code
from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.tasks.task import Task

TOLERANCE = 1e-4  # of the untrained loss, relative: another machine rounds differently
# What rewards of such tasks depend on, beside `code_version.MODULES`.
MODULES = ("in_memory", "keras_child", "keras_task", "metric_scale")


@dataclass(frozen=True)
class Fingerprint:
    """What a task was when it was described.

    Attributes:
      code: A hash of each module of the task, by file; see `hash_files`. Empty for a task that is in no module.
      data: A hash of each part of the data: "train" and "validation".
      untrained: The loss of the untrained model, to 6 digits.
    """

    code: Mapping[str, str]
    data: Mapping[str, str]
    untrained: float

    def as_dict(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, recorded: Any) -> "Fingerprint":
        """The fingerprint that `as_dict` gave.

        Raises:
          ValueError: If it gave none such.
        """
        if not (isinstance(recorded, dict) and recorded.keys() == {"code", "data", "untrained"}):
            raise ValueError("its fingerprint of the task has other parts than code, data and untrained.")
        texts = [recorded["code"], recorded["data"]]
        if not all(isinstance(one, dict) and all(isinstance(text, str) for text in one.values()) for one in texts):
            raise ValueError("its fingerprint of the task has hashes that are no texts.")
        if type(recorded["untrained"]) not in (int, float):
            raise ValueError("its fingerprint of the task has an untrained loss that is no number.")
        return cls(**recorded)

    def describe_change(self, now: "Fingerprint") -> str:
        """What is another in the task as it is now, in words; "" if nothing is."""
        changes = [f"the code of {name}" for name in _changed(self.code, now.code)]
        changes += [f"the data of `{name}`" for name in _changed(self.data, now.data)]
        before, after = self.untrained, now.untrained
        if not (math.isclose(before, after, rel_tol=TOLERANCE) or before == after or math.isnan(before + after)):
            changes.append(f"the loss of the untrained model, from {before:.6g} to {after:.6g}")
        return ", ".join(changes)

    def identity(self, task: Task, protocol: Protocol) -> str:
        """A text that differs whenever a reward may, as `Task.identity` gives it of a shipped task."""
        loss = f"{self.untrained:.4g}"  # rounded, so that machines may share it
        package = hash_code(*(f"neural_optimizer_search.tasks.{name}" for name in MODULES))
        return " ".join([task.name, repr(protocol), _line(self.code), _line(self.data), loss, package])


def _changed(before, now):
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def _line(hashes):
    return " ".join(f"{name}={value}" for name, value in sorted(hashes.items()))
