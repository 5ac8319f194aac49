"""`RuleOptimizer`: its steps by hand, its noise, its configuration and its errors."""

import numpy as np
import pytest
from backends import apply, array, compiled, dtype_of, keras, tensor, transposed, variable

from neural_optimizer_search import FormulaError, Rule, parse_formula
from neural_optimizer_search.optimizers import RuleOptimizer

RNG = np.random.default_rng(1)
GRADIENTS = RNG.normal(size=(12, 4)).astype(np.float32)


def run(optimizer, gradients=GRADIENTS, count=1):
    """The weights after each step: [step, variable, element], all starting at 1."""
    variables = [variable(np.ones(np.shape(gradients[0]))) for _ in range(count)]
    path = []
    for g in gradients:
        apply(optimizer, [tensor(g)] * count, variables)
        path.append([array(w) for w in variables])
    return np.array(path)


def round_trip(optimizer):
    return keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))


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
    optimizer.build([variable(np.zeros(3)), variable(np.zeros((2, 2)))])
    assert tuple(optimizer.averages) == averages
    shapes = [tuple(v.shape) for v in optimizer.variables if tuple(v.shape)]
    assert sorted(shapes) == sorted([(3,), (2, 2)] * len(averages))


def test_fit_lowers_the_loss():
    keras.utils.set_random_seed(0)
    x = RNG.normal(size=(64, 3)).astype(np.float32)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
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


PLACES = {
    "first operand": ("eps", "1", "identity", "identity", "mul"),
    "second operand": ("1", "eps", "identity", "identity", "mul"),
    "first unary": ("1", "1", "drop_0.5", "identity", "mul"),
    "second unary": ("1", "1", "identity", "drop_0.5", "mul"),
}


def test_each_place_in_a_rule_draws_its_own_numbers():
    dead = ("g", "g", "identity", "identity", "left")
    draws = [
        run(RuleOptimizer(Rule((*[dead] * depth, PLACES[place])), 1.0), BIG[:1])
        for place in PLACES
        for depth in (0, 1, 3)
    ]
    assert len({draw.tobytes() for draw in draws}) == len(draws)
    # Two of one word in one rule.
    twice = run(RuleOptimizer(Rule((("eps", "eps", "identity", "identity", "sub"),)), 1.0), BIG[:1])
    assert np.mean(np.abs(1 - twice) > 1e-4) > 0.9


def test_a_draw_is_told_by_its_place_whatever_else_the_rule_does():
    alone = run(RuleOptimizer("drop(g, 0.5)", 0.25, seed=3), BIG)
    among = run(RuleOptimizer("drop(g, 0.5) * exp(m) / exp(m)", 0.25, seed=3, use_ema=True), BIG)
    np.testing.assert_allclose(alone, among, atol=1e-6)


def test_a_draw_does_not_depend_on_how_the_gradient_lies_in_memory():
    ones, draws = np.ones((8, 6), np.float32), []
    for gradient in (tensor(ones), transposed(tensor(np.ones((6, 8)))), tensor(1.0)):
        w = variable(np.zeros((8, 6)))
        apply(RuleOptimizer("eps + drop(g, 0.5)", 1.0), [gradient], [w])
        draws.append(array(w))
    np.testing.assert_array_equal(draws[0], draws[1])
    np.testing.assert_array_equal(draws[0], draws[2])


def test_late_steps_and_extreme_seeds_share_no_noise():
    draws = []
    for seed in (0, -1, 2**31 - 1, -(2**31)):
        for step in (0, 1, 255, 2**15, 2**16, 2**16 + 1, 2**24, 2**30):
            optimizer = RuleOptimizer("eps", 1.0, seed=seed)
            optimizer.iterations.assign(step)
            draws.append(run(optimizer, BIG[:1]).tobytes())
    assert len(set(draws)) == len(draws) == 32


