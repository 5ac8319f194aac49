"""Trajectories on two functions, as they are computed and drawn."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import RuleOptimizer, parse_formula
from neural_optimizer_search.objectives import LANDSCAPES
from neural_optimizer_search.report.markup import html
from neural_optimizer_search.report.trajectories import RATES, SHOWN, follow, trajectories, trajectory_chart

FORMULAS = (
    "g",
    "Adam",
    "(1 + ld * sign(g) * sign(m)) * g",
    "trust(m) + change_0.9",
    "orthogonalize(m)",
    "cd * RMSProp",
)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_trajectory_is_the_optimizer_s(formula):
    rosenbrock = LANDSCAPES["rosenbrock"]
    path = follow(parse_formula(formula), rosenbrock, steps=20)
    assert path is not None
    x = tf.Variable(np.array(rosenbrock.start))
    optimizer = RuleOptimizer(formula, path.rate, decay_steps=20)
    for point in path.points[1:]:
        optimizer.apply_gradients([(tf.constant(rosenbrock.gradient(x.numpy())), x)])
        np.testing.assert_allclose(x, point, rtol=1e-5)
    assert path.value == rosenbrock.value(path.points[-1])


def test_the_best_rate_is_taken():
    bowl, rule = LANDSCAPES["quadratic"], parse_formula("g")
    found = follow(rule, bowl, steps=10)
    assert found is not None and found.rate in RATES

    def end(rate):
        x = np.array(bowl.start)
        for _ in range(10):
            x = x - rate * bowl.gradient(x)
        return bowl.value(x)

    with np.errstate(all="ignore"):
        assert found.rate == min(RATES, key=end) and found.value == pytest.approx(end(found.rate))


def test_what_diverges_with_every_rate_is_said_and_not_drawn():
    diverged = follow(parse_formula("log(g - g)"), LANDSCAPES["beale"], steps=5)
    assert diverged is None
    path = follow(parse_formula("g"), LANDSCAPES["beale"], steps=5)
    text = html(trajectory_chart("beale", [("rule 1", "c0"), ("Adam", "known")], [diverged, path]))
    assert "rule 1 diverged at every rate, Adam " in text and text.count('class="line ') == 1


@pytest.mark.parametrize("name", SHOWN)
def test_the_start_the_minimum_and_the_low_fields_are_on_the_picture(name):
    (left, right), (bottom, top) = SHOWN[name]
    for x, y in (LANDSCAPES[name].start, LANDSCAPES[name].minimum):
        assert left < x < right and bottom < y < top
    text = html(trajectory_chart(name, [], []))
    assert "<title>start</title>" in text and "<title>minimum</title>" in text
    fields = [part.partition('"')[0].count("M") for part in text.split('<path d="')[1:]]
    assert fields[:-1] and all(fields)


def test_the_section_has_the_best_three_rules_and_two_known_optimizers(recorded):
    text = html(trajectories(recorded("whole")))
    for title in ("Rule 1", "Rule 2", "Rule 3", "AddSign", "Adam"):
        assert f"<td>{title}</td>" in text
    assert "<td>Rule 4</td>" not in text and "<td>SGD</td>" not in text
    assert trajectories(recorded("only known")) is None


def test_noise_is_the_same_each_time():
    rule = parse_formula("drop(g, 0.5)")
    first, again = (follow(rule, LANDSCAPES["beale"], steps=20) for _ in range(2))
    assert first is not None and again is not None and np.array_equal(first.points, again.points)
