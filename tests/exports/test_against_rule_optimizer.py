"""The exported optimizers of all frameworks train as `RuleOptimizer` does."""

import functools
import itertools

import marks
import numpy as np
import paths
import pytest
import reference

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl.constants import Constants
from neural_optimizer_search.optimizers import CATALOGUE

RANDOM = {"eps", "eps_t", "drop"}
PUBLISHED = [row.rule for row in CATALOGUE.values()]
# A word in each of its kinds of arguments: an array, an array made of a number, and one made of a scalar.
WORDS = [
    *(Rule([(word, "g", "identity", "identity", "left")]) for word in reference.OPERANDS),
    *(Rule([(x, "g", word, "identity", "left")]) for word in reference.UNARIES for x in ("g^3", "1", "ld")),
    *(
        Rule([(*pair.split(), "identity", "identity", word)])
        for word in reference.BINARIES
        for pair in ("m g", "2 g", "ld g", "g cd", "1 2", "ld cd_1", "2 ld")
    ),
]

# What words of later papers need of a file: constants, arrays that are kept, functions of whole weight tensors.
LATER = [
    "sign(Adam) + gamma, beta_1=0.7, beta_2=0.95, beta_3=0.98, epsilon=1e-3",
    # An average is now the new value, but rounded as the old one: nothing here that this decides.
    "1e-3 * gamma + m + tanh(v), beta_1=0, beta_2=0, beta_3=0",
    "nesterov / sqrt(v), beta_1=0.7, beta_2=0.95",
    "nesterov + tanh(v_0), beta_1=0",
    "max(tanh(m_0.99) + ema_0.5, |v_0.9|)",
    "1e-3 * sign(lion_0.99) + 3e-4 * w",
    "m / sqrt(belief), epsilon=1e-3",
    "clip(m, 0.02) / sqrt(v_max), beta_2=0.9",
    "(m + 0.5 * change_0.92) / sqrt(n_0.92), beta_3=0.9",
    "cautious(Adam)",
    "normalize(min(m, 2)) * normalize(ld)",
    "trust(Adam) - trust(w) + trust(1), beta_1=0.8",
    "on_matrices(orthogonalize(g + 19 * ema_0.95), RMSProp), beta_2=0.95",
    "on_matrices(orthogonalize(nesterov) / sqrt(v_muon), Adam), beta_2=0.95, epsilon=1e-3",
    "on_matrices(g, drop(m, 0.2)) + drop(ld, 0.2) ^ 0.5",
]
LATER = list(map(parse_formula, LATER))
SOME, ALL = (list(map(Rule, reference.random_rules(21, count, without=reference.RANDOM))) for count in (12, 200))


def random_later_rules(count):
    """Without what makes paths of small weights chaotic."""
    rng, constants = np.random.default_rng(22), itertools.cycle([Constants(), Constants(0.7, 0.95, 0.98, 1e-3)])
    without, tables = ("orthogonalize",), reference.LATER
    iterations = [reference.random_rule(rng, 1 + i % 4, without, tables) for i in range(count)]
    return list(map(Rule, iterations, constants))


def draws(rule):
    return any(word in str(rule) for word in RANDOM)


rule_optimizer_path = functools.cache(paths.rule_optimizer_path)
moved_paths = functools.cache(paths.moved_paths)


def check(rule, framework):
    path, expected = paths.path_of(rule, framework), rule_optimizer_path(rule)
    if framework == "tensorflow":
        for a, b in zip(path, expected):
            np.testing.assert_array_equal(a, b, err_msg=str(rule))  # to the last bit, random numbers too
    elif not draws(rule) and paths.difference(path, expected) > 1e-6:
        assert paths.difference(path, expected, moved_paths(rule)) <= 1e-6, str(rule)


@pytest.mark.parametrize("framework", paths.FRAMEWORKS)
@pytest.mark.parametrize(
    "rules",
    [WORDS[::3], PUBLISHED[::4], SOME, LATER[::2], random_later_rules(3)],
    ids=["words", "published", "random", "later papers", "random of later papers"],
)
def test_some_rules(framework, rules):
    for rule in rules:
        check(rule, framework)


@marks.only_long("Compiling takes minutes.")
@pytest.mark.parametrize("framework", paths.FRAMEWORKS)
@pytest.mark.parametrize(
    "rules",
    [WORDS, PUBLISHED, ALL, LATER, random_later_rules(100)],
    ids=["words", "published", "random", "later papers", "random of later papers"],
)
def test_all_rules(framework, rules):
    for rule in rules:
        check(rule, framework)


# -- Random words ----------------------------------------------------------------------------------


def draw(formula, framework, steps=1, **arguments):
    """What a rule without a gradient draws: an array [step, tensor, element]."""
    weights = [np.zeros(20_000 // steps, np.float32)] * 2
    gradients = [np.zeros((steps, len(w)), np.float32) for w in weights]
    rule, arguments = parse_formula(formula), {"learning_rate": 1.0, **arguments}
    path = np.array(paths.path_of(rule, framework, gradients, weights, **arguments)).swapaxes(0, 1)
    return -np.diff(path, axis=0, prepend=0.0)


@pytest.mark.parametrize("framework", paths.FRAMEWORKS)
def test_noise_is_gaussian(framework):
    eps = draw("eps", framework).ravel()
    np.testing.assert_allclose([eps.mean(), eps.std()], [0, 0.1], atol=0.002)
    np.testing.assert_allclose(np.quantile(eps, [0.05, 0.25, 0.75, 0.95]), [-0.164, -0.067, 0.067, 0.164], atol=0.005)


@pytest.mark.parametrize("framework", paths.FRAMEWORKS)
def test_so_much_is_dropped(framework):
    for probability in (0.1, 0.3, 0.5):
        kept = draw(f"drop(1, {probability})", framework)
        assert set(np.unique(kept)) == {0.0, 1.0}
        assert abs(np.mean(kept == 0.0) - probability) < 0.02


@pytest.mark.parametrize("framework", paths.FRAMEWORKS)
def test_noise_depends_on_seed_step_tensor_and_place(framework):
    noise = draw("eps", framework, steps=3)
    np.testing.assert_array_equal(noise, draw("eps", framework, steps=3))
    others = [draw("eps", framework, steps=3, seed=8), draw("g + eps", framework, steps=3)]
    different = [*noise.reshape(6, -1), *(other[0, 0] for other in others)]
    assert np.all(abs(np.corrcoef(different) - np.eye(len(different))) < 0.1)
