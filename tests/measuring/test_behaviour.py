"""Which rules behave alike, and that what is quick about it leaves nothing out."""

import marks
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring import behaviour as module
from neural_optimizer_search.measuring.behaviour import Behaviours, Likeness, are_alike, find_behaviour
from neural_optimizer_search.measuring.probe import Descent, Probe
from neural_optimizer_search.measuring.screen import Screen

LIKENESS = Likeness()
SCREEN = Screen().probe


def small_gradients(scale=1.0):
    """A descent of small gradients: there `clip(g, 1e-2)` is g."""
    rng = np.random.default_rng(0)
    g = scale * 1e-3 * rng.normal(size=(12, 8))
    return Probe(Descent(g, np.ones_like(g), 12, (np.arange(8).reshape(2, 4),)))


def make(*formulas, probes=(SCREEN,), likeness=LIKENESS):
    behaviours = Behaviours(list(probes), likeness)
    for formula in formulas:
        behaviours.add(formula, parse_formula(formula))
    return behaviours


def find(behaviours, formula):
    return behaviours.find(parse_formula(formula))


def test_a_rule_that_is_looked_for_and_then_added_is_computed_once(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "find_behaviour", lambda *given: seen.append(given) or find_behaviour(*given))
    behaviours = make(probes=[small_gradients()])
    for formula in ("g", "m", "g * m"):
        find(behaviours, formula)
        behaviours.add(formula, parse_formula(formula))
    assert len(seen) == 3


def test_two_indices_of_one_probe_share_what_is_computed(monkeypatch):
    probe, seen = small_gradients(), []
    monkeypatch.setattr(module, "find_behaviour", lambda *given: seen.append(given) or find_behaviour(*given))
    for _ in range(2):
        behaviours = make("g", "m", probes=[probe])
        assert find(behaviours, "m") == "m"
    assert len(seen) == 2


def test_a_probe_keeps_so_many_behaviours_and_no_more(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 2)
    probe = small_gradients()
    make("g", "m", "g * m", probes=[probe])
    assert list(probe.behaviours) == [parse_formula("m"), parse_formula("g * m")]


@pytest.mark.parametrize(
    "formula", ["drop(orthogonalize(m) + 2 * g, 0.3) * g", "(m + eps) * sign(g)", "drop(g, 0.5) + drop(m, 0.1)"]
)
def test_draws_of_one_rule_are_those_of_a_new_probe(formula):
    """What has no noise in it is computed for the first draw alone."""
    rule, probe = parse_formula(formula), small_gradients()
    for draw in (0, 3, 9, 3):
        np.testing.assert_array_equal(probe.update(rule, draw), small_gradients().update(rule, draw))


def test_what_is_empty_has_nothing_alike():
    assert find(make(), "g") is None and len(make()) == 0


def test_a_rule_is_alike_itself_and_its_disguise():
    behaviours = make("g", "Adam", "sign(g)")
    assert len(behaviours) == 3
    assert [find(behaviours, f) for f in ("g", "Adam", "sign(g)")] == ["g", "Adam", "sign(g)"]
    assert find(behaviours, "Adam - clip(clip(v, 1e-3), 1e-3)") == "Adam"
    assert find(behaviours, "sign(m)") is None


def test_a_positive_factor_is_alike_and_a_flip_is_not():
    behaviours = make("Adam")
    assert find(behaviours, "2 * Adam") == find(behaviours, "Adam * 1e-3") == "Adam"
    assert find(behaviours, "-Adam") is None


def test_of_several_the_nearest_is_found():
    behaviours = make("m", "m + 1e-1 * g", "g", likeness=Likeness(probe=0.5))
    for formula in ("m", "m + 1e-1 * g", "g"):
        assert find(behaviours, formula) == formula


@pytest.mark.parametrize("formula", ["g - g", "log(g - g)"])
def test_what_is_zero_or_not_finite_is_alike_nothing(formula):
    assert np.isnan(find_behaviour(SCREEN, parse_formula(formula))).all()
    behaviours = make(formula, "g")
    assert find(behaviours, formula) is None and find(behaviours, "g") == "g"


