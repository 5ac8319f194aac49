"""Tasks of compiled Keras models: their losses, metrics and data, and what is refused."""

import dataclasses
import pathlib
import pickle
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.schedule_shape import CONSTANT, Schedule
from neural_optimizer_search.tasks import KerasTask, UnknownTask, find_task
from neural_optimizer_search.tasks.digits import DIGITS
from neural_optimizer_search.tasks.keras_protocols import SCHEDULES
from neural_optimizer_search.workers.placement import Wanted
from neural_optimizer_search.workers.process_workers import process_executor

ROOT = pathlib.Path(__file__).parent.parent.parent
layers = tf.keras.layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(70, 3))
Y = X.sum(axis=1)
IDS = RNG.integers(1, 9, size=(70, 5))
HAS_A_3 = (IDS == 3).any(axis=1).astype(np.int32)
RULES = ("g", "Adam", "drop(m, 0.1) / (exp(g^2) + eps)")


def part(data, start, stop):
    return tf.nest.map_structure(lambda array: array[start:stop], data)


def batches(data, size=20):
    return tf.data.Dataset.from_tensor_slices(data).batch(size)


def linear():
    return tf.keras.Sequential([layers.Dense(1)])


def keras_task(data=(X, Y), **changes):
    settings = dict(
        model=linear,
        train=part(data, 0, 50),
        validation=part(data, 50, 70),
        loss="mse",
        steps=6,
        sizes=dict(batch_size=10, learning_rates=(1e-2, 1e-1), probe_steps=2, seeds=(0,)),
    )
    return KerasTask(**{**settings, **changes})


def child(task, name="default"):
    return task.child(task.protocols[name])


# -- Models: each is trained with several rules ------------------------------------------------------------------


class Reader(tf.keras.Model):
    """Subclassed: its weights are made when it is called."""

    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(9, 4)
        self.pool = layers.GlobalAveragePooling1D()
        self.dropout = layers.Dropout(0.5)
        self.classify = layers.Dense(1)

    def call(self, inputs, training=False):
        return self.classify(self.dropout(self.pool(self.embedding(inputs)), training=training))


def two_inputs_two_outputs():
    numbers, ids = tf.keras.Input((3,), name="numbers"), tf.keras.Input((5,), dtype="int32", name="ids")
    hidden = layers.Concatenate()([numbers, layers.Flatten()(layers.Embedding(9, 2)(ids))])
    hidden = layers.BatchNormalization(momentum=0.5)(layers.Dense(4, kernel_regularizer="l2")(hidden))
    outputs = {"sum": layers.Dense(1, name="sum")(hidden), "has": layers.Dense(1, "sigmoid", name="has")(hidden)}
    return tf.keras.Model({"numbers": numbers, "ids": ids}, outputs)


LOSS_OF_BOTH = {"sum": "mse", "has": "binary_crossentropy"}


TASKS = {
    "subclassed, embedding, dropout": lambda: keras_task(
        (IDS, HAS_A_3),
        model=Reader,
        loss=tf.keras.losses.BinaryCrossentropy(from_logits=True),
        metric=tf.keras.metrics.AUC(from_logits=True),
    ),
    "dicts, batch normalization, regularizer": lambda: keras_task(
        ({"numbers": X, "ids": IDS}, {"sum": Y, "has": HAS_A_3}),
        model=two_inputs_two_outputs,
        loss=LOSS_OF_BOTH,
    ),
}


@pytest.mark.parametrize("name", TASKS)
def test_any_model_is_traced_once_for_all_rules(name):
    task = TASKS[name]()
    evaluate = Evaluator(task, task.protocols["default"])
    results = [evaluate(parse_formula(formula)) for formula in RULES]
    for result in results:
        assert result.status == "ok"
        assert 0.0 <= result.reward <= 1.0
        assert all(loss is not None for _, loss in result.sweep)
    assert len({result.reward for result in results}) > 1
    # What layers draw, and all other state, begins anew with each run.
    assert evaluate(parse_formula(RULES[0])).rewards == results[0].rewards
    diverged = evaluate(parse_formula("log(g - g)"))
    assert (diverged.status, diverged.reward) == ("diverged", 0.0)
    assert evaluate.train.traces == 1


# -- Scores --------------------------------------------------------------------------------------------------------


def scores(targets, predictions, compiled=False, **changes):
    """[score, loss, metric] by a task whose model predicts its inputs, in batches of unequal sizes."""
    targets, predictions = np.array(targets, np.float32), np.array(predictions, np.float32)
    outputs = predictions.shape[-1]

    def identity():
        model = tf.keras.Sequential([layers.Dense(outputs, kernel_initializer="identity")])
        if compiled:
            model.compile(loss="mae")
        return model

    validation = (predictions, targets)
    train = (predictions + 1.0, targets)
    sizes = dict(batch_size=3, seeds=(0,))
    made = child(keras_task(**{**dict(model=identity, train=train, validation=validation, sizes=sizes), **changes}))
    return made.validate(made.make_model(), made.validation).numpy()


