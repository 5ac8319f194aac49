import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.optimizers import RuleOptimizer

RNG = np.random.default_rng(1)
GRADIENTS = RNG.normal(size=(12, 4)).astype(np.float32)


def run(optimizer, gradients=GRADIENTS, count=1):
    """The weights after each step: [step, variable, element], all starting at 1."""
    variables = [tf.Variable(tf.ones(np.shape(gradients[0]))) for _ in range(count)]
    path = []
    for g in gradients:
        optimizer.apply_gradients([(tf.constant(g, tf.float32), w) for w in variables])
        path.append([w.numpy() for w in variables])
    return np.array(path)


def round_trip(optimizer):
    return tf.keras.optimizers.deserialize(tf.keras.optimizers.serialize(optimizer))


@pytest.mark.parametrize(
    ("formula", "gradients", "expected"),
    [
        ("g", [1.0, -2.0], [0.9, 1.1]),
        ("sign(g) + 1", [-5.0, 5.0], [1.0, 0.8]),
        # Bias-corrected: a constant gradient is its own average.
        ("m", [2.0, 2.0], [0.8, 0.6]),
        ("sqrt(v)", [-2.0, 2.0], [0.8, 0.6]),
        ("gamma", [2.0, 2.0], [0.2, -0.6]),
        ("Adam", [3.0, 3.0], [0.9, 0.8]),
        ("1e-1*w", [7.0, 7.0], [0.99, 0.9801]),
        # T = 2: ld is 1, 1/2, 0.
        ("ld * g", [1.0, 1.0, 1.0], [0.9, 0.85, 0.85]),
        ("log(|g|)", [1.0, 0.0], [1.0, np.inf]),
    ],
)
def test_steps_by_hand(formula, gradients, expected):
    path = run(RuleOptimizer(formula, learning_rate=0.1, decay_steps=2), gradients)
    np.testing.assert_allclose(path[:, 0], expected, rtol=2e-5, atol=2e-5)


def test_adam_equals_numpy():
    m = v = 0.0
    w, expected = np.ones(4), []
    for t, g in enumerate(GRADIENTS.astype(np.float64)):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        w = w - 0.1 * m / (1 - 0.9 ** (t + 1)) / (np.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8)
        expected.append(w)
    path = run(RuleOptimizer("Adam", learning_rate=0.1))
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("formula", "averages"),
    [
        ("g", ()),
        ("exp(sign(g) * sign(m)) * g", ("m",)),
        ("RMSProp", ("v",)),
        ("Adam * exp(m)", ("m", "v")),
        ("m * exp(gamma)", ("m", "gamma")),
    ],
)
def test_only_the_averages_that_the_rule_reads_are_kept(formula, averages):
    optimizer = RuleOptimizer(formula)
    optimizer.build([tf.Variable(tf.zeros(3)), tf.Variable(tf.zeros([2, 2]))])
    assert tuple(optimizer._averages) == averages
    shapes = [tuple(v.shape) for v in optimizer.variables if tuple(v.shape)]
    assert sorted(shapes) == sorted([(3,), (2, 2)] * len(averages))


