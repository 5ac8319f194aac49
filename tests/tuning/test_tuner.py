"""A tuning: its trials, its budget, its end; and that it goes on as if it had not been stopped."""

import copy
import dataclasses
import math

import pytest
from fake_objective import PROTOCOL, STEPS, FakeObjective

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.schedule_shape import Schedule
from neural_optimizer_search.trials.first_trials import RANDOM_TRIALS, choose_first_trials, find_own_rates
from neural_optimizer_search.trials.known_setting import find_space
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.trials.study import (
    TRIALS_FOR_IMPORTANCES,
    Study,
    find_importances,
    find_value,
    is_complete,
)
from neural_optimizer_search.trials.tunables import find_tunables
from neural_optimizer_search.tuning.plan import (
    FINALISTS,
    OWN_FINALISTS,
    Plan,
    check_steps,
)
from neural_optimizer_search.tuning.tuner import (
    InMemory,
    NothingTrained,
    carry_out,
    choose_finalists,
    find_known_setting,
)

pytestmark = pytest.mark.once

RULE = parse_formula("sign(g) * m")
SEEDS = (2, 3)


KNOWN = Setting(RULE, 0.0207, Schedule("cosine", 0.25), 0.3)


def tune(steps=60 * STEPS, seed=0, rule=RULE, memory=None, objective=None, known=None):
    plan, memory = Plan(steps, seed, SEEDS, known), InMemory() if memory is None else memory
    return carry_out(objective or FakeObjective(), rule, PROTOCOL, plan, memory)


def test_it_finds_what_is_best():
    result = tune()
    assert result.best.mean > result.own.mean + 0.1 and not result.best.is_own
    assert 0.01 < result.best.setting.learning_rate < 0.1
    assert result.best.setting.schedule.decay == "linear"


def test_all_steps_are_counted_and_no_more_than_the_budget():
    objective, memory = FakeObjective(), InMemory()
    result = tune(objective=objective, memory=memory)
    trained = sum(steps for _, _, steps in objective.trainings)
    assert result.steps == trained + result.trials * objective.probe_steps <= 60 * STEPS
    assert result.steps > 60 * STEPS - 2 * STEPS - len(SEEDS) * STEPS  # a trial more would not fit
    assert result.trials == len(memory.trials)


def test_the_rule_as_it_was_given_is_tried_first_with_all_rates():
    objective = FakeObjective()
    tune(objective=objective)
    first = [setting for setting, _, _ in objective.trainings[:3]]
    # The scale is 2: rates are for updates of 1.
    assert (
        [setting.learning_rate for setting in first]
        == [0.05, 0.005, 0.5]
        == [r / 2 for r in find_own_rates(PROTOCOL)]
    )
    for setting in first:
        assert (str(setting.schedule), setting.weight_decay, setting.rule) == ("constant", 0.0, RULE)
    best = max(first, key=lambda setting: objective.value(setting, 0))
    expected = [
        dataclasses.replace(best, schedule=Schedule(name), learning_rate=rate)
        for name in ("linear", "cosine", "linear_cosine")
        for rate in (0.05, 0.15)
    ]
    assert [setting for setting, _, _ in objective.trainings[3:9]] == expected
    assert [seed for _, seed, _ in objective.trainings[:14]] == [0] * 9 + [1, 0, 1, 0, 1]


def test_a_known_setting_is_tried_first_exactly():
    objective = FakeObjective()
    result = tune(objective=objective, known=KNOWN)
    first = [setting for setting, _, _ in objective.trainings[:9]]
    assert first[0] == KNOWN
    # The scale is 2, so the known rate takes the place of 0.1 / 2. The others come nearest first.
    assert first[1:3] == [dataclasses.replace(KNOWN, learning_rate=rate) for rate in (0.005, 0.5)]
    best = max(first[:3], key=lambda setting: objective.value(setting, 0))
    assert {setting.schedule.decay for setting in first[3:]} == {"constant", "linear", "linear_cosine"}
    assert all(one.weight_decay == 0.3 and one.schedule.warmup == 0.25 for one in first[3:])
    assert first[3].learning_rate == best.learning_rate
    assert KNOWN in [one.setting for one in result.finalists if one.is_own]
    given = {one.name: one.own for one in result.tuned}
    names = ("rate", "schedule", "warm-up", "weight decay")
    assert [given[name] for name in names] == [0.0207, "cosine", 0.25, 0.3]


