"""`Rule`: its tokens, its canonical form, its constants, and what is no rule."""

import copy
import functools
import json
import pickle
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import reference

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl import expression
from neural_optimizer_search.dsl.vocabulary import FULL, Vocabulary

ADAM = ("Adam", "1", "identity", "identity", "left")
AGREE = ("sign(g)", "sign(m)", "identity", "identity", "mul")
# #0 has the id behind the operands'.
N_OPERANDS, N_UNARIES, N_BINARIES = len(FULL.operands), len(FULL.unaries), len(FULL.binaries)
LAST_OPERAND, LAST_UNARY, LAST_BINARY = (
    f"{len(words) - 1} = {words[-1]}." for words in (FULL.operands, FULL.unaries, FULL.binaries)
)
SMALL = Vocabulary(("m", "1", "g"), ("identity", "sign"), ("mul", "left"))


def test_tokens_are_ids_with_earlier_outputs_after_the_operands():
    rule = Rule((AGREE, ("g", 0, "identity", "exp", "mul")))
    assert rule.to_tokens() == (6, 7, 0, 0, 2, 0, N_OPERANDS, 0, 2, 2)
    assert Rule.from_tokens([6, 7, 0, 0, 2, 0, N_OPERANDS, 0, 2, 2]) == rule


@pytest.mark.parametrize(
    ("formula", "noisy"),
    [
        ("Adam", []),
        ("drop(g, 0.3) * m + g", [0, 1]),
        ("exp(m * g) * drop(g, 0.3)", [1]),
        ("m * g + (eps + g)", [1, 2]),
    ],
)
def test_iterations_with_noise(formula, noisy):
    rule = parse_formula(formula)
    assert sorted(rule.noisy) == noisy
    assert rule.random == bool(rule.noisy) == any(word in formula for word in ("drop", "eps"))


def test_noise_that_nothing_reads_is_none():
    rule = Rule((("eps", "1", "identity", "identity", "left"), ADAM))
    assert rule.noisy == {0} and not rule.random


def test_tokens_follow_the_vocabulary():
    rule = Rule((("g", "m", "sign", "identity", "mul"), (0, "1", "identity", "identity", "left")))
    assert rule.to_tokens(SMALL) == (2, 0, 1, 0, 0, 3, 1, 0, 0, 1)
    assert Rule.from_tokens((2, 0, 1, 0, 0, 3, 1, 0, 0, 1), SMALL) == rule


def test_tokens_to_rule_and_back_for_thousands_of_rules():
    for iterations in reference.random_rules(seed=0, count=3000):
        rule = Rule(iterations)
        tokens = rule.to_tokens()
        assert len(tokens) == 5 * len(iterations) and all(type(token) is int for token in tokens)
        assert Rule.from_tokens(tokens) == Rule.from_tokens(np.array(tokens, np.int32)) == rule


@pytest.mark.parametrize(
    "tokens, phrases",
    [
        ([], ["multiple of 5", "0 ids"]),
        ([0, 1, 0, 0], ["multiple of 5", "4 ids"]),
        ([0, 1, 0, 0, 0, 0], ["multiple of 5", "6 ids"]),
        ([N_OPERANDS, 1, 0, 0, 0], ["position 0 ", "op1 of iteration 0", f"Received: {N_OPERANDS}", LAST_OPERAND]),
        ([0, -1, 0, 0, 0], ["position 1 ", "op2 of iteration 0", "Received: -1", "0 = g, 1 = g^2"]),
        ([0, 1, N_UNARIES, 0, 0], ["position 2 ", "u1 of iteration 0", f"Received: {N_UNARIES}", LAST_UNARY]),
        ([0, 1, 0, N_UNARIES, 0], ["position 3 ", "u2 of iteration 0", f"Received: {N_UNARIES}", "0 = identity"]),
        ([0, 1, 0, 0, N_BINARIES], ["position 4 ", "b of iteration 0", f"Received: {N_BINARIES}", LAST_BINARY]),
        ([0, 1, 0, 0, 0, N_OPERANDS + 1, 1, 0, 0, 0], ["position 5 ", "op1 of iteration 1", f"{N_OPERANDS} = #0."]),
        ([0, 1, 0, 0, 0, 0, 1, N_UNARIES, 0, 0], ["position 7 ", "u1 of iteration 1", LAST_UNARY]),
        (
            [0, 1, 0, 0, 0] * 2 + [0, N_OPERANDS + 2, 0, 0, 0],
            ["position 11 ", f"{N_OPERANDS} = #0, {N_OPERANDS + 1} = #1."],
        ),
    ],
)
def test_malformed_tokens(tokens, phrases):
    with pytest.raises(ValueError) as error:
        Rule.from_tokens(tokens)
    for phrase in phrases:
        assert phrase in str(error.value)
    assert tokens or "Received" in str(error.value)


