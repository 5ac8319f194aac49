"""Tunes a rule: runs trials within a budget of gradient steps, then repeats the best ones with fresh seeds."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Optional, Protocol, Union

from optuna.trial import FrozenTrial

from neural_optimizer_search.arguments import check_int
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.search.named_rules import find_rule
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.tasks import protocol as task_protocol
from neural_optimizer_search.tasks.task import Task
from neural_optimizer_search.trials.first_trials import count_first_trials, count_probe_steps, find_trial_steps
from neural_optimizer_search.trials.known_setting import find_space
from neural_optimizer_search.trials.objective import AnyObjective
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.study import Study, count_steps, find_importances, find_value, is_complete
from neural_optimizer_search.trials.tunables import Tunable, round_off
from neural_optimizer_search.tuning.objective import TaskObjective
from neural_optimizer_search.tuning.plan import (
    FINALISTS,
    OWN_FINALISTS,
    REWARD,
    SEEDS,
    Plan,
    check_steps,
    choose_fresh_seeds,
    find_default_steps,
    find_reserve,
)
from neural_optimizer_search.tuning.result import Measured, Tuned, TuningResult


class NothingTrained(RuntimeError):
    """No training ran to its end with a reward."""


class Memory(Protocol):
    """The measurements so far, which the command keeps in a file."""

    trials: list[FrozenTrial]
    fresh: dict[tuple[int, int], float]  # (number of a trial, fresh seed) -> reward of that training
    scale: Optional[float]  # root mean square of the rule's updates, if its known setting needed it

    def set_scale(self, scale: float) -> None:
        """Sets the scale of the rule's updates."""

    def add_trial(self, trial: FrozenTrial) -> None:
        """Adds a trial."""

    def add_fresh(self, number: int, seed: int, value: float) -> None:
        """Adds the reward of a trial's setting with a fresh seed."""


class InMemory:
    """A memory that lasts as long as the process."""

    def __init__(self) -> None:
        self.trials: list[FrozenTrial] = []
        self.fresh: dict[tuple[int, int], float] = {}
        self.scale: Optional[float] = None

    def set_scale(self, scale: float) -> None:
        """Sets the scale of the rule's updates."""
        self.scale = scale

    def add_trial(self, trial: FrozenTrial) -> None:
        """Adds a trial."""
        self.trials.append(trial)

    def add_fresh(self, number: int, seed: int, value: float) -> None:
        """Adds the reward of a trial's setting with a fresh seed."""
        self.fresh[number, seed] = value


# (gradient steps so far, a note)
Watch = Callable[[int, str], None]


def tune(
    task: Union[Task, str],
    rule: Union[Rule, str],
    steps: Optional[int] = None,
    seed: int = 0,
    seeds: int = SEEDS,
    protocol: str = "default",
    reward: str = REWARD,
    data_dir: Optional[str] = None,
) -> TuningResult:
    """Tunes the learning rate, schedule, warm-up, weight decay and all constants of a rule on a task.

    Args:
      task: A `Task` such as a `KerasTask`, or a name for `find_task`.
      rule: A `Rule`; or text: RUN#K, the K-th best rule of the run in directory RUN, a name of the catalogue, or a
        formula. If the run or the catalogue also has a setting for it, that setting is tried first; of several, the
        one for this task.
      steps: Gradient steps that all trainings together may take; None for 200 trainings.
      seed: Seed of the proposals. The same arguments give the same result.
      seeds: Number of fresh seeds with which the best settings are trained at the end.
      protocol: The name of one of the task's protocols, which sets the length of a training.
      reward: A key of `REWARDS`, which sets how a training is scored. The default is the quality at its end: the mean
        of the last third of the validations.
      data_dir: Where the task finds its data; see the task.

    Returns:
      A `TuningResult`. All its rewards are measured on validation data.

    Raises:
      ValueError: If an argument is invalid, or `steps` is too small; the message says how many are needed.
      NothingTrained: If no training has a reward.

    Example:
      >>> from neural_optimizer_search.tuning import tune
      >>> result = tune("digits_mlp", "sign(g) * m", steps=600, seeds=2, protocol="reduced")
      >>> sorted(one.name for one in result.tuned)
      ['beta_1', 'rate', 'schedule', 'warm-up', 'weight decay']
    """
    task = find_task(task) if isinstance(task, str) else task
    if protocol not in task.protocols:
        raise ValueError(f"Argument `protocol` must be one of: {', '.join(task.protocols)}. Received: {protocol!r}.")
    if reward not in task_protocol.REWARDS:
        allowed = ", ".join(task_protocol.REWARDS)
        raise ValueError(f"Argument `reward` must be one of: {allowed}. Received: {reward!r}.")
    start = find_rule(rule, task.name) if isinstance(rule, str) else Start(rule)
    chosen = task.protocols[protocol]
    steps = find_default_steps(chosen) if steps is None else check_int("steps", steps, "an int > 0", lambda n: n > 0)
    plan = Plan(
        steps,
        check_int("seed", seed, "an int >= 0", lambda number: number >= 0),
        choose_fresh_seeds(check_int("seeds", seeds, "an int > 0", lambda count: count > 0), chosen),
        find_known_setting(start),
    )
    check_steps(chosen, plan)
    return carry_out(TaskObjective(task, chosen, reward, data_dir), start.rule, chosen, plan, InMemory())


def find_known_setting(start: Start) -> Optional[Setting]:
    """The setting that is known for a rule, rounded like all that are tried; None without one."""
    if start.tuned is None:
        return None
    rate, schedule, weight_decay = start.tuned
    return Setting(start.rule, round_off(rate), parse_schedule(schedule), round_off(weight_decay))


