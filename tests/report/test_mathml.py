"""MathML says what the formula says: golden cases for each word, and what it shows is read back."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import reference

from neural_optimizer_search import Rule, parse_formula
from neural_optimizer_search.dsl.families import is_family
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
        ("eps_t#1 - eps_t#1 ^ 2", "{{ϵ}_{t}}_{#1}−{{{ϵ}_{t}}_{#1}}^{2}"),
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
        # Of later papers.
        ("0.5", "0.5"),
        ("3e-4", "3·{10}^{−4}"),
        ("1e-5", "{10}^{−5}"),
        ("g / 3e-4", "frac{g}{3·{10}^{−4}+δ}"),
        ("m * 3e-4", "hat{m}·(3·{10}^{−4})"),
        ("m ^ 3e-4", "{hat{m}}^{3·{10}^{−4}}"),
        ("3e-4 ^ m", "{(3·{10}^{−4})}^{hat{m}}"),
        ("3e-4 * w", "3·{10}^{−4}·w"),
        ("m_0.99", "{hat{m}}_{0.99}"),
        ("m_1e-3 ^ 2", "{{hat{m}}_{{10}^{−3}}}^{2}"),
        ("ema_0.9", "{m}_{0.9}"),
        ("lion_0.99", "{lion}_{0.99}"),
        ("v_max", "{hat{v}}_{max}"),
        ("change_0.92 + belief", "{hat{d}}_{0.92}+hat{s}"),
        ("clip(g, 0.02)", "clip (g,0.02)"),
        ("clip(g, 3e-4)", "clip (g,3·{10}^{−4})"),
        ("|g| ^ 2", "{|g|}^{2}"),
        ("||g| - m|", "||g|−hat{m}|"),
        ("tanh(g + m)", "tanh (g+hat{m})"),
        ("min(g, -m) * 2", "min (g,−hat{m})·2"),
        ("on_matrices(g, m)", "on_matrices (g,hat{m})"),
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
    form = {"mrow": "{}" * len(parts), "msqrt": "sqrt({})", "msub": "{}_{}"}.get(node.tag)
    if node.tag == "msub" and parts[1].startswith("#"):
        return "{}{}".format(*parts)  # the number of a draw
    if node.tag == "msub" and parts[0] == "m" and node[0].tag == "mi":
        return f"ema_{parts[1]}"  # without the hat
    if node.tag == "mover":
        return {"s": "belief", "d": "change"}.get(parts[0], parts[0])
    text = form.format(*parts) if form else node.text.translate(_ASCII)
    text = re.sub(r"(\d)\*1e", r"\1e", text)  # 3·10^-4
    return text.replace("w", "*w") if node.tag == "mrow" and re.fullmatch(r"1e-\dw", text) else text


_ASCII = {ord("−"): "-", ord("·"): "*", 0x2061: "", ord("ϵ"): "eps", ord("γ"): "gamma"}


def test_what_is_shown_is_what_is_computed():
    for iterations in reference.random_rules(seed=4, count=1500):
        rule = Rule(iterations)
        text = _formula(math(rule)[0])
        # The formula's own reading, because it takes the power g ^ 2 for the operand g^2, as a reader does.
        assert parse_formula(text).canonical() == parse_formula(rule.formula()).canonical(), text


def test_words_of_later_papers_are_shown_as_what_is_computed():
    rng = np.random.default_rng(4)
    for i in range(500):
        rule = Rule(reference.random_rule(rng, 1 + i % 3, tables=reference.LATER))
        assert parse_formula(_formula(math(rule)[0])).canonical() == rule.canonical(), rule


MEMBERS = ("0.5", "3e-4", "1e-3", "m_0.99", "m_1e-3", "ema_0.9", "v_0.95", "lion_0.99", "change_0.92", "n_0.92")


@pytest.mark.parametrize("table", [OPERANDS, UNARIES, BINARIES])
def test_every_word_has_mathml(table):
    members = {id(OPERANDS): MEMBERS, id(UNARIES): ("clip_0.02", "drop_0.2"), id(BINARIES): ()}[id(table)]
    for word in (*members, *(word for word in table if not is_family(word))):
        iteration = {
            id(OPERANDS): (word, "g" if word != "g" else "m", "identity", "identity", "sub"),
            id(UNARIES): ("g", "m", word, "identity", "mul"),
            id(BINARIES): ("g", "m", "identity", "identity", word),
        }[id(table)]
        made = math(Rule((iteration,)))
        assert ET.fromstring(html(made)).tag == "math"
        assert made.get("alttext") == Rule((iteration,)).formula()
