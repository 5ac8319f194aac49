"""What `parse_formula` reads as a rule, and what it says of texts that are no formula."""

import unicodedata

import numpy as np
import pytest
import reference

from neural_optimizer_search import FormulaError, Rule, parse_formula
from neural_optimizer_search.dsl.constants import PAPER, RANGES, Constants
from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.vocabulary import OPERANDS

pytestmark = pytest.mark.once

MEMBERS = (
    "m_0.99", "m_0.123456789", "m_1e-3", "m_0", "ema_0.9", "v_0.95", "lion_0.99", "change_0.92", "n_0.92",
    "0", "0.5", "3", "3e-4", "1e-4", "1e300", "19",
)  # fmt: skip


def same_draws(size=24):
    """Draws that are the same wherever in a rule a word stands."""
    rng = np.random.default_rng(0)
    draws = {word: rng.normal(size=size) for word in ("eps", "eps_t")}
    draws.update({f"drop_{p}": rng.uniform(size=size) for p in (0.1, 0.3, 0.5)})
    return lambda word, place, t: draws[word]


# -- What the paper found --------------------------------------------------------------------------


@pytest.mark.parametrize("formula", reference.PUBLISHED)
def test_published_rules(formula):
    depth, averages, value = reference.PUBLISHED[formula]
    rule = parse_formula(formula)
    assert rule.depth == depth
    assert rule.averages == tuple(averages.split())
    assert rule.decays == ("ld" in formula or "cd" in formula or "rd" in formula)
    for t in (0, 40, 100):
        step = reference.random_step(np.random.default_rng(t), t=t)
        step.draw = same_draws()
        with np.errstate(all="ignore"):
            expected = value(step)
        np.testing.assert_allclose(reference.direction(rule, step), expected, rtol=1e-9)


def test_two_spellings_of_adam():
    # Figure 2: one iteration from the primitives, or the operand.
    step = reference.random_step(np.random.default_rng(0))
    spelled, operand = parse_formula("m / sqrt(v)"), parse_formula("Adam")
    assert (spelled.depth, operand.depth) == (1, 1)
    np.testing.assert_allclose(reference.direction(spelled, step), reference.direction(operand, step), rtol=1e-12)


# -- Grammar ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*(name for name in OPERANDS if not is_family(name)), *MEMBERS])
def test_every_operand_can_be_written(name):
    assert parse_formula(name).iterations[-1].op1 == name


@pytest.mark.parametrize(
    "formula, word",
    [
        ("exp(v)", "exp"),
        ("log(v)", "log"),
        ("sqrt(v)", "sqrt"),
        ("sign(v)", "sign"),
        ("sigmoid(v)", "sigmoid"),
        ("-v", "neg"),
        ("clip(v, 1e-5)", "clip_1e-5"),
        ("clip(v, 1e-4)", "clip_1e-4"),
        ("clip(v, 0.001)", "clip_1e-3"),
        ("drop(v, 0.1)", "drop_0.1"),
        ("drop(v, .3)", "drop_0.3"),
        ("drop(v, 5e-1)", "drop_0.5"),
        ("clip(v, 0.02)", "clip_0.02"),
        ("clip(v, 1e3)", "clip_1e3"),
        ("drop(v, 0.20)", "drop_0.2"),
        ("drop(v, 0)", "drop_0"),
        ("tanh(v)", "tanh"),
        ("abs(v)", "abs"),
        ("|v|", "abs"),
        ("cautious(v)", "cautious"),
        ("normalize(v)", "normalize"),
        ("trust(v)", "trust"),
        ("orthogonalize(v)", "orthogonalize"),
    ],
)
def test_functions(formula, word):
    assert parse_formula(formula).iterations == (("v", "1", word, "identity", "left"),)


@pytest.mark.parametrize("word", ["min", "max", "on_matrices"])
def test_functions_of_two_arguments(word):
    assert parse_formula(f"{word}(v, m)").iterations == (("v", "m", "identity", "identity", word),)


@pytest.mark.parametrize("symbol, word", [("+", "add"), ("-", "sub"), ("*", "mul"), ("/", "div"), ("^", "pow")])
def test_operators(symbol, word):
    rule = parse_formula(f"v {symbol} m")
    assert rule.iterations == (("v", "m", "identity", "identity", word),)


