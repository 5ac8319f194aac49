"""The studies of tuning, with trainings that are made up."""

import concurrent.futures
import contextlib
import json
import math
from typing import Any

import numpy as np
import pytest
import reference
import tensorflow as tf

from benchmarks import run
from benchmarks.studies import StudyFailed, schedules_and_constants, stock_optimizers, tuning
from benchmarks.studies.common import trainings as common_trainings
from benchmarks.studies.common.fitting import Fitted
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.common.trainings import FRESH_SEED, Trained, Training
from benchmarks.studies.schedules_and_constants.settings import RULES, Setting, list_settings, put_together
from benchmarks.studies.stock_optimizers import random_search
from benchmarks.studies.stock_optimizers.kinds import KINDS, change, describe, draw, make_optimizer, parameters
from benchmarks.studies.tuning import comparisons
from benchmarks.studies.tuning.tuned import Tuned
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.workers.placement import Share

STEPS = 240


def make_up(training):
    """The best is a rate of 0.01, a linear schedule and the momentum 0.8."""
    rule = parse_formula(training.rule)
    loss = 0.2 * abs(math.log10(training.rate) + 2.0) + 0.1 * (not training.schedule.startswith("linear"))
    loss += abs(rule.constants.beta_1 - 0.8) + 1e-3 * (training.seed % 7)
    return Trained(1.0 - loss, loss, loss, STEPS, 0.5)


@pytest.fixture
def trained(monkeypatch):
    """Trainings are made up; gives the list of those that were wanted."""
    wanted = []

    @contextlib.contextmanager
    def trainings(path, workers, data_dir=None):
        def train(several):
            wanted.extend(several)
            return [make_up(one) for one in several]

        yield train

    for study in (schedules_and_constants, stock_optimizers, tuning):
        monkeypatch.setattr(study, "trainings", trainings)
    monkeypatch.setattr(stock_optimizers, "fit", lambda *arguments, **more: Fitted(0.9, 0.1))
    return wanted


# -- What is kept ----------------------------------------------------------------------------------


def test_what_is_kept_is_not_measured_again_and_a_torn_line_is(tmp_path):
    path = tmp_path / "of" / "kept.jsonl"
    kept = Kept(path)
    for seed in range(3):
        kept.add(dict(seed=seed, rate=0.1), dict(score=seed))
    path.write_text(path.read_text()[:-5])
    again = Kept(path)
    assert dict(rate=0.1, seed=1) in again and dict(seed=2, rate=0.1) not in again
    assert again.get(dict(seed=1, rate=0.1), pytest.fail) == dict(score=1)
    assert again.get(dict(seed=2, rate=0.1), lambda: dict(score=5)) == dict(score=5)
    assert len(path.read_text().splitlines()) == 3 and Kept(path)[dict(seed=2, rate=0.1)] == dict(score=5)


def test_what_finished_before_an_error_is_kept(tmp_path):
    path, keys = tmp_path / "kept.jsonl", [dict(seed=seed) for seed in (0, 1, 0, 2)]
    kept = Kept(path)
    assert kept.find_missing(keys) == [0, 1, 3]
    finished, failing = concurrent.futures.Future(), concurrent.futures.Future()
    finished.set_result(5)

    def write(result):
        failing.set_exception(KeyboardInterrupt())
        return result + 1

    with pytest.raises(KeyboardInterrupt):
        kept.add_finished({failing: keys[3], finished: keys[1]}, "rule", write)
    assert Kept(path).find_missing(keys) == [0, 3] and Kept(path)[dict(seed=1)] == 6


def test_a_failure_ends_no_other_measurement(tmp_path):
    path, keys = tmp_path / "kept.jsonl", [dict(seed=seed) for seed in range(4)]

    def measure(seed):
        if seed % 2:
            raise StudyFailed(f"seed {seed}")
        return seed

    with concurrent.futures.ThreadPoolExecutor(1) as pool, pytest.raises(StudyFailed, match="seed 1"):
        Kept(path).add_finished({pool.submit(measure, of["seed"]): of for of in keys}, "rule")
    assert Kept(path).find_missing(keys) == [1, 3]


