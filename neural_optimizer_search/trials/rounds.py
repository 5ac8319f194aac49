"""A round of trials, in which a worker tunes a rule further."""

import math
from collections.abc import Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.trials.first_trials import FirstTrials, find_other_schedules, find_trial_steps
from neural_optimizer_search.trials.known_setting import find_tunables_of
from neural_optimizer_search.trials.objective import Objective
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.study import Study, count_steps, find_value
from neural_optimizer_search.trials.tunables import round_off
from neural_optimizer_search.trials.written import Written, read_trials, write_trial

NEAR = (1.0, 1 / 3, 3.0)  # first rates, as factors of the one that the sweep chose after fewer steps than a trial has
RANDOM_TRIALS = 0  # proposals that follow from the first trials are better than random ones


class Round(NamedTuple):
    """The result of a round.

    Attributes:
      trials: Trials of the round, as `write_trial` returns them.
      evaluation: Evaluation of the best setting of all trials that was not measured before, trained with the
        protocol's seeds; None if there is none.
      steps: Gradient steps of the whole round, including the trials before an interruption.
    """

    trials: list[Written]
    evaluation: Optional[Evaluation]
    steps: int


def carry_on(
    evaluator: Evaluator,
    rule: Rule,
    measured: Sequence[Setting],
    trials: Sequence[Written],
    count: int,
    seed: int,
    begun: Sequence[Written] = (),
) -> Round:
    """Tries more settings of a rule, then measures the best unmeasured one as a search measures rules.

    Args:
      evaluator: The worker's evaluator.
      rule: The `Rule`, as it was measured.
      measured: The setting of its measurement, followed by the tuned settings from earlier rounds.
      trials: Trials of earlier rounds, in order.
      count: Number of trials of this round.
      seed: Seed of the trials.
      begun: The first trials of this round, if it was interrupted before.
    """
    p = evaluator.protocol
    objective = Objective(evaluator.train, p, p.reward, evaluator.uniform_loss)
    scale = objective.find_scale(rule) or 1.0
    tunables = find_tunables_of(measured[0], p, scale)
    before = read_trials([*trials, *begun], tunables, find_trial_steps(p))
    study = Study(objective, rule, tunables, _choose_first_trials(p, measured[0], scale), seed, before)
    for _ in range(count - len(begun)):
        study.run_trial()
    new = study.trials[len(trials) :]
    best, evaluation = _find_best(study, list(map(_round, measured))), None
    if best is not None:
        how = best.learning_rate, str(best.schedule), best.weight_decay
        evaluation = evaluator.measure_again(best.rule, *how, p.seeds)
    steps = objective.probe_steps + count_steps(new) + (evaluation.steps if evaluation else 0)
    return Round(list(map(write_trial, new)), evaluation, steps)


def _choose_first_trials(protocol, measured, scale):
    """Chooses rates near the one that the sweep chose, and schedules that were not tried."""
    rate = measured.learning_rate * scale
    middle = min(protocol.learning_rates, key=lambda one: abs(math.log(one / rate)))
    tried = {schedule.decay for schedule in protocol.schedules}
    others = [(name, times) for name, times in find_other_schedules(measured.schedule.decay) if name not in tried]
    return FirstTrials([times * middle for times in NEAR], others, RANDOM_TRIALS)


def _find_best(study, measured):
    """The best setting that was not measured; None if no trial with one trained to its end with a reward."""
    ranked = sorted((trial for trial in study.trials if find_value(trial) > 0.0), key=find_value, reverse=True)
    return next((one for one in map(study.find_setting, ranked) if one not in measured), None)


def _round(setting):
    """Rounds a setting in the same way as trials."""
    return Setting(setting.rule, round_off(setting.learning_rate), setting.schedule, round_off(setting.weight_decay))