@pytest.mark.parametrize(
    "formula, brackets",
    [
        ("g + m * v", "g + (m * v)"),
        ("g - m + v", "(g - m) + v"),
        ("g / m * v", "(g / m) * v"),
        ("g * m / v", "(g * m) / v"),
        ("g / m ^ v", "g / (m ^ v)"),
        ("g ^ m ^ v", "g ^ (m ^ v)"),
        ("-g ^ m", "-(g ^ m)"),
        ("g ^ -m", "g ^ (-m)"),
        ("g * -m", "g * (-m)"),
        ("-g * m", "(-g) * m"),
        ("e ^ g ^ m", "exp(g ^ m)"),
        ("e ^ -g * m", "exp(-g) * m"),
        ("1 + 1e-4*w * g", "1 + ((1e-4*w) * g)"),
        ("g ^ 2 * m", "(g * g) * m"),
        ("m - g ^ 3 / v", "m - ((g * g * g) / v)"),
        ("g / 1e-3*w", "(g / 1e-3) * w"),
        ("1e-3*w^2", "1e-3 * (w ^ 2)"),
        ("g ^ 1e-3*w", "(g ^ 1e-3) * w"),
        ("|g| + 3e-4 * |m|", "abs(g) + (3e-4 * abs(m))"),
        ("-|g| ^ 2", "-(abs(g) ^ 2)"),
        ("sqrt(|g| ^ 2 * v + 1)", "sqrt((abs(g) ^ 2) * v + 1)"),
    ],
)
def test_precedence(formula, brackets):
    step = reference.random_step(np.random.default_rng(0))
    one, other = (reference.direction(parse_formula(text), step) for text in (formula, brackets))
    np.testing.assert_allclose(one, other, rtol=1e-12)
    assert np.isfinite(one).any()


@pytest.mark.parametrize(
    "formula, plain",
    [
        ("  g+m ", "g + m"),
        ("((g))", "g"),
        ("+g", "g"),
        ("\tg\n* m", "g * m"),
        ("adam + rmsprop + GAMMA", "Adam + RMSProp + gamma"),
        ("g ** 2", "g^2"),
        ("g**3", "g^3"),
        ("m ** 2", "m ^ 2"),
        ("e^m", "exp(m)"),
        ("e**(m * g)", "exp(m * g)"),
        ("log(|m|)", "log(m)"),
        ("sqrt( | g - m | )", "sqrt(g - m)"),
        ("1.0 + 2.", "1 + 2"),
        ("0.1*w", "1e-1*w"),
        ("w * 0.01", "1e-2*w"),
        ("1E-3 * w", "1e-3*w"),
        ("m\u0302 − g · v\u0302", "m - g * v"),
        ("e^(sign(g)·sign(m\u0302)) × g", "exp(sign(g) * sign(m)) * g"),
        ("γ + γ\u0302", "gamma + gamma"),
        ("ε · ε_t", "eps * eps_t"),
        ("ϵ · ϵ_t", "eps * eps_t"),
        ("g − −m", "g + m"),
        ("0.50 * m + .5", "0.5 * m + 0.5"),
        ("300e-6 * w", "3e-4 * w"),
        ("w", "W"),
        ("M_0.990 + m\u0302_0.99", "m_0.99 + m_0.99"),
        ("m_1E-3", "m_0.001"),
        ("abs(abs(g))", "|g|"),
        ("||g||", "|g|"),
        ("||g| - |m||", "abs(abs(g) - abs(m))"),
        ("|-g|", "|g|"),
        ("|3| * |1|", "3"),
        ("sign(7)", "1"),
        ("log(abs(m))", "log(m)"),
        ("sqrt(||g| - m|)", "sqrt(abs(g) - m)"),
        ("log(|m| * |g|)", "log(abs(m) * abs(g))"),
        ("clip(|g| - 1, 0.5)", "clip(abs(g) - 1, 0.5)"),
        ("1 * w * 1", "w"),
    ],
)
def test_spellings(formula, plain):
    assert parse_formula(formula) == parse_formula(plain)


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC"])
def test_unicode_normalisation_does_not_matter(form):
    formula = unicodedata.normalize(form, "m\u0302 / (γ\u0302 + ε)")
    assert parse_formula(formula) == parse_formula("m / (gamma + eps)")


@pytest.mark.parametrize(
    "formula, plain",
    [
        ("-1e-3*w", "-(1e-3*w)"),
        ("exp(-1e-3*w)", "exp(-(1e-3*w))"),
        ("g * -1e-3*w", "g * -(1e-3*w)"),
        ("g * 1e-3*w", "g * (1e-3*w)"),
    ],
)
def test_a_scaled_weight_within_a_product(formula, plain):
    assert parse_formula(formula).canonical() == parse_formula(plain).canonical()