def test_a_word_outside_the_vocabulary_has_no_token():
    with pytest.raises(ValueError, match=r"'v'.*Allowed for op2: m, 1, g\."):
        Rule((("g", "v", "identity", "identity", "mul"),)).to_tokens(SMALL)
    with pytest.raises(ValueError, match=r"'exp'.*Allowed for u1: identity, sign\."):
        Rule((("g", "m", "exp", "identity", "mul"),)).to_tokens(SMALL)


@pytest.mark.parametrize(
    "iterations, phrases",
    [
        ([], ["at least one"]),
        ([("h", "m", "identity", "neg", "add")], ["op1 of iteration 0", "g, g^2", "'h'"]),
        ([("g", 0, "identity", "neg", "add")], ["op2 of iteration 0", "Received: 0"]),
        ([("g", "m", "cosine", "neg", "add")], ["u1 of iteration 0", "identity, neg", "'cosine'"]),
        ([("g", "m", "neg", 1, "add")], ["u2 of iteration 0", "Received: 1"]),
        ([ADAM, ("g", "m", "neg", "neg", "mean")], ["b of iteration 1", "add, sub", "'mean'"]),
        ([ADAM, (1, 0, "neg", "neg", "add")], ["op1 of iteration 1", "number below 1"]),
        ([ADAM, (-1, 0, "neg", "neg", "add")], ["op1 of iteration 1", "Received: -1"]),
    ],
)
def test_malformed_iterations(iterations, phrases):
    with pytest.raises(ValueError) as error:
        Rule(tuple(iterations))
    for phrase in phrases:
        assert phrase in str(error.value)


def test_rules_are_values():
    rule = Rule([list(AGREE)])
    assert rule == Rule((AGREE,)) and hash(rule) == hash(Rule((AGREE,)))
    assert rule != Rule((ADAM,))
    with pytest.raises(FrozenInstanceError):
        rule.iterations = ()


def test_depth_and_str():
    rule = Rule((AGREE, ("g", 0, "identity", "exp", "mul")))
    assert rule.depth == 2
    assert str(rule) == rule.formula() == "g * exp(sign(g) * sign(m))"


@pytest.mark.parametrize(
    "iterations, live, averages, decays",
    [
        ([ADAM], {0}, ("m", "v"), False),
        ([("g", "Adam", "exp", "exp", "left")], {0}, (), False),
        ([("gamma", "sign(m)", "exp", "exp", "add")], {0}, ("m", "gamma"), False),
        ([("g", "RMSProp", "exp", "exp", "add")], {0}, ("v",), False),
        ([("eps_t", "g", "exp", "exp", "add")], {0}, (), False),
        ([("g", "rd_20", "exp", "exp", "mul")], {0}, (), True),
        ([("g", "rd_20", "exp", "exp", "left")], {0}, (), False),
        ([ADAM, ("g", "ld", "neg", "neg", "mul")], {1}, (), True),
        ([ADAM, ("g", 0, "neg", "neg", "left")], {1}, (), False),
        ([ADAM, (0, "g", "neg", "neg", "left")], {0, 1}, ("m", "v"), False),
        ([ADAM, AGREE, (1, 0, "neg", "neg", "left"), (2, 2, "exp", "log", "pow")], {1, 2, 3},
         ("m",), False),
    ],
)  # fmt: skip
def test_only_what_the_output_depends_on_counts(iterations, live, averages, decays):
    rule = Rule(tuple(iterations))
    assert rule.live == live
    assert rule.averages == averages
    assert rule.decays is decays


def test_what_a_rule_keeps_to_save_time_is_no_part_of_it():
    fresh, used = parse_formula("exp(g) * m"), parse_formula("exp(g) * m")
    assert used.live is used.live
    assert fresh == used and hash(fresh) == hash(used) and repr(fresh) == repr(used)
    assert pickle.dumps(fresh) == pickle.dumps(used)
    again = pickle.loads(pickle.dumps(used))
    assert again == used and again.live == used.live and copy.deepcopy(used) == used


