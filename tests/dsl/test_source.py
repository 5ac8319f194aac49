"""The text of exported files, whatever can run them."""

import itertools
import pathlib
import re
import subprocess
import sys

import pytest
import reference

from neural_optimizer_search import Rule, optimizers, parse_formula
from neural_optimizer_search.dsl import vocabulary
from neural_optimizer_search.dsl.exports import FRAMEWORKS
from neural_optimizer_search.dsl.vocabulary import Word
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.schedule_shape import DECAYS

ROOT = pathlib.Path(__file__).parent.parent.parent

each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def equation(formula, framework="tensorflow"):
    """The lines of the equation."""
    rule = formula if isinstance(formula, Rule) else parse_formula(formula)
    body = rule.to_source("MyOptimizer", framework).split('"""The equation."""\n')[1].split("\n\n")[0]
    return [line.strip() for line in body.splitlines()]


# -- The equation ----------------------------------------------------------------------------------


def test_it_is_written_once_and_short():
    assert equation("g") == ["return g"]
    assert equation("exp(ld * sign(g) * sign(m)) * g") == [
        "ld = 1.0 - tf.minimum(t, T) / T",
        "return tf.exp(ld * tf.sign(g) * tf.sign(m)) * g",
    ]
    assert equation("clip(RMSProp, 1e-5) + Adam") == [
        "v_hat = v / -tf.math.expm1((t + 1) * _log(beta_2))  # 1 - beta_2^(t + 1)",
        "rmsprop = g / (tf.sqrt(v_hat) + epsilon)",
        "m_hat = m / -tf.math.expm1((t + 1) * _log(beta_1))  # 1 - beta_1^(t + 1)",
        "adam = m_hat / (tf.sqrt(v_hat) + epsilon)",
        "return tf.clip_by_value(rmsprop, -1e-5, 1e-5) + adam",
    ]
    assert equation("(g - 2)^2 / exp(-(g - 2)) - g * (1 * 2)") == [
        "x1 = g - 2",
        "return x1**2 / (tf.exp(-x1) + epsilon) - g * 2",
    ]
    assert equation("(1 + sign(g) * sign(m)) * g") == ["return (1 + tf.sign(g) * tf.sign(m)) * g"]


def test_each_framework_has_its_own_words():
    for framework, exp, sign in (
        ("keras", "ops.exp", "ops.sign"),
        ("tensorflow", "tf.exp", "tf.sign"),
        ("optax", "jnp.exp", "jnp.sign"),
        ("torch", "torch.exp", "_sign"),
    ):
        assert equation("exp(sign(g) * sign(m)) * g", framework) == [f"return {exp}({sign}(g) * {sign}(m)) * g"]
    assert equation("sigmoid(rd_10 * g)", "optax") == [
        "rd_10 = jnp.where(t < T, 0.5 * (1.0 + jnp.cos(math.pi * (t * 10.0 % T) / T)), 0.0)",
        "return jax.nn.sigmoid(rd_10 * g)",
    ]
    # A step of PyTorch's optimizers is a number of Python.
    assert equation("rd_10 * cd_1 * m", "torch") == [
        "rd_10 = 0.5 * (1.0 + math.cos(math.pi * (t * 10.0 % T) / T)) if t < T else 0.0",
        "cd_1 = 0.5 * (1.0 + math.cos(2.0 * math.pi * min(t, T) / T))",
        "m_hat = m / -math.expm1((t + 1) * _log(beta_1))  # 1 - beta_1^(t + 1)",
        "return rd_10 * cd_1 * m_hat",
    ]


def test_random_words_have_their_places():
    assert equation("(eps + drop(g, 0.1)) * (drop(m, 0.1) + eps)")[:5] == [
        "eps = 0.1 * _normal(g, seed, 0)",
        "m_hat = m / -tf.math.expm1((t + 1) * _log(beta_1))  # 1 - beta_1^(t + 1)",
        "eps_2 = 0.1 * _normal(g, seed, 6)",
        "u = _uniform(g, seed, 3)",
        "u_2 = _uniform(g, seed, 7)",
    ]


def test_a_cube_may_underflow_where_its_base_does_not():
    rule = Rule([("g^3", "1", "sign", "identity", "left")])
    assert rule.formula() == "sign(g)"
    assert equation(rule) == ["return tf.sign(g * tf.square(g))"]


def test_what_is_no_array_becomes_one_where_rounding_depends_on_it():
    assert equation("1") == ["return tf.ones_like(g)"]
    assert equation("ld * 2")[-1] == "return ld * 2 * tf.ones_like(g)"
    assert equation("1 / 2") == ["return tf.ones_like(g) / (2 + epsilon)"]
    assert equation("2 ^ ld")[-1] == "return (2 * tf.ones_like(g)) ** ld"
    assert equation("sqrt(2) + g") == ["return tf.sqrt(tf.abs(2 * tf.ones_like(g))) + g"]


