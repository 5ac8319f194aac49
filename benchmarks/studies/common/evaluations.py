"""Full measurements of rules on a task, without racing, stored in a file and never repeated."""

import pathlib
from collections.abc import Sequence
from typing import Optional

from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.shared_flags import find_protocol
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.rows import from_row, to_row, write_rule
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.workers.config import WorkerConfig


def evaluate_rules(
    name: str, protocol: str, rules: Sequence[Rule], path: pathlib.Path, workers: Optional[int] = None
) -> list[Evaluation]:
    """The evaluations of rules, in order; the status of a rule that cannot be measured says so.

    Args:
      name: Name of the task, as for --task.
      protocol: The name of one of its protocols.
      rules: `Rule`s.
      path: The file that stores the measurements, each with the fields of its protocol.
      workers: Number of rules to measure at a time; None for one per core.
    """
    task, kept = find_task(name), Kept(path)
    chosen = find_protocol(task, protocol, racing=None)
    of = [dict(task=name, protocol=repr(chosen), rule=write_rule(rule)) for rule in rules]
    if missing := kept.find_missing(of):
        with WorkerConfig(workers=workers).open_executor(task, chosen, None) as executor:
            kept.add_finished({executor.submit(rules[i]): of[i] for i in missing}, "rule", to_row)
    return [from_row(kept[one]) for one in of]
