"""MathML says what the formula says: golden cases for each word, and what it shows is read back."""

import xml.etree.ElementTree as ET

import pytest
import reference

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.mathml import math


def to_tex(formula):
    """The MathML within `math`, with groups as {} and scripts in TeX's way, which is short enough to be read."""
    return _tex(math(parse_formula(formula))[0])


def _tex(node):
    form = {
        "mrow": "{}" * len(node),
        "mfrac": "frac{{{}}}{{{}}}",
        "msup": "{{{}}}^{{{}}}",
        "msub": "{{{}}}_{{{}}}",
        "msqrt": "sqrt{{{}}}",
        "mover": "hat{{{}}}",
    }.get(node.tag)
    return form.format(*map(_tex, node)) if form else node.text.replace("\u2061", " ")


@pytest.mark.parametrize(
    "formula, expected",
    [
        # Operands.
        ("g", "g"),
        ("g^2", "{g}^{2}"),
        ("g^3", "{g}^{3}"),
        ("m", "hat{m}"),
        ("v", "hat{v}"),
        ("gamma", "hat{γ}"),
        ("sign(g)", "sign (g)"),
        ("sign(m)", "sign (hat{m})"),
        ("1", "1"),
        ("2", "2"),
        ("eps", "ϵ"),
        ("1e-4*w", "{10}^{−4}w"),
        ("1e-1*w", "{10}^{−1}w"),
        ("Adam", "Adam"),
        ("RMSProp", "RMSProp"),
        ("ld", "ld"),
        ("cd", "cd"),
        ("cd_1", "{cd}_{1}"),
        ("rd_10", "{rd}_{10}"),
        ("rd_20", "{rd}_{20}"),
        ("eps_t", "{ϵ}_{t}"),
        # Functions.
        ("-g", "−g"),
        ("exp(m)", "{e}^{hat{m}}"),
        ("log(|m|)", "log |hat{m}|"),
        ("sqrt(|g|)", "sqrt{|g|}"),
        ("clip(g, 1e-3)", "clip (g,{10}^{−3})"),
        ("drop(g, 0.1)", "drop (g,0.1)"),
        ("sign(v)", "sign (hat{v})"),
        ("sigmoid(g)", "sigmoid (g)"),
        # Operators, and how tightly they bind.
        ("g + m", "g+hat{m}"),
        ("g - m", "g−hat{m}"),
        ("g * m", "g·hat{m}"),
        ("g / m", "frac{g}{hat{m}+δ}"),
        ("g ^ m", "{g}^{hat{m}}"),
        ("g - (m - v)", "g−(hat{m}−hat{v})"),
        ("g - m - v", "g−hat{m}−hat{v}"),
        ("g + (m + v)", "g+(hat{m}+hat{v})"),
        ("g * (m + 1)", "g·(hat{m}+1)"),
        ("g * (m * v)", "g·(hat{m}·hat{v})"),
        ("-(g + m)", "−(g+hat{m})"),
        ("-(g * m)", "−(g·hat{m})"),
        ("g * -m", "g·−hat{m}"),
        ("(g + m) / (g - m)", "frac{g+hat{m}}{g−hat{m}+δ}"),
        ("g / m * v", "frac{g}{hat{m}+δ}·hat{v}"),
        ("(g / m) ^ 2", "{(frac{g}{hat{m}+δ})}^{2}"),
        ("(g + m) ^ (g - m)", "{(g+hat{m})}^{g−hat{m}}"),
        ("(g^2) ^ 2", "{({g}^{2})}^{2}"),
        ("(e^g) ^ 2", "{({e}^{g})}^{2}"),
        ("e^m ^ 2", "{e}^{{hat{m}}^{2}}"),
        ("(-g) ^ 2", "{(−g)}^{2}"),
        ("-1 ^ m", "−{1}^{hat{m}}"),
        ("log(|g|) ^ 2", "{(log |g|)}^{2}"),
        ("sqrt(|g|) ^ 2", "{sqrt{|g|}}^{2}"),
        ("sign(m) ^ 2", "{sign (hat{m})}^{2}"),
        ("(1e-4*w) ^ 2", "{({10}^{−4}w)}^{2}"),
        ("g / (1e-4*w)", "frac{g}{{10}^{−4}w+δ}"),
        ("exp(sign(g) * sign(m)) * g", "{e}^{sign (g)·sign (hat{m})}·g"),
    ],
)
def test_golden(formula, expected):
    assert to_tex(formula) == expected


def _formula(node):
    """MathML as infix text, with brackets only where they, a fraction or a script are seen."""
    parts = [_formula(child) for child in node]
    if node.tag == "mfrac":
        assert parts[1].endswith("+δ"), parts
        return f"(({parts[0]})/({parts[1][:-2]}))"
    if node.tag == "msup" and parts[0] == "10":
        return f"1e{parts[1]}"
    if node.tag == "msup":
        # A superscript belongs to the symbol before it, or to a pair of brackets with the function's name.
        assert node[0].tag in ("mi", "mn", "mover", "msub", "msqrt") or parts[0].endswith(")"), ET.tostring(node)
        assert not parts[0].startswith("log"), ET.tostring(node)
        return "{}^{}".format(*parts) if node[1].tag == "mn" else "{}^({})".format(*parts)
    if node.tag == "mrow" and parts[0] == "log":
        return f"log({parts[2]})"
    form = {"mrow": "{}" * len(parts), "msqrt": "sqrt({})", "msub": "{}_{}", "mover": "{}"}.get(node.tag)
    text = form.format(*parts) if form else node.text.translate(_ASCII)
    return text.replace("w", "*w") if node.tag == "mrow" and parts[-1] == "w" else text


_ASCII = {ord("−"): "-", ord("·"): "*", 0x2061: "", ord("ϵ"): "eps", ord("γ"): "gamma"}


def test_what_is_shown_is_what_is_computed():
    for iterations in reference.random_rules(seed=4, count=1500):
        rule = Rule(iterations)
        text = _formula(math(rule)[0])
        # The formula's own reading, because it takes the power g ^ 2 for the operand g^2, as a reader does.
        assert parse_formula(text).canonical() == parse_formula(rule.formula()).canonical(), text


@pytest.mark.parametrize("table", [OPERANDS, UNARIES, BINARIES])
def test_every_word_has_mathml(table):
    for word in table:
        iteration = {
            id(OPERANDS): (word, "g" if word != "g" else "m", "identity", "identity", "sub"),
            id(UNARIES): ("g", "m", word, "identity", "mul"),
            id(BINARIES): ("g", "m", "identity", "identity", word),
        }[id(table)]
        made = math(Rule((iteration,)))
        assert ET.fromstring(html(made)).tag == "math"
        assert made.get("alttext") == Rule((iteration,)).formula()
