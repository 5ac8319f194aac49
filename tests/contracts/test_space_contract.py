"""What every space promises to the algorithms that search it."""

import numpy as np
import pytest

from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.dsl.composed import ComposedSpace
from neural_optimizer_search.dsl.presets import PRESETS
from neural_optimizer_search.dsl.space import Space

pytestmark = pytest.mark.once

SPACES = {
    **{f"{name}, depth {depth}": search_space(name, depth) for name in PRESETS for depth in (1, 2)},
    "unconstrained": search_space("arxiv2017", 2).unconstrained(),
    "composed": ComposedSpace(),
}


@pytest.fixture(params=SPACES)
def space(request):
    return SPACES[request.param]


@pytest.fixture
def strings(space):
    return space.sample(np.random.default_rng(0), 50)


def test_it_is_one(space):
    assert isinstance(space, Space)
    assert space.name in space.title and space.length == len(space.sizes) and space.size > 0


def test_masks_and_strings_agree(space, strings):
    assert strings.shape == (50, space.length) and strings.dtype == np.int32
    for position in range(space.length):
        legal = space.legal_tokens(strings[:, :position])
        assert legal.shape == (50, max(space.sizes)) and legal.any(axis=1).all()
        assert not legal[:, space.sizes[position] :].any()
        assert legal[np.arange(50), strings[:, position]].all()
    assert all(map(space.is_legal, strings))
    assert not space.is_legal(strings[0, :-1]) and not space.is_legal([-1, *strings[0, 1:]])


def test_a_string_is_a_rule_and_back(space, strings):
    for string in strings:
        rule = space.decode(string)
        assert space.encode(rule) == tuple(string)
        embedded = space.embed(rule)
        assert space.is_legal(embedded) and space.decode(embedded).canonical() == rule.canonical()


def test_it_decodes_nothing_but_its_strings(space, strings):
    rng = np.random.default_rng(1)
    for string in strings[:10]:
        for other in (string[:-1], [*string, 0], [*string] * 2, [*string] * 3, [-1, *string[1:]], [99, *string[1:]]):
            with pytest.raises(ValueError, match="Argument `tokens` must"):
                space.decode(other)
    for string in np.array([[rng.integers(size) for size in space.sizes] for _ in range(300)]):
        if space.is_legal(string):
            assert space.encode(space.decode(string)) == tuple(string)
        else:
            with pytest.raises(ValueError, match=f"Argument `tokens` must .*{space.length} ids"):
                space.decode(string)


@pytest.mark.parametrize("formula", ["m", "sign(m)", "g * 2", "m, beta_1=0.5", "tanh(n_0.37)"])
def test_any_rule_is_embedded_or_is_not(space, formula):
    rule = parse_formula(formula)
    embedded = space.embed(rule)
    assert embedded is None or space.is_legal(embedded)
    assert embedded is None or space.decode(embedded).canonical() == rule.canonical()


def test_known_rules_are_of_the_papers_space():
    space = search_space("arxiv2017", 2)
    for formula in ("g", "m", "RMSProp", "Adam", "sign(g)", "exp(sign(g) * sign(m)) * g"):
        assert space.embed(parse_formula(formula)), formula
