"""Studies of the search, its rules and its speed: one `Study` per module."""

import importlib
from typing import Any, Protocol, runtime_checkable

STUDIES = (
    "depth1_table",
    "search_algorithms",
    "alike_rules",
    "staged_sweep",
    "racing",
    "task_discrimination",
    "screen_rejections",
    "evaluation_speed",
    "search_throughput",
    "real_search",
    "same_steps",
    "proposals",
    "own_models",
    "transfer",
    "archive",
    "leave_one_out",
    "learned_optimizers",
    "scaling",
    "optimizer_step",
    "backends",
    "own_model_speed",
    "worker_memory",
    "ledger_growth",
    "stock_optimizers",
    "tuning",
    "schedules_and_constants",
)


class StudyFailed(Exception):
    """Raised when a study cannot go on; the message is one sentence for the user."""


@runtime_checkable
class Study(Protocol):
    """The interface of a study module.

    Attributes:
      TITLE: One line, such as the question that the study answers.
      Config: A frozen dataclass whose fields are flags (`neural_optimizer_search.flags.flag`).
    """

    TITLE: str
    Config: type

    def run(self, config: Any) -> dict[str, Any]:
        """Measures, prints a readable table, and returns the figures as JSON-serializable values.

        Args:
          config: A `Config`.

        Raises:
          UserError: If a flag has a value that is not allowed; the message is a line that begins with
            "argument --FLAG: ".
          FileNotFoundError: If an input of the study is missing.
          StudyFailed: If the study cannot go on for another reason.
        """


def load_study(name: str) -> Study:
    """Imports the module of a study, only when it is needed: each study needs different libraries."""
    return importlib.import_module(f"benchmarks.studies.{name}")