def test_the_steps_that_a_known_setting_takes_are_counted():
    objective, memory = FakeObjective(), InMemory()
    result = tune(objective=objective, memory=memory, known=KNOWN)
    trained = sum(steps for _, _, steps in objective.trainings)
    assert result.steps == trained + (result.trials + 1) * objective.probe_steps <= 60 * STEPS


@pytest.mark.parametrize("rate", [1e-7, 1e4])
def test_a_known_rate_may_be_far_from_those_of_the_protocol(rate):
    objective, known = FakeObjective(), dataclasses.replace(KNOWN, learning_rate=rate, weight_decay=0.0)
    tune(objective=objective, known=known)
    tried = [setting for setting, _, _ in objective.trainings]
    assert tried[0].learning_rate == rate and len(set(tried[:9])) == 9
    (scale,) = (one.scale for one in find_space(RULE, PROTOCOL, known, 2.0).tunables if one.name == "rate")
    assert scale.low <= 2.0 * rate / 3.0 and scale.high >= 2.0 * rate * 3.0  # room on both sides


def test_no_weight_decay_is_tried_too_if_the_known_one_is_small():
    (decay,) = (
        one
        for one in find_space(RULE, PROTOCOL, dataclasses.replace(KNOWN, weight_decay=1e-3), 2.0).tunables
        if one.name == "weight decay"
    )
    assert [decay.read(x) for x in (5e-4, 5.001e-4, 4e-4, 9.9e-4, 0.0123456)] == [5e-4, 5e-4, 0.0, 0.0, 0.0123]


def test_a_known_setting_is_rounded_as_all_that_are_tried():
    known = find_known_setting(Start(RULE, (0.0111241371, "linear, warm-up 0.1", 0.0)))
    assert known == Setting(RULE, 0.0111, Schedule("linear", 0.1), 0.0)
    assert find_known_setting(Start(RULE)) is None


def test_a_known_setting_goes_on_as_if_it_had_not_been_stopped():
    whole, memory = InMemory(), StopsAfter(5)
    expected = tune(memory=whole, known=KNOWN)
    with pytest.raises(KeyboardInterrupt):
        tune(memory=memory, known=KNOWN)
    assert tune(memory=memory, known=KNOWN) == expected
    assert [t.params for t in memory.trials] == [t.params for t in whole.trials]


def test_the_end_is_with_fresh_seeds():
    objective = FakeObjective()
    result = tune(objective=objective)
    fresh = [(setting, seed) for setting, seed, _ in objective.trainings if seed in SEEDS]
    assert not set(SEEDS) & set(PROTOCOL.seeds)
    assert fresh == [(setting, seed) for seed in SEEDS for setting in dict.fromkeys(setting for setting, _ in fresh)]
    assert len(result.finalists) == len({setting for setting, _ in fresh}) == FINALISTS + OWN_FINALISTS
    assert len(fresh) == len(SEEDS) * (FINALISTS + OWN_FINALISTS)
    for one in result.finalists:
        assert one.rewards == tuple(objective.value(one.setting, seed) for seed in SEEDS)
    means = [one.mean for one in result.finalists]
    assert means == sorted(means, reverse=True) and result.best is result.finalists[0]


class OneSeedDeceives(FakeObjective):
    """With a seed of the protocol the rate 0.005 looks best, which in truth is worth little."""

    def value(self, setting, seed):
        biased = 0.7 if seed in PROTOCOL.seeds and setting.learning_rate == 0.005 else 0.0
        return max(biased, super().value(setting, seed))


def test_as_it_was_given_is_the_better_of_its_two_best_rates():
    objective = OneSeedDeceives()
    result = tune(objective=objective)
    own = [one for one in result.finalists if one.is_own]
    assert [one.setting.learning_rate for one in own] == [0.05, 0.005] and result.own is own[0]
    assert own[0].mean > own[1].mean and own[0].chosen_by < own[1].chosen_by


