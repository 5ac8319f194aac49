"""What a row of the vocabulary is enough for: made-up words are read, shown and numbered, and enter no space."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl import presets, vocabulary

pytestmark = pytest.mark.once

# Adds the words before anything but the vocabulary is imported, as rows at the ends of its tables would be.
SCRIPT = r"""
import dataclasses, json, sys, types
package = types.ModuleType("neural_optimizer_search")
package.__path__ = ["neural_optimizer_search"]
sys.modules[package.__name__] = package
from neural_optimizer_search.dsl import vocabulary

kinds = {"operands": vocabulary.OPERANDS, "unaries": vocabulary.UNARIES, "binaries": vocabulary.BINARIES}
words, formulas = json.load(sys.stdin)
for kind, rows in words.items():
    kinds[kind].update({name: vocabulary.Word(name, latex, value=None) for name, latex in rows.items()})
vocabulary.FULL = vocabulary.Vocabulary(*map(tuple, kinds.values()))

from neural_optimizer_search.dsl import presets
from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.report.mathml import math
from neural_optimizer_search.report.tree import tree

def look_at(formula):
    rule = parse_formula(formula)
    assert Rule.from_tokens(rule.to_tokens()) == rule == parse_formula(rule.formula())
    return [rule.formula(), rule.latex(), "".join(math(rule).itertext()), "|".join(tree(rule).itertext())]

try:
    parse_formula("")
except ValueError as error:
    legend = str(error)
print(json.dumps({
    "seen": {formula: look_at(formula) for formula in formulas},
    "ids": [vocabulary.FULL.operands.index("mixture"), parse_formula("mixture").to_tokens()[0]],
    "presets": {name: dataclasses.astuple(words) for name, words in presets.PRESETS.items()},
    "legend": legend,
    "help": parse_formula.__doc__,
}))
"""
WORDS = {
    "operands": {
        "mixture": r"0.9\hat{m} + 0.1g", "3": "3", "g^4": "g^{4}", "1e-5*w": "10^{-5}w",
        "sign(v)": r"\operatorname{sign}(\hat{v})",
    },
    "unaries": {
        "cosh": r"\cosh($x)", "clip_1e-2": r"\operatorname{clip}($x, 10^{-2})", "cbrt": r"\sqrt[3]{\left|$x\right|}",
        "square": "{$x}^{2}", "soft_sign": r"\operatorname{soft\_sign}($x)",
    },
    "binaries": {"larger": r"\operatorname{larger}($x, $y)", "mean": r"\frac{$x + $y}{2}"},
}  # fmt: skip
# Formula -> LaTeX, and the text of its MathML.
SEEN = {
    "mixture": (r"0.9\hat{m} + 0.1g", "0.9m^+0.1g"),
    "mixture * g": (r"\left(0.9\hat{m} + 0.1g\right) \cdot g", "(0.9m^+0.1g)·g"),
    "3 * g^4": (r"3 \cdot g^{4}", "3·g4"),
    "1e-5*w - m": (r"10^{-5}w - \hat{m}", "10−5w−m^"),
    "sign(v)": (r"\operatorname{sign}(\hat{v})", "sign\u2061(v^)"),
    "cosh(g + m)": (r"\cosh(g + \hat{m})", "cosh\u2061(g+m^)"),
    "-cosh(g) ^ 2": (r"-{\cosh(g)}^{2}", "−cosh\u2061(g)2"),
    "clip(m, 1e-2)": (r"\operatorname{clip}(\hat{m}, 10^{-2})", "clip\u2061(m^,10−2)"),
    "cbrt(|g|)": (r"\sqrt[3]{\left|g\right|}", "|g|3"),
    "square(g + m)": (r"{\left(g + \hat{m}\right)}^{2}", "(g+m^)2"),
    "square(m) ^ 2": (r"{\left({\hat{m}}^{2}\right)}^{2}", "(m^2)2"),
    "soft_sign(v)": (r"\operatorname{soft\_sign}(\hat{v})", "soft_sign\u2061(v^)"),
    "larger(g + m, -v) * 2": (r"\operatorname{larger}(g + \hat{m}, -\hat{v}) \cdot 2", "larger\u2061(g+m^,−v^)·2"),
    "mean(g - m, g * v)": (r"\frac{g - \hat{m} + \left(g \cdot \hat{v}\right)}{2}", "g−m^+(g·v^)2"),
}


@pytest.fixture(scope="module")
def made_up():
    """What is there with the words; a process of its own, as they would stay in the tables of this one."""
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps([WORDS, list(SEEN)]),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert result.returncode == 0, result.stderr[-2000:]
    return json.loads(result.stdout)


@pytest.mark.parametrize("formula", SEEN)
def test_a_new_word_is_read_and_shown(made_up, formula):
    latex, mathml = SEEN[formula]
    assert made_up["seen"][formula][:3] == [formula, latex, mathml]


def test_a_new_word_has_its_name_in_a_tree(made_up):
    assert made_up["seen"]["larger(g + m, -v) * 2"][3].endswith("g|m|+|v|negate|larger|2|×")


def test_a_new_word_is_named_where_words_are_listed(made_up):
    for text in (made_up["legend"], " ".join(made_up["help"].split())):
        operands, functions = (text.split(f"{kind} ")[1].split("; ")[0] for kind in ("operands", "functions"))
        assert all(f" {word}," in f"{operands}," for word in WORDS["operands"])
        for word in ("cosh", "cbrt", "square", "soft_sign", "larger(x, y)", "mean(x, y)"):
            assert f" {word}," in f"{functions},"


def test_a_new_word_has_the_next_id(made_up):
    assert made_up["ids"] == [len(vocabulary.OPERANDS)] * 2


def test_a_new_word_enters_no_space(made_up):
    spaces = {name: dataclasses.astuple(words) for name, words in presets.PRESETS.items()}
    assert made_up["presets"] == json.loads(json.dumps(spaces))
    new = {word for rows in WORDS.values() for word in rows}
    assert not new & {word for tables in spaces.values() for words in tables for word in words}


def test_help_lists_the_words_of_today():
    text = " ".join(parse_formula.__doc__.split())
    assert all(name in text for name in vocabulary.OPERANDS)
    assert "{" not in text
