"""Random strings of tokens: what a controller, a ledger or a stranger may hand to a rule.

`NOS_LONG=1` makes it 10^5 strings in place of 1,000.
"""

import ast
import dataclasses

import fakes
import marks
import numpy as np
import pytest
import tensorflow as tf
from encoded import ENCODED
from legal_rules import SPACES, legal_rules

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.averages import ALWAYS
from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.encoding import encode
from neural_optimizer_search.dsl.interpreter import update
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.state import State, advance
from neural_optimizer_search.dsl.token_interpreter import step_from_tokens
from neural_optimizer_search.dsl.vocabulary import BINARIES
from neural_optimizer_search.measuring import screen
from neural_optimizer_search.operations import on_tensorflow
from neural_optimizer_search.search import leaderboard
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.ranking import make_ranking
from neural_optimizer_search.search.score_words import score_words

pytestmark = pytest.mark.long

STRINGS = 100_000 if marks.LONG else 1_000
# What a written optimizer may call or read, besides the names of its own lines.
ATTRIBUTES = {
    "tf": {"exp", "abs", "sqrt", "sign", "sigmoid", "clip_by_value", "where", "cos", "minimum"}
    | {"ones_like", "zeros_like", "math", "square", "tanh", "maximum", "reduce_mean", "cast"},
    "math": {"pi", "log", "expm1"},
}


HELPERS = {"_normal", "_uniform", "_log", "_orthogonalize", "_on_matrices"}  # functions of the file


def random_ids(rng):
    """Up to 25 integers: mostly such as tokens are, some out of range, some absurd."""
    length = rng.choice([0, 1, 4, 5, 10, 15, 20, 25])
    high = rng.choice([6, 13, 23, 30])
    ids = [int(i) for i in rng.integers(-1 if rng.random() < 0.1 else 0, high, length)]
    if ids and rng.random() < 0.1:
        ids[rng.integers(length)] = int(rng.choice([-(2**63), 2**63 - 1])) * 10 ** int(rng.integers(0, 40))
    return ids


def read_back(rule):
    """The rule of its formula, checked."""
    again = parse_formula(rule.formula())
    # The operand g^2 and the power of g and 2 are one formula, which is read as the operand.
    same = parse_formula(again.formula()) if "g ^ 2" in rule.formula() else rule
    assert again.canonical() == same.canonical(), rule.iterations
    return again


@pytest.fixture(scope="module")
def rules():
    return legal_rules(STRINGS)


def test_a_rule_is_read_back_from_all_that_it_is_written_as(rules):
    for rule in rules:
        assert Rule.from_tokens(rule.to_tokens(), numbers=rule.numbers).iterations == rule.iterations
        assert Rule.from_json(rule.to_json()) == rule
        assert read_back(rule) and rule.latex()


def test_the_formula_is_the_same_function(rules, monkeypatch):
    """To the last bit, if division by 1 + δ is by 1, and x^1 is x; of rules without what depends on the place."""

    def replace(name, value):
        monkeypatch.setitem(BINARIES, name, dataclasses.replace(BINARIES[name], value=value))

    replace("div", lambda ops, s, x, y: x / y)
    # On processors with AVX-512, NumPy rounds some x^1 to the next number.
    replace("pow", lambda ops, s, x, y: np.where(y == 1.0, x, np.power(x, y)))
    probe = screen.Screen().probe
    with np.errstate(all="ignore"):
        for rule in rules:
            if not any(word in rule.formula() for word in ("drop", "eps", "g ^ 2")):
                again = parse_formula(rule.formula())
                np.testing.assert_array_equal(probe.update(again), probe.update(rule), err_msg=str(rule))


def test_the_screen_takes_every_rule(rules):
    look = screen.Screen()
    for rule in rules:
        screening = look(rule)
        assert bool(screening.rule) == bool(screening.key) != bool(screening.reason)


def test_the_written_optimizer_is_made_of_the_vocabulary(rules):
    for rule in rules[:: 20 if marks.LONG else 10]:
        module = ast.parse(rule.to_source("Found"))
        (direction,) = [n for n in ast.walk(module) if isinstance(n, ast.FunctionDef) and n.name == "direction"]
        assigned = {node.id for node in ast.walk(direction) if isinstance(getattr(node, "ctx", None), ast.Store)
                    and isinstance(node, ast.Name)}  # fmt: skip
        known = assigned | {argument.arg for argument in direction.args.args} | {"tf", "math"} | HELPERS
        for node in (node for statement in direction.body for node in ast.walk(statement)):
            if isinstance(node, ast.Name):
                assert node.id in known, rule.iterations
            elif isinstance(node, ast.Attribute):
                owner = node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id
                assert node.attr in ATTRIBUTES[owner], (node.attr, rule.iterations)
            elif isinstance(node, ast.Call):
                assert isinstance(node.func, ast.Attribute) or node.func.id in HELPERS, rule.iterations
        compile(module, "found.py", "exec")


