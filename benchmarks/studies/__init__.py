"""Our own studies of the search, its rules and its speed, one per module, each a `Study`."""

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
    """A study cannot go on; the message is one sentence for the person who started it."""


@runtime_checkable
class Study(Protocol):
    """What a study is: a module with all that this says.

    Attributes:
      TITLE: One line, such as the question that it answers.
      Config: A frozen dataclass whose fields are flags (`neural_optimizer_search.flags.flag`).
    """

    TITLE: str
    Config: type

    def run(self, config: Any) -> dict[str, Any]:
        """Measures, prints a table that can be read, and returns the figures, which JSON can hold.

        Args:
          config: A `Config`.

        Raises:
          ValueError: If a flag has a value that is not allowed; the message is a line that begins with
            "argument --FLAG: ".
          FileNotFoundError: If something that it reads is missing.
          StudyFailed: If it cannot go on for another reason.
        """


def load_study(name: str) -> Study:
    """The module of a study; imported when it is needed, for each has libraries of its own."""
    return importlib.import_module(f"benchmarks.studies.{name}")
