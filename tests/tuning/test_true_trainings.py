"""A tuning that trains."""

import dataclasses
import re

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.search.fresh import choose_seeds
from neural_optimizer_search.trials.setting import Setting
from neural_optimizer_search.tuning import tune
from neural_optimizer_search.tuning.objective import TaskObjective
from neural_optimizer_search.tuning.plan import Plan
from neural_optimizer_search.tuning.tuner import InMemory, carry_out
from neural_optimizer_search.workers.executor import TaskFailed

STEPS = 600


@pytest.fixture(scope="module")
def objective():
    return TaskObjective(fakes.BLOBS, fakes.TINY, "end_accuracy")


def test_one_trace_serves_all_trials(objective):
    result = carry_out(objective, parse_formula("Adam"), fakes.TINY, Plan(STEPS, 0, (2, 3)), InMemory())
    assert result.trials > 15 and result.best.mean >= result.own.mean > 0.5
    assert objective._objective._train.traces == 1


def test_fresh_seeds_are_those_of_no_search():
    seeds = tune(fakes.BLOBS, "adam", steps=STEPS, seeds=2, protocol="tiny").seeds
    assert len(seeds) == 2 and set(seeds).isdisjoint({*range(1000), *choose_seeds(1000, used=range(100))})


def test_a_training_is_worth_its_end(objective):
    setting = Setting(parse_formula("Adam"), 0.03)
    run = objective._objective._train(setting.rule, RunPlan(0.03, 0, 8, 4))
    progress = list(objective.train(setting, 0))
    assert [one.steps for one in progress] == [4, 8]
    assert [one.value for one in progress] == pytest.approx(run.scores.tolist())
    assert objective.train_whole(setting, 0) == progress[-1].value


def test_what_is_only_validated_at_its_end_is_looked_at_before(objective):
    """As where the number of steps is prime: an unpromising training can end there, and none changes."""
    rare = TaskObjective(
        fakes.BLOBS, dataclasses.replace(fakes.TINY, final_steps=7, validate_every=7), "end_accuracy"
    )
    rare.prepare([])
    setting = Setting(parse_formula("Adam"), 0.03)
    run = objective._objective._train(setting.rule, RunPlan(0.03, 0, 7, 1))
    progress = list(rare.train(setting, 0))
    assert [one.steps for one in progress] == [2, 7]
    assert [one.value for one in progress] == pytest.approx([run.scores[1], run.scores[6]])
    assert rare.train_whole(setting, 0) == progress[-1].value


def test_what_diverges_is_worth_nothing(objective):
    (only,) = objective.train(Setting(parse_formula("exp(g) / (w - w)"), 1e30), 0)
    assert (only.value, only.finite) == (0.0, False)
    assert objective.train_whole(Setting(parse_formula("exp(g) / (w - w)"), 1e30), 5) == 0.0


def test_the_scale_of_a_rule(objective):
    assert objective.find_scale(parse_formula("sign(g)")) == pytest.approx(1.0)
    assert objective.find_scale(parse_formula("sign(g) + sign(g)")) == pytest.approx(2.0)
    assert objective.find_scale(parse_formula("g - g")) == 1.0
    assert objective.find_scale(parse_formula("log(g - g)")) is None
    plain = TaskObjective(fakes.BLOBS, dataclasses.replace(fakes.TINY, centred=False), "end_accuracy")
    assert plain.find_scale(parse_formula("sign(g) + sign(g)")) == 1.0 and plain.probe_steps == 0


class Broken:
    name, protocols = "broken", {"tiny": fakes.TINY}

    def child(self, protocol, data_dir=None):
        raise KeyError("no such column")

    def identity(self, protocol):
        return None


def test_an_error_of_a_task_is_told_in_words():
    objective = TaskObjective(Broken(), fakes.TINY, "end_accuracy")
    failures = []
    objective.on_failure = failures.append
    with pytest.raises(TaskFailed, match=r"^KeyError: 'no such column' \(test_true_trainings\.py:\d+, in child\)$"):
        objective.prepare([])
    (failure,) = failures
    assert "Traceback" in failure.traceback


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (dict(rule="adamm"), "must be RUN#K"),
        (dict(protocol="nothing"), "Argument `protocol` must be one of: tiny. Received: 'nothing'"),
        (dict(reward="nothing"), "Argument `reward` must be one of: final_accuracy"),
        (dict(steps=10), "Argument `steps` must be at least "),
        (dict(steps=0), "Argument `steps` must be an int > 0. Received: 0"),
        (dict(seed=-1), "Argument `seed` must be an int >= 0. Received: -1"),
        (dict(seeds=0), "Argument `seeds` must be an int > 0. Received: 0"),
    ],
)
def test_wrong_arguments(arguments, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        tune(**{"task": Broken(), "rule": "adam", "protocol": "tiny", **arguments})