# -- The work --------------------------------------------------------------------------------------


def carry_out(
    objective: AnyObjective,
    rule: Rule,
    protocol: task_protocol.Protocol,
    plan: Plan,
    memory: Memory,
    watch: Watch = lambda steps, note: None,
) -> TuningResult:
    """Continues a tuning from the measurements in a memory to the result.

    Args:
      objective: The objective of the protocol.
      rule: The `Rule`.
      protocol: The `Protocol`.
      plan: A `Plan` for which `check_steps` raises nothing.
      memory: A `Memory`, to which measurements are added.
      watch: Called after each training.

    Raises:
      NothingTrained: If no training has a reward.
    """
    objective.prepare(plan.seeds)
    if plan.known is not None and memory.scale is None:
        memory.set_scale(objective.find_scale(rule) or 1.0)  # no trial trains if it is not finite
    tunables, first = find_space(rule, protocol, plan.known, memory.scale)
    study = Study(objective, rule, tunables, first, plan.seed, memory.trials)
    left = plan.steps - find_reserve(protocol, plan)
    least = count_first_trials(protocol)
    best = max(map(find_value, study.trials), default=0.0)
    while count_spent(memory, protocol) + find_trial_steps(protocol) <= left:
        trial = study.run_trial()
        memory.add_trial(trial)
        best = max(best, find_value(trial))
        if best == 0.0 and len(study.trials) >= least:
            break  # a trial that fails at once costs nothing, so the loop would never end
        watch(count_spent(memory, protocol), f"best {best:.4f}")
    finalists = _measure_again(
        objective, study, plan, memory, lambda note: watch(count_spent(memory, protocol), note)
    )
    return _conclude(finalists, study, tunables, plan, count_spent(memory, protocol))


def count_spent(memory: Memory, protocol: task_protocol.Protocol) -> int:
    """The gradient steps of all trainings in a memory, with those of settings that were finalists earlier."""
    probe = 0 if memory.scale is None else count_probe_steps(protocol)
    return probe + count_steps(memory.trials) + len(memory.fresh) * protocol.final_steps


def count_owed(
    objective: AnyObjective, rule: Rule, protocol: task_protocol.Protocol, plan: Plan, memory: Memory
) -> int:
    """The gradient steps that the best trials so far still need with fresh seeds; see `carry_out`."""
    tunables, first = find_space(rule, protocol, plan.known, memory.scale)
    study = Study(objective, rule, tunables, first, plan.seed, memory.trials)
    needed = {(trial.number, seed) for trial in choose_finalists(study) for seed in plan.seeds}
    return len(needed - memory.fresh.keys()) * protocol.final_steps


def choose_finalists(study: Study) -> list[FrozenTrial]:
    """Chooses the trials to measure again: the best of the rule as it was given, and the best of the others.

    Only the best of several trials with the same setting counts.
    """
    ranked = sorted((t for t in study.trials if find_value(t) > 0.0), key=lambda t: (-find_value(t), t.number))
    different: dict[Setting, FrozenTrial] = {}
    for trial in ranked:
        different.setdefault(study.find_setting(trial), trial)
    own = [trial for trial in different.values() if study.is_own(trial)]
    others = [trial for trial in different.values() if not study.is_own(trial)]
    return [*own[:OWN_FINALISTS], *others[:FINALISTS]]


def _measure_again(objective, study, plan, memory, tell):
    chosen = choose_finalists(study)
    if not chosen:
        raise NothingTrained("no setting trained to its end with a reward above 0.")
    for seed in plan.seeds:
        for trial in chosen:
            if (trial.number, seed) not in memory.fresh:
                value = objective.train_whole(study.find_setting(trial), seed)
                memory.add_fresh(trial.number, seed, value)
            tell("the best with fresh seeds")
    finalists = [
        Measured(
            study.find_setting(trial),
            study.find_values(trial),
            find_value(trial),
            tuple(memory.fresh[trial.number, seed] for seed in plan.seeds),
            study.is_own(trial),
        )
        for trial in chosen
    ]
    return sorted(finalists, key=lambda one: -one.mean)


def _conclude(finalists, study, tunables, plan, steps):
    trials = study.trials
    return TuningResult(
        best=finalists[0],
        own=next((one for one in finalists if one.is_own), None),
        finalists=tuple(finalists),
        tuned=_describe_tuned(finalists[0], study, tunables, plan.known),
        trials=len(trials),
        pruned=sum(not is_complete(trial) for trial in trials),
        steps=steps,
        seeds=plan.seeds,
    )


def _describe_tuned(
    best: Measured, study: Study, tunables: Sequence[Tunable], known: Optional[Setting]
) -> tuple[Tuned, ...]:
    # The tunables have the rate and the weight decay for updates of scale 1.
    given = {} if known is None else {"rate": known.learning_rate, "weight decay": known.weight_decay}
    complete = sorted(filter(is_complete, study.trials), key=find_value, reverse=True)
    values = [study.find_values(trial) for trial in complete[: max(1, math.ceil(len(complete) / 10))]]
    importances = find_importances(study.free_trials)
    tuned = []
    for one in tunables:
        own, among_best = given.get(one.name, one.own), _summarize(one, values)
        tuned.append(Tuned(one.name, importances.get(one.name), own, best.values[one.name], among_best))
    return tuple(sorted(tuned, key=lambda one: -(one.importance or 0.0)))


def _summarize(tunable, values: Sequence[dict[str, Any]]):
    seen = [value[tunable.name] for value in values]
    if isinstance(tunable.scale, tuple):
        return tuple(choice for choice in tunable.scale if choice in seen)
    return min(seen), max(seen)