def test_what_another_protocol_trained_is_trained_again(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(common_trainings, "set_environment", lambda: None)
    monkeypatch.setattr(common_trainings, "process_pool", concurrent.futures.ThreadPoolExecutor)
    monkeypatch.setattr(common_trainings, "train_once", lambda one, *more: made.append(one) or make_up(one))
    wanted = [Training("digits", "Adam", 0.01, seed) for seed in range(2)]
    for steps in (100, 100, 200):
        monkeypatch.setattr(common_trainings, "load_protocol", lambda task, name, steps=steps: (name, steps))
        with common_trainings.trainings(tmp_path / "trainings.jsonl", 1) as train:
            assert [one.score for one in train(wanted)] == [make_up(one).score for one in wanted]
    assert sorted(made) == sorted(2 * wanted)


# -- Stock optimizers ------------------------------------------------------------------------------


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def test_what_is_drawn_and_changed_is_in_its_range(kind):
    rng = np.random.default_rng(0)
    for _ in range(50):
        configuration = draw(rng, (kind,))
        for c in (configuration, change(configuration, rng)):
            assert c.keys() == {"kind", *parameters(kind)} and json.loads(json.dumps(c)) == c
            for name, one in KINDS[kind].tuned.items():
                x = 1.0 - c[name] if one.complement else c[name]
                assert (one.off and x == 0.0) or one.low * 0.99 <= x <= one.high * 1.01
            assert parse_formula(KINDS[kind].formula(c)).formula() and kind in describe(c)


def test_keras_goes_where_the_rule_goes(kind):
    rng = np.random.default_rng(1)
    tuned = dict(rate=0.01, beta_1=0.85, beta_2=0.98, epsilon=1e-7, weight_decay=0.1)
    c: dict[str, Any] = dict(kind=kind, decay="constant", warmup=0.2)
    c.update((name, value) for name, value in tuned.items() if name in KINDS[kind].tuned)
    start = w = rng.normal(size=20)
    gradients = rng.normal(size=(50, 20))
    rule = parse_formula(KINDS[kind].formula(c))
    keras, theirs = make_optimizer(c, 50), tf.Variable(tf.constant(start, tf.float32))
    # None of these rules reads the weights.
    for t, direction in enumerate(reference.run_rule(rule, gradients, w, constants=rule.constants)):
        keras.apply_gradients([(tf.constant(gradients[t], tf.float32), theirs)])
        rate = 0.01 * min(1.0, (t + 1) / 10)
        w = w * (1.0 - rate * c.get("weight_decay", 0.0)) - rate * direction
    # Nadam has other first steps, the velocity of SGD the rates of the warm-up, and the weight decay of RMSprop the
    # rates that correct its bias.
    tolerance = {"Nadam": 0.1, "SGD": 0.1, "RMSprop": 0.15}.get(kind, 1e-3)
    assert np.linalg.norm(theirs.numpy() - w) < tolerance * np.linalg.norm(w - start)


def test_random_search_keeps_its_budget_and_finds_what_is_good():
    asked = []

    def train(several):
        asked.extend(several)
        return [make_up(one) for one in several]

    found = random_search.search("a:task", 200, STEPS, 0, train, ("Adam", "AdamW"))
    assert len(asked) == found.trainings == 200
    assert found.steps == 200 * STEPS and found.seconds == pytest.approx(100.0)
    assert found.configuration["decay"] == "linear" and abs(math.log10(found.configuration["rate"]) + 2.0) < 0.2
    assert {one.seed for one in asked} == set(range(5)) and not any(one.on_test for one in asked)
    again = random_search.search("a:task", 200, STEPS, 0, train, ("Adam", "AdamW"))
    assert again == found and asked[:200] == asked[200:]


def test_random_search_spends_the_steps_that_diverged_trainings_leave():
    def train(several):
        made = map(make_up, several)
        return [one if one.score > 0.5 else Trained(0.0, None, None, STEPS // 8, 0.1) for one in made]

    found = random_search.search("a:task", 200, STEPS, 0, train)
    assert found.trainings > 200 and 199 * STEPS < found.steps <= 200 * STEPS


def test_random_search_reports_no_score_of_a_seed_by_which_it_selected():
    def train(several):
        return [make_up(one)._replace(score=0.9 if one.seed == 0 else 0.5) for one in several]

    assert random_search.search("a:task", 100, STEPS, 0, train).score == 0.5
    assert random_search.search("a:task", 20, STEPS, 0, train).score == 0.9  # too few for other seeds


def test_the_study_of_stock_optimizers(trained, tmp_path, capsys):
    words = ["--tasks", "table", "--budget", "30", "--searches", "2", "--fresh_seeds", "3", "--runs", str(tmp_path)]
    assert run.main(["stock_optimizers", *words, "--data_dir", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    for row in figures["tasks"]["table"]:
        assert len(row["test"]) == 3 and row["fit"] == [0.1] * 3 and row["steps"] == 30 * STEPS
    # Only fresh seeds see the test data.
    assert {(one.seed >= FRESH_SEED) == one.on_test for one in trained} == {True}


# -- Schedules and constants -----------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_measured_with_the_constants_that_it_has(name):
    settings = list_settings(name)
    assert len(settings) == len(set(settings)) and len({one.schedule for one in settings}) == 8
    constants = {text.partition("=")[0] for one in settings for text in one.constants}
    assert ("epsilon" in constants) == (name not in ("PowerSign", "AddSign"))
    assert "beta_1" in constants and ("beta_2" in constants) == ("epsilon" in constants)
    assert all(parse_formula(one.formula) for one in settings)


def test_the_best_of_each_is_put_together():
    losses = {one: 1.0 for one in list_settings("Adam")}
    losses[Setting("Adam", "cosine")] = losses[Setting("Adam", "linear", ("beta_2=0.99",))] = 0.5
    assert put_together("Adam", losses) == Setting("Adam", "cosine", ("beta_2=0.99",))


def test_the_study_of_schedules_and_constants(trained, tmp_path, capsys):
    words = ["--rules", "Adam", "AddSign", "--fresh_seeds", "2", "--results", str(tmp_path)]
    assert run.main(["schedules_and_constants", *words]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    best = [line for line in table if line.endswith("linear, beta_1=0.8")]
    assert [line.split()[0] for line in best] == ["Adam", "AddSign"]
    settings = json.loads(last)["settings"]
    assert all(len(one["rewards"]) == 2 for one in settings)
    losses = [make_up(one).loss for one in trained if one.seed >= FRESH_SEED]
    rewards = [reward for one in settings for reward in one["rewards"]]
    assert sorted(rewards) == pytest.approx(sorted(max(0.0, 1.0 - loss / math.log(10)) for loss in losses))
    assert len((tmp_path / "schedules_and_constants_digits.csv").read_text().splitlines()) == 1 + len(settings)


# -- Tuning ----------------------------------------------------------------------------------------


def test_the_study_of_tuning(trained, monkeypatch, tmp_path, capsys):
    def tune(seconds):
        return lambda task, *arguments: Tuned("Adam", 0.01, "linear", 0.1, 0.9, 20, 4, 100, seconds)

    for name, seconds in dict(tune_by_fit=40.0, tune_trials=10.0, tune_rules=20.0).items():
        monkeypatch.setattr(comparisons, name, tune(seconds))
    monkeypatch.setattr(Share, "take", lambda self: None)  # here TensorFlow runs already
    words = ["--fit_tasks", "text", "--trials", "20", "--budget", "20", "--seeds", "2", "--fresh_seeds", "2"]
    assert run.main(["tuning", *words, "--runs", str(tmp_path)]) == 0
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["fit"]["text"]["ratio"] == 4.0 and set(figures["stock"]) == {"images", "text", "table"}
    assert all(len(rows["tuners"]) == 2 for task in figures["stock"].values() for rows in task.values())
    assert {(one.seed >= FRESH_SEED) == one.on_test for one in trained} == {True}
    # It is all kept.
    monkeypatch.setattr(comparisons, "tune_by_fit", pytest.fail)
    assert run.main(["tuning", *words, "--runs", str(tmp_path)]) == 0
