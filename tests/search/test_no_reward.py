"""A task in which nothing can have a reward ends its search after the known optimizers, with what was seen."""

import marks
import numpy as np
import pytest
import tensorflow as tf
from tiny_searches import TINY, trained

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.outcome import WrongScores
from neural_optimizer_search.search import command
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS, require_reward
from neural_optimizer_search.tasks import KerasTask
from neural_optimizer_search.tasks.metric_scale import MetricScale
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.executor import TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("graphs_as_traced")]
ONCE = pytest.mark.once  # with any Keras there is one of each kind
X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
Y = X.sum(axis=1)


def keras_task(x=X, y=Y, **changes):
    return KerasTask(
        model=lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]),
        train=(x[:40], y[:40]),
        validation=(X[40:], Y[40:]),
        loss="mse",
        steps=6,
        sizes=dict(batch_size=10, learning_rates=(1e-2, 1e-1), probe_steps=2, seeds=(0,)),
        **changes,
    )


def constant(value):
    return lambda targets, predictions: tf.fill([tf.shape(targets)[0]], value)


def below_0(targets, predictions):
    return tf.math.log(tf.reduce_mean(tf.square(targets - predictions), axis=-1) + 1e-6) + 1.0


def evaluate(task, formula="g"):
    return Evaluator(task, task.protocols["default"])(parse_formula(formula))


@pytest.mark.parametrize("score", [37.0, pytest.param(1.01, marks=ONCE)])
def test_a_score_out_of_range_is_refused_with_what_was_received(score):
    task = keras_task(metric=constant(score), higher_is_better=True)
    with pytest.raises(
        ValueError, match=rf"scores in \[0, 1\].*Received scores from {score:g} to {score:g}\."
    ) as error:
        evaluate(task)
    assert "\n" not in str(error.value)


@ONCE
def test_a_loss_that_can_be_below_0_is_refused_when_a_rule_reaches_it():
    """Whatever Adam reaches: whoever is best would have no reward."""
    task = keras_task(metric=below_0, higher_is_better=False)
    with pytest.raises(WrongScores, match=r"A metric that can be below 0, .* below_0 went from -"):
        evaluate(task)


@ONCE
def test_rounding_is_no_reason_to_refuse_a_score():
    assert evaluate(keras_task(metric=constant(1.0 + 2e-7), higher_is_better=True)).reward == pytest.approx(1.0)


LONG = marks.only_long("The score of each is looked at below.")


@pytest.mark.parametrize(
    "value",
    [
        -3.0,
        pytest.param(float("nan"), marks=ONCE),
        pytest.param(float("inf"), marks=[ONCE, LONG]),
        pytest.param(float("-inf"), marks=[ONCE, LONG]),
    ],
)
def test_a_metric_that_is_paid_nothing_is_told(value):
    found = evaluate(keras_task(metric=constant(value), higher_is_better=True))
    assert (found.reward, found.status) == (0.0, "ok")
    told = "Trained 6 steps with 1 seed. The metric is {:g} at the end, and 0 is paid nothing."
    assert found.message == told.format(value)


@pytest.mark.parametrize("value", [-3.0, float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("best", "worst"), [(1.0, 0.0), (0.0, 4.0)])
def test_a_value_without_a_score(value, best, worst):
    score = MetricScale(best, worst)(tf.constant(value)).numpy()
    assert score == (1.75 if (value, worst) == (-3.0, 4.0) else 0.0)


def run(tmp_path, monkeypatch, capfd, task):
    """What `nos-search` prints on standard error, which ends with exit code 2."""
    evaluator = Evaluator(task, task.protocols["default"])
    monkeypatch.setitem(EXECUTORS, "local", lambda *_: InProcess(evaluator))
    with pytest.raises(SystemExit) as stopped:
        command.main([*TINY, "--algorithm", "random", "--budget", "5", "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2 and trained(tmp_path / "run") == 0
    return capfd.readouterr().err.splitlines()[-1]


def test_nan_in_the_data(tmp_path, monkeypatch, capfd):
    x = X.copy()
    x[7, 1] = np.nan
    last = run(tmp_path, monkeypatch, capfd, keras_task(x))
    assert last == (
        "nos-search: every known optimizer has the reward 0 "
        "(SGD: Diverged in 1 of 1 final runs, first at step 3 of 6). "
        "Look for NaN and infinity in the data, and at what the loss computes."
    )


@ONCE
def test_a_metric_that_is_always_negative(tmp_path, monkeypatch, capfd):
    last = run(tmp_path, monkeypatch, capfd, keras_task(metric=constant(-3.0), higher_is_better=True))
    assert last.startswith(
        "nos-search: every known optimizer has the reward 0 (SGD: Trained 6 steps with 1 seed. The metric is -3 "
        "at the end, and 0 is paid nothing). Look at the metric: "
    )


@ONCE
def test_a_mix_is_told_kind_by_kind():
    kinds = [
        ("diverged", "Diverged at once."),
        ("diverged", "Diverged later."),
        ("timeout", "It took 60 s.\nLong."),
        ("ok", "x" * 10_000),
        ("ok", "Trained."),
        ("of a stranger", "What?"),
    ]
    with pytest.raises(TaskFailed) as error:
        require_reward(
            {name: without_reward(rule, *kind) for (name, rule), kind in zip(KNOWN_OPTIMIZERS.items(), kinds)}
        )
    message = str(error.value)
    assert message.startswith(
        "every known optimizer has the reward 0 (SGD: Diverged at once; RMSProp: It took 60 s. Long; Adam: xxx"
    )
    assert "; AddSign: What?). Look for NaN" in message and "Give a longer --timeout. Look at the metric" in message
    assert "\n" not in message and len(message) < 1000
