"""Records the first gradients of a task, by which a search recognizes rules that behave alike."""

from collections.abc import Callable

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.waiting import wait_for_any
from neural_optimizer_search.workers.executor import Ask, Executor, TaskFailed

# A few steps, however long a measurement takes.
DESCENT = Ask("record_descent", measures=False)


def record_descent(executor: Executor, ledger: Ledger, on_wait: Callable[[str], None] = lambda work: None) -> bool:
    """Records the first gradients of the task's child in the ledger, unless it has them.

    A worker records them once, and the ledger keeps them, so a resumed search distinguishes rules as before.

    Args:
      executor: An `Executor` whose workers have the task.
      ledger: The `Ledger` of the run.
      on_wait: See `wait_for_any`.

    Returns:
      Whether the ledger has them: if the very first ones are not finite, nothing is known about the task.

    Raises:
      TaskFailed: If no worker can record them.
    """
    if ledger.run.descent is None:
        asked = executor.submit(CATALOGUE["adam"].rule, DESCENT)
        wait_for_any(executor, [asked], on_wait)
        recorded = asked.result()
        if isinstance(recorded, Evaluation):
            raise TaskFailed(f"the first gradients of the task cannot be recorded: {recorded.message}")
        if not recorded["gradients"]:
            return False
        ledger.run.set_descent(recorded)
    return True