@pytest.mark.parametrize(("word", "rate"), [("drop_0.1", 0.1), ("drop_0.3", 0.3), ("drop_0.5", 0.5)])
def test_drop_zeroes_as_many_as_it_says_and_scales_nothing(word, rate):
    iteration = ("g", "1", word, "identity", "mul")
    kept = 1 - run(RuleOptimizer(Rule((iteration,)), 1.0), np.ones((1, 20_000), np.float32))[0, 0]
    assert set(np.unique(kept)) == {0.0, 1.0}
    assert abs(np.mean(kept == 0) - rate) < 0.015
    # No element tells of the next one.
    assert abs(np.corrcoef(kept[1:], kept[:-1])[0, 1]) < 0.03


def test_noise_is_normal():
    noise = 10 * (1 - run(RuleOptimizer("eps", 1.0), np.zeros((1, 20_000), np.float32))[0, 0])
    assert abs(np.mean(noise**3)) < 0.1 and abs(np.mean(noise**4) - 3) < 0.25
    assert abs(np.mean(np.abs(noise) < 1) - 0.6827) < 0.015
    assert abs(np.corrcoef(noise[1:], noise[:-1])[0, 1]) < 0.03


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_draws_too(dtype):
    w, optimizer = variable(np.zeros(2000), dtype), RuleOptimizer("eps + drop(g, 0.5)", 1.0)
    apply(optimizer, [tensor(np.zeros(2000), dtype)], [w])
    assert dtype_of(w) == dtype and abs(array(w).astype(float).std() - 0.1) < 0.01