TARGETS = [1.0, 2.0, 3.0, 6.0]
PREDICTIONS = [[1.0], [2.0], [4.0], [3.0]]  # one axis more than the targets, as of a Dense(1)


def test_a_lower_metric_is_scored_by_the_worst():
    np.testing.assert_allclose(scores(TARGETS, PREDICTIONS, metric="mae", worst=4.0), [1 - 1.0 / 4.0, 10.0 / 4, 1.0])
    np.testing.assert_allclose(scores(TARGETS, PREDICTIONS, worst=4.0), [1 - 2.5 / 4.0, 2.5, 2.5])
    np.testing.assert_allclose(scores(TARGETS, PREDICTIONS, worst=2.0), [0.0, 2.5, 2.5])


def test_the_worst_is_the_untrained_models():
    tf.keras.utils.set_random_seed(0)
    model = linear()
    untrained = np.abs(model(X[50:].astype(np.float32))[:, 0] - Y[50:]).mean()
    made = child(keras_task(metric="mae"))
    assert made.scale == (pytest.approx(untrained, rel=1e-5), 0.0)
    model = made.make_model()
    model(X[:1].astype(np.float32))
    model.set_weights([np.ones((3, 1)), np.full(1, 0.25)])
    score, _, metric = made.validate(model, made.validation).numpy()
    assert (score, metric) == (pytest.approx(1 - 0.25 / untrained, rel=1e-5), pytest.approx(0.25, rel=1e-5))


def square_error(targets, predictions):
    return (targets - predictions) ** 2


def test_a_function_is_averaged_over_examples():
    columns = [[target] for target in TARGETS]  # Keras 3 hands flat ones on as they are
    score, _, metric = scores(columns, PREDICTIONS, metric=square_error, higher_is_better=False, worst=5.0)
    assert (score, metric) == (pytest.approx(1 - 2.5 / 5.0), pytest.approx(2.5))


PAIRS = [[0.1, 0.9], [0.7, 0.3], [0.8, 0.2], [0, 1.0]]


@pytest.mark.parametrize(
    ("targets", "predictions", "loss"),
    [
        # Keras's threshold of one output is 0.5, of logits too.
        ([1, 0, 1, 1], [[2.0], [0.3], [-1.0], [0.6]], tf.keras.losses.BinaryCrossentropy(from_logits=True)),
        ([1, 0, 1, 1], [[0.9], [0.3], [0.2], [0.6]], "binary_crossentropy"),
        ([1, 0, 1, 1], PAIRS, "sparse_categorical_crossentropy"),
        ([[0, 1], [1, 0], [0, 1], [0, 1]], PAIRS, "mse"),
    ],
)
def test_which_accuracy(targets, predictions, loss):
    score, _, metric = scores(targets, predictions, loss=loss, metric="accuracy")
    assert score == metric == pytest.approx(0.75)  # the third answer is wrong


def not_a_number(targets, predictions):
    return predictions * np.nan


def test_a_metric_that_is_not_a_number_is_paid_nothing():
    score, loss, metric = scores([1.0, 1.0, 1.0], [[2.0]] * 3, metric=not_a_number, higher_is_better=True)
    assert (score, loss) == (0.0, 1.0)
    assert np.isnan(metric)


def test_the_loss_of_a_compiled_model():
    got = scores(TARGETS, PREDICTIONS, compiled=True, loss=None, worst=4.0)
    np.testing.assert_allclose(got, [0.75, 1.0, 1.0])


# -- Arguments -----------------------------------------------------------------------------------------------------


def test_protocols():
    p = KerasTask(linear, (X, Y), (X, Y), "mse", steps=90, sizes=dict(batch_size=32, seeds=(5, 6))).protocols
    assert set(p) == set(DIGITS.protocols)
    default, reduced, paper = p["default"], p["reduced"], p["paper"]
    assert (default.sweep_steps, default.final_steps, default.validate_every) == (30, 90, 15)
    assert (default.batch_size, default.seeds, default.centred) == (32, (5, 6), True)
    assert (reduced.sweep_steps, reduced.final_steps, reduced.validate_every) == (10, 30, 5)
    assert (reduced.batch_size, reduced.seeds) == (32, (5,))
    assert set(reduced.learning_rates) < set(default.learning_rates)
    assert paper.learning_rates == DIGITS.protocols["paper"].learning_rates
    assert (paper.final_steps, paper.validate_every, paper.reward) == (90, 90, "final_accuracy")
    assert not paper.centred


