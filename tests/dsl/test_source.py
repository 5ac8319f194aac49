"""The exported optimizers train as `RuleOptimizer` does, to the last bit."""

import importlib.util
import inspect
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import reference
import tensorflow as tf

from neural_optimizer_search import Rule, RuleOptimizer, parse_formula

ROOT = pathlib.Path(__file__).parent.parent.parent
RNG = np.random.default_rng(0)
SHAPES = ((13,), (2, 3))


def _gradients(shape):
    """Of both signs and several magnitudes, some 0 and some with a cube that underflows to 0."""
    return (RNG.normal(size=shape) * RNG.choice([0, 1e-16, 1e-2, 1, 5], shape)).astype(np.float32)


# Steps t, the last of them past T, -> the gradients.
GRADIENTS = {t: [_gradients(shape) for shape in SHAPES] for t in (0, 3, 7)}
WEIGHTS = [RNG.normal(size=shape).astype(np.float32) for shape in SHAPES]
ARGUMENTS = dict(learning_rate=0.5, decay_steps=7, seed=-7)


def exported(rule, **arguments):
    """An optimizer of the exported class; it gets what its constructor takes."""
    names = {"__name__": "exported"}
    exec(rule.to_source("MyOptimizer"), names)
    takes = inspect.signature(names["MyOptimizer"]).parameters
    own = {name: value for name, value in ARGUMENTS.items() if name in takes}
    return names["MyOptimizer"](**{**own, **arguments})


def run(optimizer, compiled=False):
    """The weights of each variable after each step."""
    variables = [tf.Variable(w) for w in WEIGHTS]
    optimizer.build(variables)

    def step(gradients):
        optimizer.apply_gradients(zip(gradients, variables))

    step = tf.function(step) if compiled else step
    path = []
    for t, gradients in GRADIENTS.items():
        optimizer.iterations.assign(t)
        step([tf.constant(g) for g in gradients])
        path.append([w.numpy() for w in variables])
    return path


def check(rule, compiled=False, **arguments):
    expected = run(RuleOptimizer(rule, **{**ARGUMENTS, **arguments}), compiled)
    for t, *paths in zip(GRADIENTS, run(exported(rule, **arguments), compiled), expected):
        for weights in zip(*paths):
            np.testing.assert_array_equal(*weights, err_msg=f"{rule} at step {t}")


# -- The same bits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("word", reference.OPERANDS)
def test_each_operand(word):
    check(Rule([(word, "g", "identity", "identity", "left")]))


@pytest.mark.parametrize("word", reference.UNARIES)
def test_each_unary(word):
    for operand in ("g", "g^3", "m", "1", "ld"):
        check(Rule([(operand, "g", word, "identity", "left")]))


@pytest.mark.parametrize("word", reference.BINARIES)
def test_each_binary(word):
    # Numbers, scalars and tensors, each with each.
    for pair in ("m g", "2 g", "g 2", "ld g", "g cd", "1 2", "ld cd_1", "2 ld", "rd_10 2"):
        check(Rule([(*pair.split(), "identity", "identity", word)]))


@pytest.mark.parametrize("formula", reference.PUBLISHED)
def test_each_published_rule(formula):
    check(parse_formula(formula))


@pytest.mark.parametrize("seed", range(4))
def test_random_rules(seed):
    for iterations in reference.random_rules(seed, count=12):
        check(Rule(iterations))


@pytest.mark.parametrize(
    "formula", ["exp(ld * sign(g) * sign(m)) * g", "drop(m, 0.1) / (exp(g^2) + eps)", "(1 + rd_10 * eps_t) * Adam"]
)
def test_in_a_graph(formula):
    check(parse_formula(formula), compiled=True)


def test_what_every_keras_optimizer_takes():
    schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.5, 2, 0.5)
    for arguments in ({"weight_decay": 0.1, "clipnorm": 0.5}, {"learning_rate": schedule}, {"learning_rate": 1}):
        check(parse_formula("m + g^3"), **arguments)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_other_dtypes(dtype):
    rule = parse_formula("(Adam + ld * drop(gamma, 0.5) + rd_20) / (eps + eps_t * 1e-3*w) + exp(2 ^ cd)")
    paths = []
    for optimizer in (exported(rule), RuleOptimizer(rule, **ARGUMENTS)):
        w = tf.Variable(tf.ones(4, dtype))
        optimizer.apply_gradients([(tf.constant([1.0, -2.0, 3.0, 0.5], dtype), w)])
        paths.append(tf.cast(w, tf.float64))
    np.testing.assert_allclose(*paths, rtol=1e-6)


