"""Random texts, which a person or a report may hand to the parser: a rule or a `FormulaError`, and no hang.

`NOS_LONG=1` makes it 10^4 texts of each kind in place of 500.
"""

import string

import marks
import numpy as np
import pytest

from neural_optimizer_search import FormulaError, optimizers, parse_formula
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.dsl.rule import Rule

TEXTS = 10_000 if marks.LONG else 500
WORDS = [
    "g", "m", "v", "gamma", "w", "e", "1", "2", "3", "1e-3", "1e999", "Adam", "RMSProp", "ld", "cd_1", "eps", "sign",
    "sqrt", "exp", "log", "clip", "drop", "sigmoid", "(", ")", "|", ",", "+", "-", "*", "/", "^", "**", " ", "0.1",
    "1e-5", ".", "·", "×", "−", "γ", "m̂", "ε_t", "#0", "λ", "\n", "\t", "\0", "__import__", "'", '"', "\\", "$x", "{",
    "}", "%s", "٣", "²", "½", "\u202e", "\ud800", "é", "ß", "İ", "ﬁ",
    "m_0.99", "m_1", "m_", "ema_0.9999", "lion_0.99", "change_0", "n_0.92", "v_1e-400", "v_max", "nesterov", "belief",
    "tanh", "abs", "cautious", "normalize", "trust", "orthogonalize", "on_matrices", "min", "max", "clip_0.02",
    "3e-4*w", "beta_1", "=", ", beta_1=0.8", ", beta_2=1", ", epsilon=1e-6", ", epsilon=0", "1e-3*", "1e309", "-0",
    "#1", "#2", "eps#1",
]  # fmt: skip
CHARACTERS = string.printable + "αβγδελĝm̂ε·×−²³٣½∞√∂\0\x1b\u200b\u202e\ufeff\U0001f600\U0010ffff"


def read(text):
    """The rule of a text, or None if it is refused as it should be; anything else that is raised fails the test."""
    try:
        rule = parse_formula(text)
    except FormulaError as error:
        message = str(error)
        assert message.startswith("Argument `formula` has ") and "Allowed: " in message
        assert len(message) < 2000
        # It can be printed, and does nothing to the terminal.
        assert message.replace("\n", "").isprintable() and message.encode()
        rule = None
    if rule is not None:
        assert isinstance(rule, Rule)
        again = parse_formula(rule.formula())
        assert again.formula() == rule.formula()
        assert again.canonical() == rule.canonical() and again.constants == rule.constants
        assert rule.latex() and rule.to_json() and rule.to_source("Found")
    return rule


CHANGES = (
    lambda text, at, end, piece: text[:at] + piece + text[at:],
    lambda text, at, end, piece: text[:at] + text[at + 1 :],
    lambda text, at, end, piece: text[:at] + text[at:end] * 2 + text[end:],
    lambda text, at, end, piece: text[:at] + piece + text[end:],
    lambda text, at, end, piece: text[end:] + text[:at],
)


def mutated(text, rng):
    """The text after one to three changes: pieces put in, taken out, repeated, replaced, or turned round."""
    for _ in range(rng.integers(1, 4)):
        at, end = sorted(rng.integers(0, len(text) + 1, 2))
        piece = rng.choice(WORDS) if rng.random() < 0.5 else CHARACTERS[rng.integers(len(CHARACTERS))]
        text = CHANGES[rng.integers(len(CHANGES))](text, at, end, piece)
    return text