def test_both_witnesses_must_agree():
    """Small gradients alone do not show the difference."""
    one, other = parse_formula("g"), parse_formula("clip(g, 1e-2)")
    large, small = small_gradients(scale=1000.0), small_gradients()
    assert are_alike([small], Likeness(), one, other) and not are_alike([large], Likeness(), one, other)
    for probes in ([small, large], [large, small]):
        assert not are_alike(probes, Likeness(), one, other)
    assert are_alike([small, small], Likeness(), one, other)
    assert are_alike([small, large], Likeness(task=0.1), one, other)
    assert are_alike([large, small], Likeness(probe=0.1), one, other)


def test_a_behaviour_is_a_unit_vector_of_few_numbers():
    behaviour = find_behaviour(SCREEN, parse_formula("Adam"))
    assert behaviour.shape == (module.NUMBERS,) and behaviour.dtype == np.float32
    assert np.linalg.norm(behaviour) == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_array_equal(behaviour, find_behaviour(Screen().probe, parse_formula("Adam")))


@pytest.mark.parametrize(
    "one, other, alike",
    [
        ("drop(sign(m), 0.3)", "sign(m) * sign(drop(m^2, 0.3))", True),
        ("drop(g, 0.3)", "drop(g, 0.3) - drop(m, 0.1) * 0", True),
        ("drop(drop(sign(m), 0.3), 0.5)", "drop(sign(m), 0.5) * drop(1, 0.3)", True),
        ("m + eps", "eps + m", True),
        ("m + 1e-4 * eps", "m", True),
        ("drop(sign(m), 0.3)", "drop(sign(m), 0.5)", False),
        ("drop(sign(m), 0.1)", "sign(m)", False),
        ("sign(m) + eps", "sign(m)", False),
        ("drop(Adam, 0.1)", "drop(RMSProp, 0.1)", False),
    ],
)
def test_rules_differ_by_how_large_their_noise_is_and_not_by_their_draws(one, other, alike):
    one, other = parse_formula(one), parse_formula(other)
    assert are_alike([SCREEN], LIKENESS, one, other) == are_alike([SCREEN], LIKENESS, other, one) == alike


def make_vectors(count, groups, seed):
    """Unit vectors in groups, some of them near each other, and some that are not finite."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(groups, module.NUMBERS))
    vectors = centres[rng.integers(groups, size=count)] + rng.uniform(0, 0.3, (count, 1)) * rng.normal(
        size=(count, module.NUMBERS)
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[rng.integers(count, size=count // 50)] = np.nan
    return vectors.astype(np.float32)


def add_all(vectors):
    kept = module._Vectors()
    for vector in vectors:
        kept.add(vector)
    return kept


@pytest.mark.parametrize("threshold", [0.5, 0.9, 0.99])
def test_what_is_found_by_few_directions_is_what_a_look_at_all_finds(threshold):
    vectors = make_vectors(10_000, 50, seed=1)
    kept, queries = add_all(vectors), [*make_vectors(40, 50, seed=1), *make_vectors(20, 50, seed=2)]
    cosines = np.stack(queries) @ vectors.T
    assert np.nansum(cosines >= threshold) > 40
    for query, expected in zip(queries, cosines):
        near = kept.find_near(query, threshold)
        assert len(near) < len(vectors) or threshold < 0.9
        # At the threshold itself the order of a sum decides.
        assert set(np.flatnonzero(expected >= threshold + 1e-5)) <= set(near)
        np.testing.assert_allclose(kept.cosines(query, near), expected[near], atol=1e-6)


@marks.only_long("It makes 10^5 behaviours.")
def test_a_look_at_many_compares_few():
    vectors = make_vectors(100_000, 2_000, seed=3)
    kept = add_all(vectors)
    assert np.median([len(kept.find_near(query, 0.99)) for query in vectors[::1000]]) < 1_000