@pytest.mark.parametrize("formula", ["1e-3*w", "w * 0.001", "(1e-3) * (w)", "g * 1e-3*w", "-1e-3*w", "g * -w * 1e-3"])
def test_a_number_times_w_is_its_word_where_it_has_one(formula):
    assert "1e-3*w" in {word for iteration in parse_formula(formula).iterations for word in iteration}


@pytest.mark.parametrize("formula", ["3e-4*w", "2 * w", "g / 1e-3*w", "1e-3*w^2", "g^1e-3*w", "(g + 1e-3) * w"])
def test_w_is_an_operand_of_its_own(formula):
    rule = parse_formula(formula)
    assert "w" in {word for iteration in rule.iterations for word in iteration}
    assert parse_formula(rule.formula()) == rule


@pytest.mark.parametrize(
    "formula, constants",
    [
        ("Adam, beta_1=0.8", Constants(beta_1=0.8)),
        ("Adam , epsilon = 1E-6,beta_2=.9", Constants(beta_2=0.9, epsilon=1e-6)),
        ("Adam, β_3=0, δ=2", Constants(beta_3=0.0, epsilon=2.0)),
        ("Adam, beta_1=0.90, beta_2=0.999, beta_3=0.999, epsilon=1e-8", PAPER),
        ("clip(min(g, m), 0.5), beta_1=0.1", Constants(beta_1=0.1)),
        ("Adam", PAPER),
    ],
)
def test_constants_stand_behind_commas(formula, constants):
    assert parse_formula(formula).constants == constants


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "formula, position, what, allowed",
    [
        ("", 0, "its end where an operand", "operands g, g^2"),
        ("   ", 0, "its end where an operand", "operands g, g^2"),
        ("g +", 3, "its end where an operand", "eps_t"),
        ("g + * m", 4, "'*' where an operand", "RMSProp"),
        ("g ** ** m", 5, "'**' where an operand", "RMSProp"),
        ("()", 1, "')' where an operand", "RMSProp"),
        ("(g + m", 6, "its end", "')' here"),
        ("g + m)", 5, "')' after a whole expression", "+ - * / ^"),
        ("g m", 2, "'m' after a whole expression", "+ - * / ^"),
        ("g, m", 3, "'m' where a constant is expected", "beta_1=c, beta_2=c, beta_3=c, epsilon=c."),
        ("|g", 2, "its end", "'|' here"),
        ("|g| |m|", 4, "'|' after a whole expression", "a comma and constants"),
        ("g * |", 5, "its end where an operand", "|x|"),
        ("  h * g", 2, "unknown word 'h'", "operands g, g^2, g^3, m, v, gamma"),
        ("g * cd_7", 4, "unknown word 'cd_7'", "cd_1, rd_10, rd_20"),
        ("g * _x", 4, "unknown word '_x'", "cd_1, rd_10, rd_20"),
        ("sign * g", 0, "unknown word 'sign'", "functions exp, log"),
        ("g * wobble(m)", 4, "unknown function 'wobble'", "clip(x, c)"),
        ("g(m)", 0, "unknown function 'g'", "drop(x, c)"),
        ("__import__(g)", 0, "unknown function '__import__'", "operators + - * / ^"),
        ("g $ m", 2, "unexpected character '$'", "operators + - * / ^"),
        ("g * m  @", 7, "unexpected character '@'", "operators + - * / ^"),
        ("g = m", 2, "'=' after a whole expression", "+ - * / ^"),
        ("g · ∇", 4, "unexpected character '∇'", "operators + - * / ^"),
        ("sign()", 5, "')' where an operand", "functions exp"),
        ("exp(g, m)", 5, "','", "')' here"),
        ("exp(g", 5, "its end", "')' here"),
        ("log(|g)", 6, "')'", "'|' here"),
        ("log(|g|", 7, "its end", "')' here"),
        ("clip(g)", 6, "')'", "',' here"),
        ("clip(g, 0)", 8, "a constant of clip", "a finite number above 0."),
        ("clip(g, 1e999)", 8, "a constant of clip", "a finite number above 0."),
        ("clip(g, -1)", 8, "a constant of clip", "a finite number above 0."),
        ("drop(g, 1)", 8, "a constant of drop", "a number from 0 to below 1."),
        ("drop(g, m)", 8, "a constant of drop", "a number from 0 to below 1."),
        ("g + m_1", 4, "a constant of m that is not allowed", "a number from 0 to below 1."),
        ("v_1.5", 0, "a constant of v that is not allowed", "a number from 0 to below 1."),
        ("g - ema_2", 4, "a constant of ema that is not allowed", "a number from 0 to below 1."),
        ("m_0.99x", 3, "'.99' after a whole expression", "+ - * / ^"),
        ("m_c", 0, "unknown word 'm_c'", "m_c, ema_c"),
        ("c * g", 0, "unknown word 'c'", "with c a number"),
        ("lion", 0, "unknown word 'lion'", "lion_c"),
        ("clip_0.1", 0, "unknown word 'clip_0.1'", "clip(x, c)"),
        ("drop(g, 0.1, 0.3)", 11, "','", "')' here"),
        ("1e999", 0, "the number inf", "a finite number of at least 0."),
        ("g * 1e999", 4, "the number inf", "a finite number of at least 0."),
        ("g,", 2, "its end where a constant is expected", "beta_1=c, beta_2=c"),
        ("g, 0.5", 3, "'0.5' where a constant is expected", "epsilon=c"),
        ("g, beta_4=0.5", 3, "'beta_4' where a constant is expected", "beta_1=c, beta_2=c, beta_3=c, epsilon=c."),
        ("g, beta_1", 9, "its end", "'=' here"),
        ("g, beta_1=", 10, "a constant beta_1 that is not allowed", "a number from 0 to below 1."),
        ("g, beta_1=m", 10, "a constant beta_1 that is not allowed", "a number from 0 to below 1."),
        ("g, beta_2=1", 10, "a constant beta_2 that is not allowed", "a number from 0 to below 1."),
        ("g, beta_3=-0.5", 10, "a constant beta_3 that is not allowed", "a number from 0 to below 1."),
        ("g, epsilon=0", 11, "a constant epsilon that is not allowed", "a finite number above 0."),
        ("g, epsilon=1, epsilon=1", 14, "the constant epsilon twice", "each of beta_1=c"),
        ("g, beta_1=0.5 m", 14, "'m' after a whole expression", "a comma and constants"),
        ("exp(g, beta_1=0.5)", 5, "','", "')' here"),
        ("g#1", 1, "'#' after a whole expression", "+ - * / ^"),
        ("eps#", 4, "a draw that is not allowed", "a whole number from 1 to 65536."),
        ("eps#0", 4, "a draw that is not allowed", "a whole number from 1 to 65536."),
        ("drop(g, 0.3)#1.5", 13, "a draw that is not allowed", "a whole number from 1 to 65536."),
        ("eps#1e999", 4, "a draw that is not allowed", "a whole number from 1 to 65536."),
        ("eps#1 - eps_t#1", 14, "the draw 1 of different expressions", "one expression for each number."),
        ("drop(g, 0.3)#2 * drop(m, 0.3)#2", 30, "the draw 2 of different", "one expression for each number."),
        ("g * e", 4, "'e' without an exponent", "exp(x)"),
        ("e", 0, "'e' without an exponent", "exp(x)"),
    ],
)
def test_malformed_formulas(formula, position, what, allowed):
    with pytest.raises(FormulaError) as error:
        parse_formula(formula)
    headline, text, caret, last = str(error.value).split("\n")
    assert what in headline and headline.endswith(f"at position {position}:")
    assert text == f"  {formula}"
    assert caret == "  " + " " * position + "^"
    assert last.startswith("Allowed: ") and allowed in last


