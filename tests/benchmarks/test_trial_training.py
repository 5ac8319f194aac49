"""One training of a comparison, of a model of two weights."""

import concurrent.futures
import dataclasses
import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.trials import execution
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.peak import PeakWatch
from benchmarks.trials.training import Work, train
from benchmarks.trials.trials import TUNING_SEED, Trial


def batches(seed):
    x = np.random.default_rng(seed).normal(size=(20, 1)).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((x, 3 * x + 1)).batch(5)


WORK = Work(
    model=lambda: tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(1,))]),
    loss="mse",
    train=batches(0).repeat(),
    validation=batches(1),
    test=batches(2),
    steps=8,
    evaluations=4,
    measure=lambda logs: logs["loss"],
    larger_is_better=False,
)


def trained(work, rate=0.1, seed=TUNING_SEED + 1, **more):
    trial = Trial("sgd@constant", rate, (), seed)
    return train(work, read_contender("sgd"), trial, tf.distribute.get_strategy(), **more)


@pytest.mark.parametrize("rate", [0.1, 1.3])  # with the second one the first epoch is the best one
def test_a_test_curve_changes_nothing_else(rate):
    plain, curved = trained(WORK, rate), trained(dataclasses.replace(WORK, test_curve=True), rate)
    assert [step for step, _ in curved["test_curve"]] == [2, 4, 6, 8]
    for key in ("curve", "best_step", "test", "test_final"):
        assert curved[key] == plain[key]
    assert (curved["test"] == curved["test_final"]) == (rate == 0.1)


def test_tuning_measures_nothing_on_the_test_data():
    peak = PeakWatch(lambda model: 1.0, 2)
    result = trained(dataclasses.replace(WORK, test_curve=True, test=None), seed=TUNING_SEED, callbacks=[peak])
    assert not any("test" in key for key in result) and not peak.curve


def test_the_peak_keeps_its_weights_and_the_mean_around_it():
    values, seen = iter([1.0, 5.0, 7.0, 3.0]), []
    peak = PeakWatch(lambda model: seen.append(model.get_weights()) or next(values), WORK.steps // WORK.evaluations)
    assert peak.near_peak() is None
    trained(WORK, callbacks=[peak])
    assert peak.curve == [[2, 1.0], [4, 5.0], [6, 7.0], [8, 3.0]]
    assert (peak.best, peak.best_step) == (7.0, 6)
    assert all(map(np.array_equal, peak.weights, seen[2])) and not np.array_equal(seen[2][0], seen[3][0])
    assert peak.near_peak() == (7.0 + 5.0) / 2
    peak.curve = [[step, float(step)] for step in range(0, 40, 2)]
    assert peak.near_peak() == 6.0  # of 2, 4, 6, 8 and 10


def test_a_trial_that_fails_loses_no_other(monkeypatch):
    has_failed = threading.Event()

    def run_one(module, setting, data_dir, trial, contender):
        if trial == "b":
            has_failed.set()
            raise OSError("the disk is full")
        assert has_failed.wait(60)
        time.sleep(0.1)
        return {}

    monkeypatch.setattr(execution, "_run_trial", run_one)
    monkeypatch.setattr(execution, "process_pool", concurrent.futures.ThreadPoolExecutor)
    monkeypatch.setattr(execution, "set_environment", lambda: None)
    found = []
    runner = execution.trial_runner("a.module", None, None, "default", 2)
    with pytest.raises(OSError, match="the disk is full"), runner as run:
        for trial, _ in run([(name, None) for name in "abcd"]):
            found.append(trial)
    assert sorted(found) == ["a", "c", "d"]