SHAPE = (2, 3)


def _inputs(shape):
    g = tf.reshape(tf.constant([0.0, 1e-30, -1e-3, 0.5, -3.0, 1e10]), shape)
    averages = {name: 0.1 * g**power for power, name in enumerate(ALWAYS, 1)}
    numbers = (tf.constant(n, tf.int64) for n in (3, 10, 0))
    return State(on_tensorflow, g, tf.ones_like(g), averages, *numbers)


def test_a_rule_computes_something_for_every_gradient(rules):
    """In one trace: each weight tensor, here a single matrix, is a part of a vector."""
    vector, matrix = _inputs([-1]), _inputs(SHAPE)

    def step(encoded):
        zeros = tf.zeros([tf.size(encoded.kinds), 6])
        return step_from_tokens(encoded, vector, zeros, (SHAPE,))[0]

    run = tf.function(step, [ENCODED])
    for i, rule in enumerate(rules[:: 5 if marks.LONG else 4]):
        result = run(encode(rule))
        assert result.shape == vector.g.shape
        if i % 25 == 0:
            names = [name for name in rule.averages if name not in ALWAYS]
            kept = {**matrix.averages, **{name: tf.zeros_like(matrix.g) for name in names}}
            state = advance(dataclasses.replace(matrix, constants=rule.constants), kept, names)
            expected = np.ravel(update(rule, state))
            rtol = 1e-5 if rule.constants == PAPER else 1e-4  # 1 - β of a β next to 1 has few digits in float32
            np.testing.assert_allclose(expected, result, rtol=rtol, err_msg=str(rule))


def test_ids_are_a_rule_or_an_error_that_says_what_is_wrong():
    rng = np.random.default_rng(1)
    spelled = 0
    for _ in range(STRINGS):
        ids = random_ids(rng)
        numbers = (
            rng.choice([0.0, 0.02, 0.5, 0.99, 3.0, -1.0, np.nan], len(ids)).tolist() if rng.random() < 0.9 else None
        )
        try:
            rule = Rule.from_tokens(ids, numbers=numbers)
        except ValueError as error:
            assert str(error).startswith(
                ("Argument `tokens` must h", "Argument `numbers` must ", "The number of ")
            ), ids
            assert "Received: " in str(error)
        else:
            spelled += 1
            assert list(rule.to_tokens()) == ids
            assert read_back(rule)
    assert spelled > STRINGS / 20


@pytest.mark.parametrize("space", SPACES[::4], ids=lambda space: f"{space.name}-{space.depth}")
def test_a_space_decodes_nothing_that_it_has_no_word_for(space):
    rng = np.random.default_rng(2)
    for _ in range(STRINGS // 20):
        ids = random_ids(rng)
        legal = len(ids) <= 20 and space.is_legal(ids) if all(abs(i) < 2**63 for i in ids) else False
        try:
            rule = space.decode(ids)
        except ValueError:
            assert not legal
        else:
            assert legal and space.encode(rule) == tuple(ids)


def test_the_leaderboard_shows_every_rule(rules, monkeypatch):
    """Whatever the numbers beside it are."""
    rng = np.random.default_rng(3)
    numbers = (0.0, 0.5, -1.0, 1e300, float("nan"), float("inf"))
    found = []
    for rule in rules:
        reward, accuracy, rate = rng.choice(numbers, 3)
        rewards = tuple(rng.choice(numbers, rng.integers(0, 4)))
        row = dict(accuracy=accuracy, rewards=rewards, learning_rate=None if rng.random() < 0.1 else rate)
        found.append(dataclasses.replace(fakes.fake_evaluation(rule, reward), **row))
    known = [fakes.fake_evaluation(rule) for rule in KNOWN_OPTIMIZERS.values()]
    with np.errstate(all="ignore"):
        ranking = make_ranking(found, known, KNOWN_OPTIMIZERS)
        monkeypatch.setattr(leaderboard, "SHOWN", len(found))
        table = leaderboard.format_leaderboard(ranking, score_words("mine:task"), 24)
    text = " ".join(table.split())
    for one in ranking.found:
        assert " ".join(one.rule.formula().split()) in text
    assert len(ranking.found) == len(found)