@each_framework
def test_a_new_word_is_written_from_its_row(monkeypatch, framework):
    """No file of `dsl/exports/` knows a word by its name."""

    def value(ops, s):
        warm = ops.where(s.t < 10, ops.sqrt(s.t / 10), ops.sigmoid(s.t))
        return (
            warm
            * ops.abs(s.hat("m")) ** 0.5
            / (2.0 + ops.math.sqrt(3) * ops.log(ops.exp(s.hat("gamma")) + s.uniform()))
        )

    monkeypatch.setitem(vocabulary.OPERANDS, "Soft", Word("Soft", "s", value, averages=("m", "gamma"), random=True))
    lines = equation(Rule([("Soft", "g", "identity", "identity", "mul")]), framework)
    assert lines[-1] == "return soft * g"
    assert all(len(line) < 100 for line in lines)
    compile("\n".join(lines).replace("return", "result ="), "equation", "exec")


# -- The file --------------------------------------------------------------------------------------


@each_framework
def test_it_tells_where_it_comes_from_before_the_equation(framework):
    rule = parse_formula("exp(sign(g) * sign(m)) * g")
    before = rule.to_source("MyOptimizer", framework).split('"""The equation."""')[0]
    assert "Neural Optimizer Search" in before and f"direction = {rule.formula()}\n" in before
    assert rule.latex() in before


@each_framework
def test_it_needs_its_framework_alone(framework):
    text = parse_formula("rd_10 * drop(Adam, 0.1) + eps").to_source("MyOptimizer", framework)
    modules = set(re.findall(r"^ *(?:import|from) (\w+)", text, re.MULTILINE))
    modules -= {"math", "numbers", "random", "typing"}
    own = {"keras": {"keras", "tensorflow", "jax", "torch"}, "optax": {"jax", "optax"}}
    assert modules == own.get(framework, {framework})


def test_the_files_have_no_lint(tmp_path):
    pytest.importorskip("ruff")
    rules = [row.rule for row in CATALOGUE.values()] + list(map(Rule, reference.random_rules(seed=9, count=200)))
    rules.append(parse_formula("exp(-" * 45 + "g" + ")" * 45))
    schedules = itertools.cycle(["", *DECAYS, *(f"{name}, warm-up 0.375" for name in DECAYS)])
    for i, rule in enumerate(rules):
        for framework in FRAMEWORKS:
            setting = dict(schedule=next(schedules), weight_decay=0.01 * (i % 2))
            (tmp_path / f"rule_{i}_{framework}.py").write_text(rule.to_source("MyOptimizer", framework, **setting))
    for command in (["check"], ["format", "--check", "--line-length=110"]):
        lint = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", ROOT / "pyproject.toml", tmp_path]
        result = subprocess.run(lint, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    longest = {line for path in tmp_path.iterdir() for line in path.read_text().splitlines() if len(line) > 110}
    assert all(" " not in line.strip() for line in longest)  # words of a formula that cannot be broken


@each_framework
def test_the_default_learning_rate_is_that_of_rule_optimizer_or_a_given_one(framework):
    rule = parse_formula("Adam")
    argument = "lr" if framework == "torch" else "learning_rate"
    rate = float(optimizers.get("Adam").learning_rate)
    assert f"{argument}={rate:.2g}," in rule.to_source("MyOptimizer", framework)
    assert f"{argument}=3e-4," in rule.to_source("MyOptimizer", framework, learning_rate=3e-4)


@each_framework
def test_it_names_what_the_rule_was_found_with(framework):
    def found_with(**setting):
        text = " ".join(parse_formula("Adam").to_source("MyOptimizer", framework, **setting).split())
        return re.findall(r"Found with (.*), which (?:is|are) not used by default\. To ", text)

    assert found_with() == []
    assert found_with(schedule="constant") == []
    assert found_with(schedule="linear") == ['the learning-rate schedule "linear"']
    assert found_with(weight_decay=0.02) == ["the decoupled weight decay 0.02"]
    both = 'the learning-rate schedule "cosine, warm-up 0.1" and the decoupled weight decay 1e-3'
    assert found_with(schedule="cosine, warm-up 0.1", weight_decay=1e-3) == [both]


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "My Rule", "2nd", "_", "Ünter", "class", "None", "tf", "torch", "direction", "float", "a\n", None]
)
@each_framework
def test_the_name_must_be_that_of_a_class(name, framework):
    with pytest.raises(ValueError, match=r"^Argument `name` must be .* Received: "):
        parse_formula("g").to_source(name, framework)


def test_the_framework_must_be_one_of_four():
    said = r"^Argument `framework` must be one of keras, tensorflow, optax, torch\. Received: 'jax'\."
    with pytest.raises(ValueError, match=said):
        parse_formula("g").to_source("MyOptimizer", "jax")


@pytest.mark.parametrize("argument", ["learning_rate", "weight_decay"])
@pytest.mark.parametrize("number", [-0.1, float("nan"), float("inf"), "0.1", None])
def test_the_rate_and_the_weight_decay_must_be_numbers(argument, number):
    with pytest.raises(ValueError, match=rf"^Argument `{argument}` must be a finite .* Received: {number!r}\.$"):
        parse_formula("g").to_source("MyOptimizer", **{argument: number})
