"""What a rule does with a gradient, as it is computed and drawn."""

import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.response import GRADIENTS, find_response, response_chart


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("g", GRADIENTS),
        ("0.5 * g", GRADIENTS),  # only the shape counts
        ("sign(g)", np.sign(GRADIENTS)),
        ("(1 + sign(g) * sign(m)) * g", np.maximum(GRADIENTS, 0.0)),
        ("exp(sign(g) * sign(m)) * g", np.exp(np.sign(GRADIENTS) - 1.0) * GRADIENTS),
    ],
)
def test_it_is_the_update_relative_to_that_of_one(formula, expected):
    np.testing.assert_allclose(find_response(parse_formula(formula)), expected, atol=1e-12)


def test_of_noise_the_mean_is_shown():
    found = find_response(parse_formula("drop(g, 0.5)"))
    assert found is not None
    np.testing.assert_allclose(found, GRADIENTS, atol=0.4)
    assert not np.array_equal(found, GRADIENTS)


@pytest.mark.parametrize("formula", ["g - m", "exp(g^3 * 9)", "log(g - g)"])
def test_what_cannot_be_drawn_is_left_out(formula):
    assert find_response(parse_formula(formula)) is None
    assert response_chart(parse_formula(formula), "rule 1") is None


def test_it_is_drawn_beside_adam():
    chart = response_chart(parse_formula("g"), "rule 1")
    assert chart is not None
    text = html(chart)
    assert text.count('class="line ') == 2 and "<title>Adam</title>" in text and "beside Adam" in text