@pytest.mark.parametrize("formula", ["Adam", "g / sqrt(v_max)"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_averages_are_read_before_they_are_rounded_to_half_precision(dtype, formula):
    w = variable(1.0, dtype)
    apply(RuleOptimizer(formula, 0.5), [tensor(1e-3, dtype)], [w])  # v is 1e-9, which in float16 is 0
    np.testing.assert_allclose(array(w).astype(float), 0.5, rtol=1e-2)


def test_noise_is_the_same_in_a_function():
    gradients = tensor(BIG[0])
    eager = run(RuleOptimizer("drop(g, 0.5) + eps", 0.1, seed=3), BIG[:1])[0, 0]
    w, optimizer = variable(np.ones(50)), RuleOptimizer("drop(g, 0.5) + eps", 0.1, seed=3)
    compiled(optimizer, [w], xla=False)([gradients])
    np.testing.assert_allclose(array(w), eager, atol=1e-6)


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


# -- Functions of whole weight tensors --------------------------------------------------------------

SHAPES = [(), (4,), (2, 3), (3, 2, 2), (0, 2), (2, 0)]


def direction(formula, dtype="float32"):
    """The gradients and the steps that a rule takes from them, for weights of each of `SHAPES` that are 2."""
    optimizer, rng = RuleOptimizer(formula, 1.0), np.random.default_rng(5)
    weights = [variable(np.full(shape, 2.0), dtype) for shape in SHAPES]
    gradients = [rng.normal(size=shape) for shape in SHAPES]
    apply(optimizer, [tensor(g, dtype) for g in gradients], weights)
    return gradients, [2.0 - array(w).astype(float) for w in weights]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_functions_of_whole_tensors_of_any_shape(dtype):
    close = dict(rtol=1e-5, atol=1e-5) if dtype == "float32" else dict(rtol=4e-3, atol=4e-3)
    for formula, function in (
        ("normalize(g)", lambda g: g / np.sqrt(np.mean(g**2))),
        ("trust(g)", lambda g: g * 2.0 / np.sqrt(np.mean(g**2))),
        ("cautious(g + 0.5)", lambda g: (g + 0.5) * ((g + 0.5) * g > 0) / max(np.mean((g + 0.5) * g > 0), 1e-3)),
        ("on_matrices(g, 1)", lambda g: g if g.ndim > 1 else np.ones_like(g)),
    ):
        for g, step in zip(*direction(formula, dtype)):
            if g.size:
                np.testing.assert_allclose(step, function(g), **close, err_msg=f"{formula} of {g.shape}")


def test_orthogonal_steps():
    for g, step in zip(*direction("orthogonalize(g)")):
        if g.ndim < 2 or not g.size:
            np.testing.assert_allclose(step, g, rtol=1e-5, atol=1e-6)
            continue
        matrix, of_g = (x.reshape(-1, g.shape[-1]) for x in (step, g))
        values = np.linalg.svd(matrix, compute_uv=False) / max(1.0, matrix.shape[1] / matrix.shape[0]) ** 0.5
        assert np.all((values > 0.6) & (values < 1.3))
        u, _, v = np.linalg.svd(of_g, full_matrices=False)
        assert np.sum(matrix * (u @ v)) > 0.7 * np.linalg.norm(matrix) * np.linalg.norm(u @ v)


# -- Constants -------------------------------------------------------------------------------------


def test_an_argument_takes_the_place_of_the_rule_s_constant():
    optimizer = RuleOptimizer("Adam, beta_2=0.9", 0.1, beta_1=np.float32(0.5), epsilon=1)
    assert [optimizer.beta_1, optimizer.beta_2, optimizer.beta_3, optimizer.epsilon] == [0.5, 0.9, 0.999, 1.0]
    assert optimizer.rule == parse_formula("Adam, beta_1=0.5, beta_2=0.9, epsilon=1")
    weights = run(optimizer)
    np.testing.assert_array_equal(weights, run(RuleOptimizer(optimizer.rule, 0.1)))
    assert not np.allclose(weights, run(RuleOptimizer("Adam", 0.1)))
    config = optimizer.get_config()
    assert {name: config[name] for name in ("beta_1", "beta_2", "beta_3", "epsilon")} == {
        "beta_1": 0.5, "beta_2": 0.9, "beta_3": 0.999, "epsilon": 1.0
    }  # fmt: skip
    again = round_trip(optimizer)
    assert again.rule == optimizer.rule and again.get_config() == config


def test_a_config_from_before_rules_had_constants():
    config = RuleOptimizer("Adam").get_config()
    for name in ("beta_1", "beta_2", "beta_3", "epsilon"):
        del config[name]
    assert RuleOptimizer.from_config(config).rule == parse_formula("Adam")


@pytest.mark.parametrize("formula", ["m", "v", "gamma", "nesterov", "ema_0", "m_0", "v_0", "n_0"])
def test_no_average_at_all(formula):
    """With β = 0 an average is what it averages."""
    power = {"v": 2, "v_0": 2, "n_0": 2, "gamma": 3}.get(formula, 1)
    path = run(RuleOptimizer(formula, 1.0, beta_1=0.0, beta_2=0.0, beta_3=0.0), GRADIENTS[:3])
    expected = 1.0 - np.cumsum(GRADIENTS[:3].astype(float) ** power, axis=0)
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-5, atol=1e-5)


def test_the_largest_v_is_kept():
    path = run(RuleOptimizer("v_max", 1.0, beta_2=0.5), [2.0, 0.0, 0.0, 4.0])
    # v is 4, 1 / (3/4), 0.5 / (7/8) and 8.25 / (15/16).
    np.testing.assert_allclose(np.diff(path[:, 0], prepend=1.0), [-4, -4, -4, -8.8], rtol=1e-5)


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["g +", "momentum", "addsign-ld"])
def test_text_that_is_no_formula_is_refused(text):
    """It may be a name of the catalogue, which another function reads."""
    with pytest.raises(FormulaError, match=r"^Argument `rule` has ") as caught:
        RuleOptimizer(text)
    last = str(caught.value).splitlines()[-1]
    assert last.endswith('by its name, such as momentum: neural_optimizer_search.optimizers.get("momentum").')


def test_annealed_noise_needs_no_decay_steps():
    assert RuleOptimizer("eps_t * g").decay_steps is None


def test_the_sign_of_nan_is_nan():
    w, optimizer = variable([1.0, 1.0]), RuleOptimizer("sign(g)", 0.1)
    apply(optimizer, [tensor([float("nan"), 2.0])], [w])
    np.testing.assert_allclose(array(w), [np.nan, 0.9], rtol=1e-6)


@pytest.mark.parametrize("argument", ["learning_rate", "beta_1", "epsilon", "decay_steps", "seed"])
def test_true_is_no_number(argument):
    with pytest.raises(ValueError, match=f"Argument `{argument}` must be .* Received: True"):
        RuleOptimizer("Adam", **{argument: True})
