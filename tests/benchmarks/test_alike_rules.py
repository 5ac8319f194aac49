"""What is lost by measuring one of the rules that behave alike, on measurements that are made up."""

import contextlib
import dataclasses
import json

import fakes
import numpy as np
import pytest

from benchmarks import run
from benchmarks.studies import StudyFailed, alike_rules
from benchmarks.studies.common import full_measurements
from benchmarks.studies.common.full_measurements import measure_in_full
from benchmarks.studies.common.sampled_rules import draw_distinct_rules
from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.child_run import TrainingRun
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.workers.config import WorkerConfig
from neural_optimizer_search.workers.in_process import InProcess

RULES = 6


class MadeUp:
    """An evaluator that trains nothing: the rewards of a rule are those of `fakes`, a little apart with each seed."""

    def __init__(self):
        self.asked = []
        scores, losses, metrics = np.array([[0.5, 0.75], [1.0, np.nan], [0.0, 0.0]], np.float32)
        self.train = lambda rule, plan: TrainingRun(True, 8, scores, losses, metrics, 1.0)

    def __call__(self, rule):
        self.asked.append(rule)
        for seed in (0, 1):
            self.train(rule, RunPlan(0.1, seed, 8, 4))
        evaluation = fakes.fake_evaluation(rule)
        return dataclasses.replace(evaluation, rewards=(evaluation.reward, evaluation.reward / 2))

    def record_descent(self, rule):
        g = np.random.default_rng(0).normal(size=(4, 8))
        return dict(gradients=g.tolist(), weights=np.ones((4, 8)).tolist(), shapes=[[2, 4]], sizes=[16])


@pytest.fixture
def evaluator(monkeypatch):
    made_up = MadeUp()
    monkeypatch.setattr(WorkerConfig, "open_executor", lambda *arguments: contextlib.nullcontext(InProcess(made_up)))
    return made_up


def test_the_study_runs_and_measures_nothing_twice(evaluator, tmp_path, capsys):
    words = [
        "alike_rules",
        "--tasks",
        "digits",
        "--rules",
        str(RULES),
        "--table_rules",
        "20",
        "--runs",
        str(tmp_path),
    ]
    assert run.main(words) == 0
    first = capsys.readouterr().out
    measured = len(evaluator.asked)
    assert measured == 10 + RULES  # the known optimizers, too
    figures = json.loads(first.splitlines()[-1])["tasks"]
    assert list(figures) == ["digits", alike_rules.TABLE]
    for of_task, count in zip(figures.values(), (10 + RULES, 20)):
        searched = of_task.pop("search")
        assert list(of_task) == ["probe", "task", "both"]
        for row in (searched, *(row for of_witness in of_task.values() for row in of_witness.values())):
            assert row["joined"] + row["behaviours"] == count and 0.0 <= row["beyond_noise"] <= 1.0
        for cosine, row in of_task["both"].items():
            assert row["joined"] <= of_task["probe"][cosine]["joined"]
    assert run.main(words) == 0
    assert capsys.readouterr().out == first and len(evaluator.asked) == measured


def test_every_run_is_kept(evaluator, tmp_path):
    measured = measure_in_full("digits", draw_distinct_rules(0, (2,)), 2, tmp_path / "digits.jsonl")
    assert len(measured.known) == 10 and len(measured.found) == 2
    assert measured.known["Adam"].evaluation.rule == parse_formula("Adam")
    assert measured.descent.g.shape == (4, 8)
    for one in (*measured.known.values(), *measured.found):
        assert list(one.runs) == [RunPlan(0.1, 0, 8, 4), RunPlan(0.1, 1, 8, 4)]
        trained = one.runs[RunPlan(0.1, 0, 8, 4)]
        assert trained.finite and trained.scores.tolist() == [0.5, 0.75] and np.isnan(trained.losses[1])


def test_more_rules_go_on_with_those_that_are_there(evaluator, tmp_path):
    path = tmp_path / "digits.jsonl"
    few = measure_in_full("digits", draw_distinct_rules(0, (2,)), 2, path)
    more = measure_in_full("digits", draw_distinct_rules(0, (2,)), 3, path)
    assert [one.evaluation for one in more.found[:2]] == [one.evaluation for one in few.found]
    assert len(evaluator.asked) == 10 + 3


def test_what_another_protocol_measured_is_measured_again(evaluator, tmp_path, monkeypatch):
    path, find_protocol = tmp_path / "digits.jsonl", full_measurements.find_protocol
    measure_in_full("digits", draw_distinct_rules(0, (2,)), 2, path)
    monkeypatch.setattr(
        full_measurements,
        "find_protocol",
        lambda *arguments, **changes: find_protocol(*arguments, **changes, sweep_steps=7),
    )
    measure_in_full("digits", draw_distinct_rules(0, (2,)), 2, path)
    assert len(evaluator.asked) == 2 * (10 + 2)


def test_a_rule_that_cannot_be_measured_is_one_sentence(evaluator, tmp_path, monkeypatch):
    failed = without_reward(parse_formula("g"), "killed", "The worker's process crashed.")
    monkeypatch.setattr(full_measurements.AskForRuns, "answer", lambda ask, evaluator, rule: failed)
    with pytest.raises(StudyFailed, match="g cannot be measured: The worker's process crashed"):
        measure_in_full("digits", iter(()), 0, tmp_path / "digits.jsonl")


def test_rules_are_joined_to_the_nearest_earlier_behaviour():
    formulas = ["g", "Adam", "2 * g", "Adam + 1e-4*w", "sign(g)"]
    rules = list(map(parse_formula, formulas))
    assert alike_rules.join(rules, Behaviours([Screen().probe])).tolist() == [0, 1, 0, 1, 4]


def test_what_joining_did_is_told():
    taken_from = np.array([0, 1, 0, 1, 0])
    rewards, noise = np.array([0.5, 0.8, 0.52, 0.9, 0.4]), np.full(5, 0.02)
    row = alike_rules.summarize(taken_from, rewards, noise)
    assert row["joined"] == 3 and row["behaviours"] == 2
    assert row["median"] == pytest.approx(0.1) and row["largest"] == pytest.approx(0.1)
    assert row["beyond_noise"] == pytest.approx(2 / 3)  # of 0.02, 0.1 and 0.1: more than 2 * sqrt(2) * 0.02
    assert row["best_lost"] == pytest.approx(0.1)
    within = np.var([0.5, 0.52, 0.4]) * 3 + np.var([0.8, 0.9]) * 2
    assert row["deviation"] == pytest.approx(np.sqrt(within / 3))


def test_noise_is_what_is_left_without_the_effects_of_the_seeds():
    rng = np.random.default_rng(0)
    rewards = 0.5 + 0.2 * rng.random((400, 1)) + 0.1 * np.arange(5) + 0.01 * rng.normal(size=(400, 5))
    noise = alike_rules.estimate_noise(rewards)
    assert noise.mean() == pytest.approx(0.01 / np.sqrt(5), rel=0.1)


def test_the_table_comes_in_a_random_order_that_the_seed_sets():
    rules, rewards = alike_rules.shuffle_table(50, seed=0)
    assert len(rules) == 50 and rewards.shape == (50, 3)
    assert alike_rules.shuffle_table(50, seed=0)[0] == rules != alike_rules.shuffle_table(50, seed=1)[0]