def test_a_trial_with_the_own_values_is_of_the_rule_as_it_was_given():
    """Whoever proposed it; and constants with more digits than are tried stay what they are."""
    rule = dataclasses.replace(RULE, constants=Constants(beta_1=0.123456))
    protocol = dataclasses.replace(PROTOCOL, schedules=(Schedule("linear", 0.5),))
    tunables = find_tunables(rule, protocol)
    objective = FakeObjective(protocol)
    study = Study(objective, rule, tunables, choose_first_trials(protocol), 0)
    for _ in range(12):
        study.run_trial()
    own = [study.is_own(trial) for trial in study.trials]
    assert own == [True] * 3 + [False] * 9
    settings = [study.find_setting(trial) for trial in study.trials[:9]]
    assert {one.rule for one in settings} == {rule} and str(settings[0].schedule) == "linear, warm-up 0.5"
    assert [one.schedule.decay for one in settings[3:]] == [
        name for name in ("constant", "cosine", "linear_cosine") for _ in range(2)
    ]
    assert settings[4].learning_rate == pytest.approx(3 * settings[3].learning_rate)
    late = copy.deepcopy(study.trials[11])
    late.params = {**study.trials[0].params, "rate": late.params["rate"]}
    assert study.is_own(late) and study.find_setting(late).rule == rule
    late.params["weight decay"] = 5e-4  # means 0
    assert study.is_own(late)
    late.params["weight decay"] = 0.1
    assert not study.is_own(late)


def test_the_same_setting_is_measured_once():
    objective, memory = FakeObjective(), InMemory()
    tune(memory=memory)
    study = Study(objective, RULE, find_tunables(RULE, PROTOCOL), choose_first_trials(PROTOCOL), 0, memory.trials)
    chosen = choose_finalists(study)
    for trial in study.trials[:]:
        again = copy.deepcopy(trial)
        study._study.add_trial(again)
    settings = [study.find_setting(trial) for trial in choose_finalists(study)]
    assert settings == [study.find_setting(trial) for trial in chosen] and len(set(settings)) == len(settings)


def test_what_diverges_is_worth_nothing_and_ends():
    memory, objective = InMemory(), FakeObjective()
    objective.too_large = 0.4
    tune(steps=120 * STEPS, memory=memory, objective=objective)
    diverged = [t for t in memory.trials if t.params["rate"] / 2 >= 0.4]  # the scale of updates is 2
    pruned = [t for t in memory.trials if not is_complete(t)]
    assert diverged and all(t in pruned and find_value(t) == 0.0 for t in diverged)
    assert pruned and all(t.user_attrs["steps"] < STEPS + 2 for t in pruned)


def test_what_is_not_finite_at_the_initial_weights_trains_nothing():
    objective = FakeObjective()
    with pytest.raises(NothingTrained, match="no setting trained to its end"):
        tune(rule=parse_formula("log(g)"), objective=objective)
    assert not objective.trainings


def test_importances():
    tuned = tune(steps=120 * STEPS).tuned
    shares = {one.name: one.importance for one in tuned}
    assert sum(shares.values()) == pytest.approx(1.0)
    assert shares["rate"] + shares["schedule"] + shares["beta_1"] > shares["warm-up"] + shares["weight decay"]
    assert [one.importance for one in tuned] == sorted(shares.values(), reverse=True)
    for one in tuned:
        if one.name != "schedule":
            least, most = one.among_best
            assert least <= one.best <= most or one.best == pytest.approx(most)


def test_with_few_trials_no_importance_is_made_up():
    memory = InMemory()
    tune(memory=memory)
    complete = list(filter(is_complete, memory.trials))
    complete = [complete[i % len(complete)] for i in range(TRIALS_FOR_IMPORTANCES)]
    assert find_importances(complete) and not find_importances(complete[1:])


def test_importances_are_of_what_the_sampler_chose_freely():
    """The first trials have the rule's own constants, which would look important as they often are among the best."""
    memory = InMemory()
    result = tune(steps=120 * STEPS, memory=memory)
    free = memory.trials[9:]
    assert (
        {one.name: one.importance for one in result.tuned}
        == find_importances(free)
        != find_importances(memory.trials)
    )
    alike = [copy.copy(trial) for trial in free]
    for trial in alike:
        trial.params = {**trial.params, "warm-up": 0.1}
    assert set(find_importances(alike)) == {one.name for one in result.tuned} - {"warm-up"}