@pytest.mark.parametrize("clip", [{}, {"clipvalue": 1.5}, {"clipnorm": 1.0}, {"global_clipnorm": 1.0}])
def test_a_sparse_gradient_is_summed_before_it_is_clipped(clip):
    sparse = tf.IndexedSlices(tf.constant([[1.0, -1.0], [1.0, 2.0]]), tf.constant([2, 2]), (3, 2))
    results = []
    for gradient in (sparse, tf.convert_to_tensor(sparse)):
        w = tf.Variable(tf.ones([3, 2]))
        exported(parse_formula("g"), **clip).apply_gradients([(gradient, w)])
        results.append(w.numpy())
    np.testing.assert_array_equal(*results)


# -- The file --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "arguments", "averages"),
    [
        ("g", [], 0),
        ("1e-2*w", [], 0),
        ("sign(m)", [], 1),
        ("ld * Adam", ["decay_steps"], 2),
        ("drop(gamma, 0.3) + eps_t * rd_10", ["decay_steps", "seed"], 1),
    ],
)
def test_only_what_the_rule_reads(formula, arguments, averages):
    optimizer = exported(parse_formula(formula))
    takes = list(inspect.signature(type(optimizer)).parameters)
    assert takes == ["learning_rate", *arguments, "kwargs"]
    optimizer.build([tf.Variable(tf.zeros(3))])
    variables = optimizer.variables if isinstance(optimizer.variables, list) else optimizer.variables()
    assert sum(tuple(v.shape) == (3,) for v in variables) == averages


def test_the_equation_is_written_once_and_short():
    def equation(formula):
        lines = parse_formula(formula).to_source("MyOptimizer").split('"""The equation."""\n')[1].split("\n\n")[0]
        return [line.strip().split("  #")[0] for line in lines.split("\n")]

    assert equation("g") == ["return g"]
    assert equation("exp(ld * sign(g) * sign(m)) * g") == [
        "T = self.decay_steps",
        "ld = 1.0 - tf.minimum(t, T) / T",
        "return tf.exp(ld * tf.sign(g) * tf.sign(m)) * g",
    ]
    assert equation("clip(RMSProp, 1e-5) + Adam")[1:] == [
        "rmsprop = g / (tf.sqrt(v_hat) + 1e-8)",
        "m_hat = m / -tf.math.expm1((t + 1) * math.log(0.9))",
        "adam = m_hat / (tf.sqrt(v_hat) + 1e-8)",
        "return tf.clip_by_value(rmsprop, -1e-5, 1e-5) + adam",
    ]
    assert equation("(g - 2)^2 / exp(-(g - 2)) - g * (1 * 2)") == [
        "x1 = g - 2",
        "return x1**2 / (tf.exp(-x1) + 1e-8) - g * 2",
    ]


def test_it_tells_where_it_comes_from():
    doc = type(exported(parse_formula("exp(sign(g) * sign(m)) * g"))).__doc__
    assert "Neural Optimizer Search" in doc and "exp(sign(g) * sign(m)) * g\n" in doc
    assert parse_formula("exp(sign(g) * sign(m)) * g").latex() in doc


def test_the_files_have_no_lint(tmp_path):
    pytest.importorskip("ruff")
    rules = [*map(parse_formula, reference.PUBLISHED), *map(Rule, reference.random_rules(seed=9, count=200))]
    rules.append(parse_formula("exp(-" * 45 + "g" + ")" * 45))
    for i, rule in enumerate(rules):
        (tmp_path / f"rule_{i}.py").write_text(rule.to_source("MyOptimizer"))
    for command in (["check"], ["format", "--check"]):
        lint = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", ROOT / "pyproject.toml", tmp_path]
        result = subprocess.run(lint, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def test_a_saved_model_goes_on_as_if_it_had_not_been_saved(tmp_path):
    rule = parse_formula("ld * drop(m, 0.1) / (exp(g^2) + eps)")
    (tmp_path / "mine.py").write_text(rule.to_source("MyOptimizer"))
    spec = importlib.util.spec_from_file_location("mine", tmp_path / "mine.py")
    mine = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mine)
    x = RNG.normal(size=(32, 3)).astype(np.float32)
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer=mine.MyOptimizer(0.1, decay_steps=8, seed=3), loss="mse")
    model.fit(x, x[:, :1], batch_size=8, verbose=0, shuffle=False)
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    assert type(again.optimizer) is mine.MyOptimizer
    for each in (model, again):
        each.fit(x, x[:, :1], batch_size=8, verbose=0, shuffle=False)
    for a, b in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(a, b)


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "My Rule", "2nd", "_", "Ünter", "class", "None", "tf", "float", "a\n", None])
def test_the_name_must_be_that_of_a_class(name):
    with pytest.raises(ValueError, match=r"^Argument `name` must be .* Received: "):
        parse_formula("g").to_source(name)


@pytest.mark.parametrize("decay_steps", [None, 0, 2.5])
def test_decay_steps_are_required_where_t_over_T_is_read(decay_steps):
    with pytest.raises(ValueError, match=r"^Argument `decay_steps` must be .* Received: "):
        exported(parse_formula("ld * g"), decay_steps=decay_steps)