@pytest.mark.parametrize("formula", [None, 3, b"g", ["g"], Rule.from_tokens([0, 8, 0, 0, 0])])
def test_only_text_is_read(formula):
    with pytest.raises(TypeError, match="`formula` must be a str"):
        parse_formula(formula)


def test_formula_errors_are_value_errors():
    with pytest.raises(ValueError, match="position 0"):
        parse_formula("h")


NESTED = {
    "brackets": lambda n: "(" * n + "g" + ")" * n,
    "functions": lambda n: "exp(" * n + "g" + ")" * n,
    "constants": lambda n: "clip(" * n + "g" + ", 1e-3)" * n,
    "powers": lambda n: "m^" * n + "g",
    "signs": lambda n: "-" * n + "g",
    "bars": lambda n: "log(|" * n + "g" + "|)" * n,
    "absolute values": lambda n: "|g-" * n + "g" + "|" * n,
    "minima": lambda n: "min(m, " * n + "g" + ")" * n,
    "products": lambda n: "m*(" * n + "g" + ")" * n,
}


@pytest.mark.parametrize("kind", NESTED)
def test_deep_nesting_is_an_error_with_a_place(kind):
    for n in (101, 1000, 5000):
        with pytest.raises(FormulaError, match=r"levels.* at position \d+"):
            parse_formula(NESTED[kind](n))