def test_what_is_measured_is_the_end_of_a_training_whose_rate_falls():
    p = KerasTask(linear, (X, Y), (X, Y), "mse").protocols
    for name in ("default", "reduced"):
        assert (p[name].schedules, p[name].weight_decays, p[name].reward) == (SCHEDULES, (0.0,), "end_accuracy")
    assert CONSTANT not in SCHEDULES
    sizes = dict(schedules=["constant", "cosine, warm-up 0.1"], weight_decays=(0.0, 0.01), reward="mean_accuracy")
    p = KerasTask(linear, (X, Y), (X, Y), "mse", sizes=sizes).protocols
    for name in ("default", "reduced"):
        assert p[name].schedules == (CONSTANT, Schedule("cosine", 0.1))
        assert (p[name].weight_decays, p[name].reward) == ((0.0, 0.01), "mean_accuracy")
    assert (p["paper"].schedules, p["paper"].weight_decays) == ((CONSTANT,), (0.0,))
    assert p["paper"].reward == "final_accuracy"


def first_column(inputs):
    return inputs[:, :1]


def compiled():
    model = linear()
    model.compile("sgd", "mse")
    return model


SHARED = linear()
BAD_ARGUMENTS = {
    "a model": (dict(model=SHARED), "`model` must be a function without arguments .* Received: <"),
    "no steps": (dict(steps=0), "`steps` must be a whole number of at least 1. Received: 0"),
    "sizes": (dict(sizes=dict(epochs=3)), "`sizes` must be a dict with keys among: batch_size, .* Received: epochs"),
    "reward": (
        dict(sizes=dict(reward="mean_cross_entropy")),
        "reward among: end_accuracy, mean_accuracy, final_accuracy",
    ),
    "a bare schedule": (dict(sizes=dict(schedules="cosine")), "a tuple of schedules, such as .* Received: 'cosine'"),
    "no schedule": (
        dict(sizes=dict(schedules=("cosin",))),
        "`schedule` must be one of: constant, .* Received: 'cosin'",
    ),
    "no schedules": (dict(sizes=dict(schedules=())), "`schedules` must be a tuple of different Schedules. Received"),
    "weight decay": (dict(sizes=dict(weight_decays=(-1.0,))), "`weight_decays` must be a tuple of different finite"),
    "direction": (dict(metric=lambda t, p: p), "`higher_is_better` must be True or False .* Received: None"),
}
BAD_CHILDREN = {
    "no model": (dict(model=lambda: 3), "`model` must be a function that makes a Keras model. It made: 3"),
    "the same model": (dict(model=lambda: SHARED), "`model` must make a new model each time, and with `loss` one"),
    "no weights": (
        dict(model=lambda: tf.keras.Sequential([layers.Dropout(0.5), layers.Lambda(first_column)])),
        "Two models that it made have none",
    ),
    "float64": (
        dict(model=lambda: tf.keras.Sequential([layers.Dense(1, dtype="float64")])),
        "trainable weights are float32. Received: float64",
    ),
    "no loss": (dict(loss=None), "`model` must make a model that is compiled, or argument `loss` must be given"),
    "unknown loss": (dict(loss="best"), "`loss` must be .* Received: 'best'"),
    "unknown metric": (dict(metric="quality", higher_is_better=True), "`metric` must be .* Received: 'quality'"),
    "not compiled with that metric": (
        dict(model=compiled, loss=None, metric="mae"),
        "`metric` must be a metric that the model is compiled with, one of: loss. Received: 'mae'",
    ),
    "only a name": (
        dict(loss=None, metric=square_error),
        "`metric` must be the name of a metric .* Received: <function",
    ),
    "weights without a loss": (dict(loss=None, loss_weights=[1.0]), "`loss_weights` must be None without `loss`"),
    "batches": (dict(sizes=dict(batch_size=51)), "batch_size of at most 50, .* Received: 51"),
    "a metric below 0": (
        dict(metric=lambda t, p: -1.0 + 0.0 * p, higher_is_better=False),
        "`worst` must be a finite number above 0 .* Received: None; the untrained model has -1",
    ),
    "worst": (
        dict(metric="accuracy", worst=1.0),
        "`worst` must be less than 1 for a metric .* higher values are better",
    ),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_bad_arguments(name):
    changes, message = BAD_ARGUMENTS[name]
    with pytest.raises(ValueError, match=message):
        keras_task(**changes)


@pytest.mark.parametrize("name", BAD_CHILDREN)
def test_bad_children(name):
    changes, message = BAD_CHILDREN[name]
    with pytest.raises(ValueError, match=message):
        child(keras_task(**changes))


def numbered():
    model = linear()
    model.compile("sgd", "mse", metrics=[tf.keras.metrics.AUC(), tf.keras.metrics.AUC(curve="PR")])
    return model


def test_names_that_keras_numbers():
    data = (X, HAS_A_3)
    task = keras_task(data, model=numbered, loss=None, metric="quality", higher_is_better=True)
    with pytest.raises(ValueError, match=r"one of: loss, auc.* Keras counts unnamed layers"):
        child(task)


def test_a_factory_that_clears_the_session():
    def model():
        tf.keras.backend.clear_session()
        return tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(1)])

    task = keras_task(model=model)
    with pytest.raises(ValueError, match=r"not call clear_session, .* Received from elsewhere: "):
        Evaluator(task, task.protocols["default"])


