"""The scores 0 and 1 on each of several tasks: tuned SGD and tuned Adam, measured once per search."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import Evaluation, Part
from neural_optimizer_search.measuring.joint import Scales, join
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import BASELINE
from neural_optimizer_search.search.intervals import CONFIDENCE, find_probability
from neural_optimizer_search.search.waiting import wait_for_any
from neural_optimizer_search.workers.executor import Ask, Executor, TaskFailed

# A task moves ahead of those named earlier if they take more than this many times as long. Smaller factors may be
# timing noise, which must not make two searches with the same seed differ.
CHEAPER = 2.0
# The minimum lead of Adam over SGD, as a share of Adam's reward; with less, scores would be noise.
LEAST_SHARE = 0.005


class Anchors(NamedTuple):
    """The two optimizers that define the scores, as evaluations on all tasks.

    Attributes:
      sgd, adam: The evaluations, whose parts are in the order in which rules are measured on the tasks.
    """

    sgd: Evaluation
    adam: Evaluation

    @property
    def scales(self) -> Scales:
        """The rewards with the scores 0 and 1 on each task."""
        return {part.task: (part.zero, part.one) for part in self.adam.parts}


def open_anchors(
    executor: Executor, ledger: Ledger, tasks: Collection[str], on_wait: Callable[[str], None] = lambda work: None
) -> Anchors:
    """The `Anchors` of a search; they are measured if the ledger has none yet.

    Args:
      executor: An `Executor` whose workers have the tasks.
      ledger: The `Ledger` of the run.
      tasks: The names of the tasks.
      on_wait: See `wait_for_any`.

    Raises:
      TaskFailed: If they cannot be measured, or neither has a reward on some task.
      Damaged: If the ledger's anchors are of other tasks.
    """
    if not ledger.run.anchors:
        asked = [executor.submit(CATALOGUE[name].rule, Ask("measure_each")) for name in ("sgd", "adam")]
        for future in asked:
            wait_for_any(executor, [future], on_wait)
        sgd, adam = (_require_measured(future.result()) for future in asked)
        seconds = {task: sgd[task].seconds + adam[task].seconds for task in sgd}
        scales = {task: choose_scale(task, sgd[task], adam[task]) for task in choose_order(seconds)}
        both = (join(CATALOGUE[name].rule, found, scales) for name, found in (("sgd", sgd), ("adam", adam)))
        ledger.run.set_anchors(list(both))
    anchors = Anchors(*ledger.run.anchors)
    if sorted(anchors.scales) != sorted(tasks):
        raise Damaged("its anchors are of other tasks than its own.")
    return anchors


def record_anchors(
    anchors: Anchors, known: Iterable[Rule], screen: Callable[[Rule], Screening], ledger: Ledger
) -> None:
    """Records the anchors as the known optimizers that they are, so that these are not measured again.

    Args:
      anchors: The `Anchors`.
      known: The rules of the known optimizers of the search.
      screen: Rule -> `Screening`.
      ledger: The `Ledger` of the run.
    """
    measured = {e.rule.canonical(): e for e in anchors}
    recorded = {e.key for e in ledger.evaluations(BASELINE)}
    for rule in known:
        evaluation, screening = measured.get(rule.canonical()), screen(rule)
        if evaluation is not None and screening.key not in recorded:
            spelled = dict(rule=screening.rule, flipped=screening.flipped, key=screening.key)
            ledger.add_evaluation(dataclasses.replace(evaluation, **spelled), BASELINE)


def _require_measured(found):
    if isinstance(found, Evaluation):
        raise TaskFailed(f"tuned SGD and tuned Adam cannot be measured on all tasks: {found.message}")
    return found


def choose_order(seconds: Mapping[str, float]) -> list[str]:
    """The tasks in the given order, except that a task far cheaper than those before it moves ahead of them.

    Args:
      seconds: Duration on each task, in the given order.

    Example:
      >>> from neural_optimizer_search.search.anchors import choose_order
      >>> choose_order({"a": 30.0, "b": 3.1, "c": 3.0})
      ['b', 'c', 'a']
    """
    left, order = dict(seconds), []
    while left:
        least = min(left.values())
        order.append(next(task for task, taken in left.items() if taken <= CHEAPER * least))
        del left[order[-1]]
    return order


def choose_scale(task: str, sgd: Evaluation, adam: Evaluation) -> tuple[float, float]:
    """The rewards that have the scores 0 and 1 on a task: those of tuned SGD and of tuned Adam.

    If Adam is not better than SGD beyond the noise of the seeds, their difference cannot be the unit. The score is
    then the reward divided by the better of the two rewards.

    Args:
      task: The task's name.
      sgd, adam: Their evaluations on this task alone, with the same seeds.

    Raises:
      TaskFailed: If neither has a reward.
    """
    best = max(sgd.reward, adam.reward)
    if best <= 0.0:
        raise TaskFailed(
            f"neither tuned SGD nor tuned Adam has a reward on {task}, so that no rule can be compared with them "
            f"(SGD: {sgd.message} Adam: {adam.message})."
        )
    probability = find_probability([one - zero for zero, one in zip(sgd.rewards, adam.rewards)])
    is_beyond_noise = probability is None or probability >= CONFIDENCE
    is_a_unit = is_beyond_noise and adam.reward - sgd.reward >= LEAST_SHARE * adam.reward
    return (sgd.reward, adam.reward) if is_a_unit else (0.0, best)


def describe_scales(anchors: Anchors) -> list[str]:
    """The rewards with the scores 0 and 1, one line per task."""
    return [_describe_scale(sgd, adam) for sgd, adam in zip(anchors.sgd.parts, anchors.adam.parts)]


def _describe_scale(sgd: Part, adam: Part):
    # If the score 0 is the reward 0 of SGD, this is both: what SGD has, and a share of Adam's reward.
    is_share = adam.zero == 0.0 and sgd.reward > 0.0
    if is_share:
        return (
            f"{sgd.task}: tuned Adam ({adam.reward:.4f}) is no better than tuned SGD ({sgd.reward:.4f}) beyond seed "
            f"noise: the score there is reward / {adam.one:.4f}."
        )
    return (
        f"{sgd.task}: the reward {sgd.reward:.4f} of tuned SGD has the score 0, and {adam.reward:.4f} of tuned Adam "
        "the score 1."
    )