def formulas(rng, count):
    spaces = [search_space("arxiv2017", depth=3), search_space("modern", depth=2)]
    rules = [space.decode(tokens) for space in spaces for tokens in space.sample(rng, count // 2)]
    constants = ("", "", ", beta_1=0.8", ", beta_2=0.9, epsilon=1e-6")
    return [rule.formula() + constants[rng.integers(len(constants))] for rule in rules]


@pytest.mark.long
def test_formulas_with_mistakes():
    rng = np.random.default_rng(0)
    rules = [read(mutated(formula, rng)) for formula in formulas(rng, TEXTS)]
    assert 0.01 < np.mean([rule is not None for rule in rules]) < 0.99  # both happen


@pytest.mark.long
def test_words_in_any_order():
    rng = np.random.default_rng(1)
    for _ in range(TEXTS):
        read("".join(rng.choice(WORDS, rng.integers(0, 30))))


@pytest.mark.long
def test_characters_in_any_order():
    rng = np.random.default_rng(2)
    for _ in range(TEXTS):
        read("".join(CHARACTERS[i] for i in rng.integers(0, len(CHARACTERS), rng.integers(0, 60))))


@pytest.mark.long
def test_bytes_in_any_order():
    rng = np.random.default_rng(3)
    for _ in range(TEXTS):
        read(rng.bytes(rng.integers(0, 60)).decode("utf-8", errors="surrogateescape"))


N = 10_000
HOSTILE = {
    "nothing": "",
    "brackets": "(" * N,
    "closing": ")" * N,
    "closed brackets": "(" * N + "g" + ")" * N,
    "calls": "sqrt(" * N,
    "closed calls": "sqrt(" * N + "g" + ")" * N,
    "bars": "|" * N,
    "bars in calls": "log(|" * N,
    "signs": "-" * N + "g",
    "plus signs": "+" * N + "g",
    "powers": "g" + "^g" * N,
    "three powers": "g^g^g",
    "powers of e": "e^" * N + "g",
    "stars": "g" + "**g" * N,
    "a sum": "g" + "+g" * N,
    "a product": "g" + "*m" * N,
    "1e999": "1e999",
    "-1e999": "-1e999 * g",
    "1e-999": "1e-999 * w",
    "as long a sum as may be": "g" + "+g" * 49_999,
    "a longer sum": "g" + "+g" * 10**6,
    "an error at the end": "g" + "+g" * 49_999 + ")",
    "a long number": "9" * N,
    "a longer number": "9" * 1_000_000,
    "a long fraction": "0." + "0" * N + "1 * w",
    "a long exponent": "1e" + "9" * N,
    "a power of a number": "g^" + "9" * N,
    "a constant": "drop(g, 1e999)",
    "a long constant": "clip(g, " + "1" * N + ")",
    "a long word": "g" * 1_000_000,
    "a long name of a member": "m_" + "9" * 99_000 + "x",
    "a long number of a member": "m_0." + "9" * 99_000,
    "a long exponent of a member": "m_1e" + "9" * 99_000 + "x",
    "members in members": "m" + "_1" * 49_000 + "x",
    "constants": "g" + ", beta_1=0.5" * 8_000,
    "commas": "g" + "," * N,
    "equals": "=" * N,
    "bars in bars": "|g-" * 33_000,
    "bars beside bars": "|g|" * 33_000,
    "bars of all": "log(|g|" + "+|g|" * 20_000 + ")",
    "blanks": " " * 1_000_000,
    "a formula after blanks": " " * 1_000_000 + "g",
    "a rule and zeros": "g\0",
    "zeros": "\0" * N,
    "a surrogate": "g + \ud800",
    "digits of another script": "٣ * g",
    "a superscript": "g²",
    "combining": "m" + "\u0302" * N,
    "dots": "." * N,
    "numbers": "1 " * N,
    "words": "g " * N,
    "a code": "__import__('os').system('true')",
    "attributes": "g.__class__.__mro__",
    "a comprehension": "[g for g in (1).__class__]",
    "a template": "${g} $x %s {0.__class__}",
    "a line": "g\nimport os",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts(kind):
    read(HOSTILE[kind])


@pytest.mark.parametrize("kind", ["brackets", "calls", "a code", "1e999", "a long word", "zeros"])
def test_an_optimizer_of_a_hostile_text_is_an_error(kind):
    with pytest.raises(ValueError, match="Argument `rule` "):
        optimizers.RuleOptimizer(HOSTILE[kind])


@pytest.mark.parametrize("value", [None, 5, b"g", ["g"], {"g": 1}, float("nan")])
def test_what_is_no_text_is_a_type_error(value):
    with pytest.raises(TypeError, match="`formula` must be a str"):
        parse_formula(value)