@pytest.mark.parametrize("change", [lambda x: x, expression.simplify, expression.canonical])
def test_expressions_keep_the_value(change):
    rng = np.random.default_rng(1)
    for iterations in reference.random_rules(seed=1, count=1000, without=reference.RANDOM):
        step = reference.random_step(rng)
        again = Rule.from_expression(change(Rule(iterations).expression()))
        # Division by 1 + δ counts as division by 1, hence not to the last digit.
        np.testing.assert_allclose(
            reference.direction(again, step),
            reference.direction(iterations, step),
            rtol=1e-6,
            err_msg=f"{iterations} as {again}",
        )


def test_equal_parts_share_an_iteration():
    rule = parse_formula("(g + m) * exp(g + m)")
    assert rule.iterations == (
        ("g", "m", "identity", "identity", "add"),
        (0, 0, "identity", "exp", "mul"),
    )


# -- Draws -----------------------------------------------------------------------------------------

DROP = ("g", "1", "drop_0.3", "identity", "left")
SUM = ("g", "m", "drop_0.3", "identity", "add")
MINUS_ITSELF = (0, 0, "identity", "identity", "sub")


@pytest.mark.parametrize(
    ("iterations", "formula", "is_zero"),
    [
        ((DROP, MINUS_ITSELF), "drop(g, 0.3)#1 - drop(g, 0.3)#1", True),
        ((("g", "g", "drop_0.3", "drop_0.3", "sub"),), "drop(g, 0.3) - drop(g, 0.3)", False),
        ((("eps", "1", "identity", "neg", "left"), MINUS_ITSELF), "eps#1 - eps#1", True),
        ((("eps", "eps", "identity", "identity", "sub"),), "eps - eps", False),
        ((SUM, MINUS_ITSELF), "drop(g, 0.3)#1 + m - (drop(g, 0.3)#1 + m)", True),
        ((SUM, SUM, (0, 1, "identity", "identity", "sub")), "drop(g, 0.3) + m - (drop(g, 0.3) + m)", False),
        ((DROP, (0, 0, "exp", "exp", "sub")), "exp(drop(g, 0.3)#1) - exp(drop(g, 0.3)#1)", True),
        (
            (("eps", "1", "drop_0.3", "identity", "left"), MINUS_ITSELF),
            "drop(eps#1, 0.3)#2 - drop(eps#1, 0.3)#2", True,
        ),
    ],
)  # fmt: skip
def test_a_formula_says_which_draws_are_one(iterations, formula, is_zero):
    rule = Rule(iterations)
    again = parse_formula(formula)
    assert rule.formula() == again.formula() == formula and rule.canonical() == again.canonical()
    for one in (rule, again, Rule.from_expression(expression.canonical(rule.expression()))):
        rng = np.random.default_rng(0)
        draws, averages = rng.random((40, 50)), dict.fromkeys(("m", "v", "gamma"), np.ones(50))
        step = reference.Step(np.ones(50), np.ones(50), averages, 0, draw=functools.partial(_draw, draws))
        assert (np.abs(reference.direction(one.iterations, step)).max() == 0.0) == is_zero


def _draw(draws, word, place, t):
    return draws[place]


def find_draws(rule):
    """The random words of the simplified rule in order, each with the number of its draw."""
    words, draws = [], {}

    def spell(word, place):
        return f"{word}@{place}" if word in reference.RANDOM else word

    def look(node):
        for child in expression.children(node):
            look(child)
        word, _, place = node.name.partition("@")
        if place:
            words.append((word, draws.setdefault(place, len(draws))))

    look(expression.simplify(rule.expression(spell)))
    return words


def test_thousands_of_rules_keep_their_draws():
    repeated = 0
    for iterations in reference.random_rules(seed=6, count=3000):
        rule = Rule(iterations)
        again = parse_formula(rule.formula())
        assert find_draws(again) == find_draws(rule), rule
        assert again.formula() == rule.formula() and again.depth <= rule.depth
        repeated += "#" in rule.formula()
    assert repeated > 100


def test_one_draw_and_two_draws_are_different_functions():
    one, two = Rule((SUM, MINUS_ITSELF)), parse_formula("drop(g, 0.3) + m - (drop(g, 0.3) + m)")
    assert one.canonical() != two.canonical() and one.latex() != two.latex()
    assert r"{\operatorname{drop}(g, 0.3)}_{\#1}" in one.latex()