def find_least_steps():
    return (3 + 6 + RANDOM_TRIALS) * (STEPS + 2) + (FINALISTS + OWN_FINALISTS) * len(SEEDS) * STEPS


def test_too_small_a_budget_is_refused():
    check_steps(PROTOCOL, Plan(find_least_steps(), 0, SEEDS))
    with pytest.raises(
        ValueError, match=rf"must be at least {find_least_steps()}: 19 trials of 14 steps, and 120 steps"
    ):
        check_steps(PROTOCOL, Plan(find_least_steps() - 1, 0, SEEDS))
    least = find_least_steps() + PROTOCOL.probe_steps
    check_steps(PROTOCOL, Plan(least, 0, SEEDS, KNOWN))
    assert tune(steps=least, known=KNOWN).trials == 3 + 6 + RANDOM_TRIALS
    with pytest.raises(ValueError, match=rf"must be at least {least}: 2 for the scale of the known rate, 19 trials"):
        check_steps(PROTOCOL, Plan(least - 1, 0, SEEDS, KNOWN))


def test_a_seed_says_what_is_tried():
    one, same, other = InMemory(), InMemory(), InMemory()
    results = [tune(memory=one), tune(memory=same), tune(memory=other, seed=1)]
    assert [t.params for t in one.trials] == [t.params for t in same.trials]
    assert results[0] == results[1]
    assert [t.params for t in one.trials] != [t.params for t in other.trials]


class StopsAfter(InMemory):
    """The process ends after so many things that were added."""

    def __init__(self, count):
        super().__init__()
        self.left = count

    def add_trial(self, trial):
        super().add_trial(trial)
        self._count()

    def add_fresh(self, number, seed, value):
        super().add_fresh(number, seed, value)
        self._count()

    def _count(self):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize("after", ["first", "few", "many", "last trial", "first fresh", "last but one"])
def test_what_was_stopped_goes_on_as_if_it_had_not_been(after, whole):
    expected, trials, fresh = whole
    counts = {"first": 1, "few": 3, "many": 25, "last trial": len(trials), "first fresh": len(trials) + 1}
    memory = StopsAfter(counts.get(after, len(trials) + len(fresh) - 1))
    with pytest.raises(KeyboardInterrupt):
        tune(memory=memory)
    assert tune(memory=memory) == expected
    assert [(t.params, t.value, t.state) for t in memory.trials] == [(t.params, t.value, t.state) for t in trials]
    assert memory.fresh == fresh


@pytest.fixture(scope="module")
def whole():
    memory = InMemory()
    return tune(memory=memory), memory.trials, memory.fresh


def test_with_a_larger_budget_it_goes_on():
    whole, memory = InMemory(), InMemory()
    expected = tune(steps=80 * STEPS, memory=whole)
    first = tune(memory=memory)
    result = tune(steps=80 * STEPS, memory=memory)
    assert first.trials < result.trials < expected.trials
    # Its best is not that of the unbroken tuning if only the trials that this one has not afforded find that one.
    highest = max(trial.value for trial in memory.trials if is_complete(trial))
    assert highest in {one.chosen_by for one in result.finalists}
    tried, all_tried = ([(t.params, t.value, t.state) for t in m.trials] for m in (memory, whole))
    assert tried == all_tried[: result.trials]


def test_the_fresh_seeds_of_earlier_finalists_count_in_a_larger_budget():
    objective, memory = FakeObjective(), InMemory()
    earlier = {one.setting for one in tune(objective=objective, memory=memory).finalists}
    result = tune(steps=80 * STEPS, objective=objective, memory=memory)
    assert earlier - {one.setting for one in result.finalists}
    trained = sum(steps for _, _, steps in objective.trainings)
    assert result.steps == trained + result.trials * objective.probe_steps
    assert 80 * STEPS - (2 + FINALISTS + OWN_FINALISTS) * len(SEEDS) * STEPS < result.steps <= 80 * STEPS


def test_one_seed_has_no_spread():
    result = carry_out(FakeObjective(), RULE, PROTOCOL, Plan(60 * STEPS, 0, (2,)), InMemory())
    assert math.isnan(result.best.deviation) and math.isnan(result.best.error)
