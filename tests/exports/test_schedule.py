"""The schedule in an exported file is the one that the rule was found with, and the docstring says how to use it."""

import inspect
import itertools
import textwrap

import numpy as np
import paths
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.schedule_shape import DECAYS, parse_schedule

RATE = 0.3
SCHEDULES = [
    text for name, rise in itertools.product(DECAYS, ("", ", warm-up 0.1", ", warm-up 0.75"))
    if (text := name + rise) != "constant"
]  # fmt: skip
each_framework = pytest.mark.parametrize("framework", paths.FRAMEWORKS)


def load(framework, schedule="", weight_decay=0.0, formula="g"):
    names = {"__name__": "exported"}
    source = parse_formula(formula).to_source("MyOptimizer", framework, RATE, schedule, weight_decay)
    exec(source, names)
    return names, source


def find_rates(names, framework, steps):
    """The learning rate of each step, and of two steps after the last."""
    if framework == "torch":
        factor = names["make_schedule"](steps)
        return [RATE * factor(t) for t in range(steps + 2)]
    make = names["make_schedule" if framework == "optax" else "MyOptimizerSchedule"]
    schedule = make(steps)
    return [float(schedule(t)) for t in range(steps + 2)]


@each_framework
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_it_gives_the_rates_that_the_rule_was_found_with(framework, schedule):
    names, _ = load(framework, schedule)
    for steps in (1, 2, 40):
        *rates, after, later = find_rates(names, framework, steps)
        np.testing.assert_allclose(rates, RATE * parse_schedule(schedule).factors(steps), rtol=1e-5, atol=1e-7)
        is_constant = schedule.startswith("constant")
        np.testing.assert_allclose([after, later], RATE if is_constant else 0.0, atol=1e-7)


@pytest.mark.skipif("optax" not in paths.FRAMEWORKS, reason="needs optax")
@pytest.mark.parametrize("schedule", SCHEDULES[::4])
def test_the_schedule_for_optax_can_be_compiled(schedule):
    import jax

    make = load("optax", schedule)[0]["make_schedule"]
    rates = jax.jit(jax.vmap(make(7)))(np.arange(7))
    np.testing.assert_allclose(rates, RATE * parse_schedule(schedule).factors(7), rtol=1e-5, atol=1e-7)


@each_framework
def test_without_a_schedule_there_is_none(framework):
    for schedule in ("", "constant"):
        assert "chedule(" not in load(framework, schedule, 0.1)[1]


@each_framework
@pytest.mark.parametrize("steps", [0, -3, 0.5, 937.5])
def test_a_training_has_steps(framework, steps):
    with pytest.raises(ValueError, match=r"^Argument `steps` must be an int > 0\. Received: "):
        find_rates(load(framework, "linear")[0], framework, steps)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="Argument `schedule` must be one of: constant, linear, "):
        parse_formula("g").to_source("MyOptimizer", schedule="lineal")


def find_use(names, framework):
    """The lines of code in the docstring."""
    doc = inspect.getdoc(names["MyOptimizer"]) if framework != "optax" else inspect.cleandoc(names["__doc__"])
    return textwrap.dedent(doc.partition("not used by default")[2].partition(":\n\n")[2].partition("\n\n")[0])


def train(names, framework, steps):
    """Trains a weight of 1 by the lines of the docstring, with gradients of 1; returns the weight."""
    use = find_use(names, framework)
    if framework == "optax":
        import jax.numpy as jnp

        exec(use, names, local := {"T": steps})
        w = jnp.ones(2)
        state = local["optimizer"].init(w)
        for _ in range(steps):
            updates, state = local["optimizer"].update(jnp.ones(2), state, w)
            w = w + updates
        return np.asarray(w)
    if framework == "torch":
        import torch

        model = torch.nn.Linear(1, 1, bias=False)
        torch.nn.init.ones_(model.weight)
        *make, after = use.splitlines() if "scheduler" in use else [*use.splitlines(), ""]
        exec("\n".join(make), names, local := {"T": steps, "model": model})
        for _ in range(steps):
            model.weight.grad = torch.ones(1, 1)
            local["optimizer"].step()
            exec(after, names, local)
        return model.weight.detach().numpy()[0]
    exec(use, names, local := {"T": steps})
    (path,) = paths.keras_path(local["optimizer"], [np.ones((steps, 2), np.float32)], [np.ones(2, np.float32)])
    return path[-1]


@each_framework
@pytest.mark.parametrize("formula", ["g", "(1 + ld) * g", "|w| * g"])
@pytest.mark.parametrize(("schedule", "weight_decay"), [("linear, warm-up 0.4", 0.5), ("cosine", 0.0), ("", 0.5)])
def test_the_lines_of_the_docstring_train_as_the_rule_was_found(framework, formula, schedule, weight_decay):
    names, _ = load(framework, schedule, weight_decay, formula)
    w = 1.0
    for t, factor in enumerate(parse_schedule(schedule or "constant").factors(5)):
        w *= 1.0 - RATE * factor * weight_decay
        direction = {"g": 1.0, "(1 + ld) * g": 2.0 - t / 5, "|w| * g": abs(w)}[formula]  # it reads the decayed w
        w -= RATE * factor * direction
    np.testing.assert_allclose(train(names, framework, 5), w, rtol=1e-5)