@pytest.mark.parametrize("kind", NESTED)
def test_what_is_not_refused_can_be_printed(kind):
    rule = parse_formula(NESTED[kind](40))
    assert parse_formula(rule.formula()) == rule
    assert rule.latex() and rule.canonical()


# Neither brackets nor length alone make a tree deep.
CHAINS = {
    "sum of 300": " + ".join(["g"] * 300),
    "sum of 3000": " + ".join(["g"] * 3000),
    "product of 3000": " / ".join(["g"] * 3000),
    "sums in brackets": "(" * 90 + "g" + (" + g" * 90 + ")") * 90,
}


@pytest.mark.parametrize("kind", CHAINS)
def test_a_long_chain_is_read_or_refused(kind):
    try:
        rule = parse_formula(CHAINS[kind])
    except FormulaError as error:
        assert "Allowed: " in str(error)
    else:
        assert parse_formula(rule.formula()) == rule


# -- Round trips -----------------------------------------------------------------------------------


def test_thousands_of_rules_survive_being_written():
    rng = np.random.default_rng(0)
    steps = [reference.random_step(rng, t=t) for t in (0, 3, 40, 100)]
    for step in steps:
        step.draw = same_draws()
    for i, iterations in enumerate(reference.random_rules(seed=4, count=3000)):
        step = steps[i // 4 % 4]
        rule = parse_formula(Rule(iterations).formula())
        # Division by 1 + δ counts as division by 1, hence not to the last digit.
        np.testing.assert_allclose(
            reference.direction(rule, step),
            reference.direction(iterations, step),
            rtol=1e-6,
            err_msg=f"{iterations} as {rule}",
        )


LATER = dict(seed=5, count=1000)


def random_later_rules(seed, count):
    """Rules of the words of later papers, some of them with constants of their own."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        draws = dict(zip(RANGES, np.round(rng.random(4), 3)))
        own = {name: draws[name] + (name == "epsilon") for name in RANGES if rng.random() < 0.3}
        yield Rule(reference.random_rule(rng, 1 + i % 4, tables=reference.LATER), Constants(**own))


def test_words_of_later_papers_survive_being_written():
    for rule in random_later_rules(**LATER):
        again = parse_formula(rule.formula())
        # The formula of what it is read as is the same, and that rule is the simplest one.
        assert again.formula() == rule.formula() and again.canonical() == rule.canonical(), rule.iterations
        assert parse_formula(again.formula()) == again and again.constants == rule.constants
        assert Rule.from_tokens(rule.to_tokens(), numbers=rule.numbers).iterations == rule.iterations
        assert Rule.from_json(rule.to_json()) == rule


# -- Texts of strangers ----------------------------------------------------------------------------


def test_a_text_without_end_is_refused_before_it_is_read():
    with pytest.raises(FormulaError, match=r"too many characters at position 100000:\n.*\n.*\nAllowed: 100000 char"):
        parse_formula("g" + "+g" * 10**6)


def test_an_error_shows_the_part_around_its_place():
    with pytest.raises(FormulaError) as error:
        parse_formula("g + " * 200 + "what + " + "g + " * 200)
    _, shown, mark, _ = str(error.value).split("\n")
    assert len(shown) < 250
    assert shown[mark.index("^") :].startswith("what + g")


def test_an_error_can_be_printed_whatever_the_text():
    with pytest.raises(FormulaError) as error:
        parse_formula("g\n\0\x1b[2J\ud800 + what")
    _, shown, mark, _ = str(error.value).split("\n")
    assert (shown + mark).isprintable() and shown.encode()
    assert shown[mark.index("^")] == "\N{REPLACEMENT CHARACTER}"


def test_an_error_quotes_the_start_of_a_long_word():
    with pytest.raises(FormulaError, match="an unknown word 'xxx") as error:
        parse_formula("x" * 10_000)
    assert len(str(error.value)) < 1500