def test_a_function_whose_name_ends_in_loss():
    def my_loss(targets, predictions):
        return tf.abs(targets - predictions)

    assert child(keras_task(metric=my_loss)).metric_name == "my_loss"


def test_accuracy_of_two_outputs():
    task = TASKS["dicts, batch normalization, regularizer"]()
    child(dataclasses.replace(task, metric={"has": "accuracy"}))
    with pytest.raises(ValueError, match="metric"):
        child(dataclasses.replace(task, metric="accuracy"))


# -- By name -------------------------------------------------------------------------------------------------------

MODULE = """
    import numpy as np
    import tensorflow as tf
    from neural_optimizer_search.tasks import KerasTask

    x = np.random.default_rng(0).normal(size=(70, 3)).astype("float32")
    data = tf.data.Dataset.from_tensor_slices((x, x.sum(1)))  # does not pickle, and neither do lambdas
    task = KerasTask(
        model=lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]),
        train=data.take(50).batch(16),
        validation=data.skip(50).batch(16),
        loss="mse",
        metric="mae",
        steps=30,
        sizes=dict(batch_size=10, learning_rates=(1e-1,), probe_steps=2, seeds=(0,)),
    )
    number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """The name of a module in the current directory."""
    name = f"own_model_{request.node.name.split('[')[0]}"
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    return name


@pytest.mark.once  # with any Keras a task is found and pickled, and datasets are trained on
def test_a_named_task_here_and_in_a_worker(module):
    task = find_task(f"{module}:task")
    protocol = task.protocols["default"]
    evaluate = Evaluator(task, protocol)
    adam, still = parse_formula("Adam"), parse_formula("g - g")
    here = evaluate(adam)
    (schedule,) = protocol.schedules
    plan = RunPlan(here.learning_rate, 0, protocol.final_steps, protocol.validate_every, schedule)
    run = evaluate.train(adam, plan)
    assert here.reward == pytest.approx(np.mean(run.scores[-(len(run.scores) // 3) :]))
    assert here.accuracy == pytest.approx(run.scores[-1])
    assert here.accuracy > 0.5  # of the untrained model's error is gone
    assert evaluate(still).reward == 0.0  # and here none
    with process_executor(task, protocol, wanted=Wanted(1)) as executor:
        (there,) = executor([adam])
    assert there.rewards == pytest.approx(here.rewards, abs=1e-5)


def test_a_named_task_pickles_as_its_name(module):
    task = find_task(f"{module}:task")
    assert pickle.loads(pickle.dumps(task)) == task
    assert len(pickle.dumps(task)) < 200
    assert task.name == f"{module}:task"


def test_a_dataset_does_not_pickle():
    task = keras_task(train=batches((X, Y)))
    with pytest.raises(TypeError, match=r"`train` must be a function .* find_task\('module:attribute'\)"):
        pickle.dumps(task)
    pickle.dumps(keras_task())


def test_shipped_tasks_are_found():
    assert find_task("digits") is DIGITS


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnist", "must be one of: digits, digits_mlp, cifar10, cifar10_wrn, or module:attribute of a .* 'mnist'"),
        (":task", "must be one of: .* Received: ':task'"),
        ("nothing.there:task", "there is no module 'nothing.there' in .* without .py. Received: 'nothing.there:"),
        ("{module}:tusk", r"module '{module}' \(.*\.py\) has no 'tusk'. Received"),
        ("{module}:number", "'{module}:number' must be a KerasTask, or another Task. Received: 3"),
    ],
)
def test_names_of_nothing(module, name, message):
    with pytest.raises(UnknownTask, match=message.format(module=module)):
        find_task(name.format(module=module))


def test_an_error_in_the_users_module_passes_through(tmp_path, monkeypatch):
    (tmp_path / "own_model_that_fails.py").write_text("import a_package_that_is_not_there\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    with pytest.raises(ModuleNotFoundError, match="a_package_that_is_not_there"):
        find_task("own_model_that_fails:task")


def test_the_example(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(ROOT)
    task = find_task("examples.search_your_model:task")
    data = child(task).train
    assert data[0].shape == (350, 30)
    assert set(data[1].numpy()) == {0, 1}