@pytest.mark.parametrize("one, other", [("eps#3 * g + eps#3", "eps#1 + g * eps#1"), ("eps#7 * m", "m * eps")])
def test_canonical_does_not_depend_on_the_numbers_of_draws(one, other):
    assert parse_formula(one).canonical() == parse_formula(other).canonical()


# -- JSON ------------------------------------------------------------------------------------------


def test_json_and_back():
    for iterations in reference.random_rules(seed=4, count=200):
        assert Rule.from_json(Rule(iterations).to_json()) == Rule(iterations)


def test_json_tells_the_formula():
    rule = Rule((AGREE, ("g", 0, "identity", "exp", "mul")))
    content = json.loads(rule.to_json())
    assert (content["formula"], content["latex"]) == (rule.formula(), rule.latex())
    assert content["iterations"] == [list(iteration) for iteration in rule.iterations]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", "{}", "[" * 100_000, None, 5]
    + [
        json.dumps({"iterations": iterations})
        for iterations in (None, 3, "g", {"a": 1}, ["gmgmg"], [["g", "m", "neg", "neg"]], [[["g"], *ADAM[1:]]])
    ]
    + [json.dumps({"iterations": [[op1, "g", "neg", "neg", "add"]]}) for op1 in (True, 1.0, None)],
)
def test_malformed_json(text):
    with pytest.raises(ValueError, match=r"^Argument `text` must be JSON as .* Received: .{,210}\.$"):
        Rule.from_json(text)


def test_json_of_unknown_words():
    with pytest.raises(ValueError, match=r"op1 of iteration 0 must be one of: g, .*Received: 'h'"):
        Rule.from_json(json.dumps({"iterations": [["h", "m", "neg", "neg", "add"]]}))


# -- canonical() -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "one, other",
    [
        ("g * m", "m * g"),
        ("g + m", "m + g"),
        ("g - -m", "m + g"),
        ("g / 1", "g"),
        ("1 * g", "g ^ 1"),
        ("--g", "g"),
        ("sign(sign(g * m))", "sign(m * g)"),
        ("sign(g^3)", "sign(g)"),
        ("exp(sign(g) * sign(m)) * g", "g * e^(sign(m) * sign(g))"),
        ("(1 + sign(g) * sign(m)) * g", "g * (sign(m) * sign(g) + 1)"),
        ("g + -m", "-m + g"),
    ],
)
def test_canonical_is_equal_for_spellings_of_one_function(one, other):
    assert parse_formula(one).canonical() == parse_formula(other).canonical()


@pytest.mark.parametrize(
    "one, other",
    [
        ("g - m", "m - g"),
        ("g / m", "m / g"),
        ("g ^ m", "m ^ g"),
        ("g", "-g"),
        ("sign(v)", "1"),
        ("clip(g, 1e-4)", "clip(g, 1e-5)"),
        ("drop(g, 0.1)", "drop(g, 0.3)"),
        ("cd * g", "cd_1 * g"),
        ("sqrt(2)", "1"),
    ],
)
def test_canonical_differs_for_different_functions(one, other):
    assert parse_formula(one).canonical() != parse_formula(other).canonical()


def _commuted(rng, iterations):
    """The same function with the sides of some sums and products changed over."""

    def commuted(op1, op2, u1, u2, b):
        if b in ("add", "mul") and rng.random() < 0.5:
            return op2, op1, u2, u1, b
        return op1, op2, u1, u2, b

    return tuple(commuted(*iteration) for iteration in iterations)


def test_canonical_does_not_see_the_order_of_sides():
    rng = np.random.default_rng(2)
    rules = reference.random_rules(seed=2, count=2000)
    pairs = [(Rule(rule), Rule(_commuted(rng, rule))) for rule in rules]
    different = [(str(a), str(b)) for a, b in pairs if a.canonical() != b.canonical()]
    assert not different, f"{len(different)} of {len(rules)}: {different}"


def test_equal_canonical_means_equal_value():
    rng = np.random.default_rng(3)
    step = reference.random_step(rng)
    values = {}
    for iterations in reference.random_rules(seed=3, count=3000, without=reference.RANDOM):
        value = reference.direction(iterations, step)
        values.setdefault(Rule(iterations).canonical(), []).append(value)
    repeated = [group for group in values.values() if len(group) > 1]
    assert len(repeated) > 20
    for first, *others in repeated:
        for other in others:
            np.testing.assert_allclose(other, first, rtol=1e-6)
