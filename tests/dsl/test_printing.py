"""Rules as formulas and as LaTeX, and formulas that are read back."""

import pytest
import reference

from neural_optimizer_search import Rule, parse_formula

SIGN_G, SIGN_M = r"\operatorname{sign}(g)", r"\operatorname{sign}(\hat{m})"
BARE_G, BARE_M = ("g", "1", "identity", "identity", "left"), ("m", "1", "neg", "identity", "left")


@pytest.mark.parametrize(
    "formula, latex",
    [
        ("g", "g"),
        ("-g", "-g"),
        ("-(g + m)", r"-\left(g + \hat{m}\right)"),
        ("-(g * m)", r"-\left(g \cdot \hat{m}\right)"),
        ("g - (m - v)", r"g - \left(\hat{m} - \hat{v}\right)"),
        ("g - m - v", r"g - \hat{m} - \hat{v}"),
        ("g * (m + 1)", r"g \cdot \left(\hat{m} + 1\right)"),
        ("m / sqrt(|v|)", r"\frac{\hat{m}}{\sqrt{\left|\hat{v}\right|} + \delta}"),
        ("(g + m) / (g - m)", r"\frac{g + \hat{m}}{g - \hat{m} + \delta}"),
        ("g^2 * g^3", r"g^{2} \cdot g^{3}"),
        ("m ^ g", r"{\hat{m}}^{g}"),
        ("(g + m) ^ (g - m)", r"{\left(g + \hat{m}\right)}^{g - \hat{m}}"),
        ("(g^2) ^ 2", r"{\left(g^{2}\right)}^{2}"),
        ("e^m ^ 2", r"e^{{\hat{m}}^{2}}"),
        ("(e^g) ^ 2", r"{\left(e^{g}\right)}^{2}"),
        ("(-g) ^ 2", r"{\left(-g\right)}^{2}"),
        ("-1 ^ m", r"-{1}^{\hat{m}}"),
        ("log(gamma) * rd_20", r"\log\left|\hat{\gamma}\right| \cdot \mathrm{rd}_{20}"),
        ("sigmoid(1e-4*w)", r"\operatorname{sigmoid}(10^{-4}w)"),
        ("clip(RMSProp, 1e-5)", r"\operatorname{clip}(\mathrm{RMSProp}, 10^{-5})"),
        ("drop(Adam, 0.1)", r"\operatorname{drop}(\mathrm{Adam}, 0.1)"),
        ("eps + eps_t", r"\epsilon + \epsilon_{t}"),
        ("exp(sign(g) * sign(m)) * g", rf"e^{{{SIGN_G} \cdot {SIGN_M}}} \cdot g"),
        ("2^(sign(g) * sign(m)) * g", rf"{{2}}^{{{SIGN_G} \cdot {SIGN_M}}} \cdot g"),
        (
            "(1 + ld * sign(g) * sign(m)) * g",
            rf"\left(1 + \mathrm{{ld}} \cdot {SIGN_G} \cdot {SIGN_M}\right) \cdot g",
        ),
    ],
)
def test_latex(formula, latex):
    assert parse_formula(formula).latex() == latex


def test_latex_is_balanced():
    for iterations in reference.random_rules(seed=0, count=3000):
        source = Rule(iterations).latex()
        assert source.count(r"\left(") == source.count(r"\right)"), source
        assert source.count(r"\left|") == source.count(r"\right|"), source
        assert "$" not in source
        depth = 0
        for character in source:
            depth += {"{": 1, "}": -1}.get(character, 0)
            assert depth >= 0, source
        assert depth == 0, source


@pytest.mark.parametrize(
    "iterations, formula",
    [
        # The paper's words that do nothing are left out.
        ([BARE_G], "g"),
        ([("g", "m", "sign", "exp", "left")], "sign(g)"),
        ([("m", "1", "identity", "sqrt", "mul")], "m"),
        ([("1", "m", "sign", "identity", "mul")], "m"),
        ([("m", "2", "identity", "sign", "div")], "m"),
        ([("m", "2", "sign", "sign", "pow")], "sign(m)"),
        ([BARE_M, ("g", 0, "identity", "neg", "sub")], "g - m"),
        ([BARE_M, ("g", 0, "identity", "neg", "add")], "g + m"),
        ([BARE_M, ("g", 0, "identity", "identity", "add")], "g - m"),
        ([BARE_M, ("g", 0, "identity", "identity", "sub")], "g + m"),
        ([BARE_M, (0, 0, "sign", "sqrt", "div")], "sign(-m) / sqrt(|-m|)"),
        ([BARE_G, (0, 0, "log", "clip_1e-3", "div")], "log(|g|) / clip(g, 1e-3)"),
        # And what does something stays.
        ([("1", "m", "identity", "identity", "div")], "1 / m"),
        ([("1", "m", "identity", "identity", "pow")], "1 ^ m"),
        ([("m", "1", "identity", "identity", "sub")], "m - 1"),
        ([("v", "1", "sign", "identity", "left")], "sign(v)"),
    ],
)
def test_formula_is_simplified(iterations, formula):
    assert Rule(tuple(iterations)).formula() == formula


def test_formulas_are_read_back_as_they_stand():
    for iterations in reference.random_rules(seed=2, count=2000):
        formula = Rule(iterations).formula()
        again = parse_formula(formula)
        assert again.formula() == formula
        assert again.depth <= len(iterations)