def test_fit_lowers_the_loss():
    tf.keras.utils.set_random_seed(0)
    x = RNG.normal(size=(64, 3)).astype(np.float32)
    model = tf.keras.Sequential([tf.keras.Input((3,)), tf.keras.layers.Dense(1)])
    model.compile(optimizer=RuleOptimizer("drop(m, 0.1) * exp(sign(g) * sign(m))", 0.05), loss="mse")
    losses = model.fit(x, x[:, :1], batch_size=16, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


# -- Noise -----------------------------------------------------------------------------------------

BIG = np.ones((4, 50), np.float32)


@pytest.mark.parametrize("formula", ["eps", "eps_t", "drop(g, 0.5)", "g * eps + drop(m, 0.3)"])
def test_noise_repeats_and_differs_between_variables_steps_and_seeds(formula):
    steps = np.diff(run(RuleOptimizer(formula, 0.1, seed=5), BIG, count=2), axis=0)
    again = np.diff(run(RuleOptimizer(formula, 0.1, seed=5), BIG, count=2), axis=0)
    np.testing.assert_array_equal(steps, again)
    other = np.diff(run(RuleOptimizer(formula, 0.1, seed=6), BIG, count=2), axis=0)
    draws = [*steps.reshape(-1, 50), *other.reshape(-1, 50)]
    for i, draw in enumerate(draws):
        for later in draws[i + 1 :]:
            assert np.mean(np.abs(draw - later) > 1e-4) > 0.2


def test_neighbouring_seeds_and_variables_share_no_noise():
    steps = [np.diff(run(RuleOptimizer("eps", 1.0, seed=s), BIG, 3), axis=0) for s in (-1, 0, 1)]
    assert len({draw.tobytes() for draw in np.array(steps).reshape(-1, 50)}) == 3 * 3 * 3


def test_noise_has_the_variance_of_the_paper():
    gradients = np.zeros((2, 20_000), np.float32)
    path = 1.0 - run(RuleOptimizer("eps", 1.0), gradients)[0, 0]
    assert abs(path.mean()) < 0.003 and abs(path.var() - 0.01) < 0.0005
    path = -np.diff(run(RuleOptimizer("eps_t", 1.0), gradients)[:, 0], axis=0)[0]
    assert abs(path.var() - 2**-0.55) < 0.03


def test_a_resumed_run_repeats_the_noise():
    optimizer = RuleOptimizer("eps", 0.1, seed=2)
    whole = np.diff(run(optimizer, BIG), axis=0)
    resumed = RuleOptimizer("eps", 0.1, seed=2)
    resumed.iterations.assign(2)
    np.testing.assert_allclose(np.diff(run(resumed, BIG[:2]), axis=0)[0], whole[2], atol=1e-6)


def test_noise_is_the_same_in_a_graph():
    eager = run(RuleOptimizer("drop(g, 0.5) + eps", 0.1, seed=3), BIG[:1])[0, 0]
    w, optimizer = tf.Variable(tf.ones(50)), RuleOptimizer("drop(g, 0.5) + eps", 0.1, seed=3)
    tf.function(lambda: optimizer.apply_gradients([(tf.constant(BIG[0]), w)]))()
    np.testing.assert_allclose(w.numpy(), eager, atol=1e-6)


# -- Config ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rule",
    [
        "exp(ld * sign(g) * sign(m)) * g",
        "clip(RMSProp, 1e-5) + drop(m, 0.3)",
        Rule((("eps", "g", "neg", "sign", "left"), ("g", 0, "identity", "drop_0.5", "add"))),
    ],
)
def test_config_round_trip_computes_identically(rule):
    optimizer = RuleOptimizer(rule, 0.125, decay_steps=9, seed=4, weight_decay=0.5, clipvalue=1.5)
    again = round_trip(optimizer)
    assert again.rule == optimizer.rule and again.get_config() == optimizer.get_config()
    np.testing.assert_array_equal(run(again, count=2), run(optimizer, count=2))


def test_a_formula_alone_would_not_keep_the_noise():
    detour = ("g", "1", "identity", "identity", "left")
    spelled = Rule((detour, (0, "eps", "identity", "identity", "add")))
    simplified = parse_formula(spelled.formula())
    paths = [run(RuleOptimizer(rule, 0.1), BIG[:1]) for rule in (spelled, simplified)]
    assert not np.allclose(*paths)


# -- Errors ----------------------------------------------------------------------------------------


def test_text_that_is_no_formula_is_refused():
    with pytest.raises(ValueError, match="Argument `formula` "):
        RuleOptimizer("g +")


def test_annealed_noise_needs_no_decay_steps():
    assert RuleOptimizer("eps_t * g").decay_steps is None
