"""Search spaces: which strings of tokens are legal, how many there are, and how they are drawn."""

import itertools
import pathlib

import numpy as np
import pytest

from neural_optimizer_search import Rule, SearchSpace, parse_formula, search_space
from neural_optimizer_search.dsl import presets

NAMES = ("distinct_operands", "no_final_addition", "reuse_outputs")
CONSTRAINTS = [dict(zip(NAMES, on)) for on in itertools.product([False, True], repeat=3)]
# Small enough to list every string. The addition stands at both ends of a vocabulary.
TINY = {
    1: dict(operands=("g", "m", "1"), unaries=("identity", "exp"), binaries=("mul", "left", "add")),
    2: dict(operands=("g", "m"), unaries=("sign", "exp"), binaries=("add", "mul")),
    3: dict(operands=("g", "m"), unaries=("sign",), binaries=("add", "mul")),
}


def tiny(depth, constraints):
    return SearchSpace("tiny", depth=depth, **TINY[depth], **constraints)


def obeys(tokens, space):
    """Section 4.1's constraints, read off the paper."""
    base = len(space.operands)
    for k in range(space.depth):
        op1, op2 = tokens[5 * k : 5 * k + 2]
        if space.distinct_operands and op1 == op2:
            return False
        if space.reuse_outputs and k > 0 and op1 < base and op2 < base:
            return False
    return not (space.no_final_addition and space.binaries[tokens[-1]] == "add")


def every_string(space):
    """All strings of the vocabulary, the operand bank growing by one in each iteration."""
    n_operands, n_unaries, n_binaries = map(len, (space.operands, space.unaries, space.binaries))
    sizes = []
    for k in range(space.depth):
        sizes += [n_operands + k, n_operands + k, n_unaries, n_unaries, n_binaries]
    return itertools.product(*map(range, sizes))


@pytest.mark.parametrize("constraints", CONSTRAINTS)
@pytest.mark.parametrize("depth", TINY)
def test_tiny_spaces_against_every_string(depth, constraints):
    space = tiny(depth, constraints)
    legal = [tokens for tokens in every_string(space) if obeys(tokens, space)]
    assert space.size == len(legal)
    # A string is legal exactly when each token follows its prefix in some legal string: this also
    # says that no prefix ends in a dead end.
    table = np.array(legal)
    for position in range(space.length):
        prefixes, row = np.unique(table[:, :position], axis=0, return_inverse=True)
        expected = np.zeros((len(prefixes), max(space.sizes)), bool)
        expected[row.ravel(), table[:, position]] = True
        np.testing.assert_array_equal(space.legal_tokens(prefixes), expected)


@pytest.mark.parametrize("constraints", CONSTRAINTS)
def test_is_legal_against_every_string(constraints):
    space = tiny(1, constraints)
    for tokens in every_string(space):
        assert space.is_legal(tokens) == obeys(tokens, space)
    deeper = tiny(3, constraints)
    for tokens in itertools.islice(every_string(deeper), 0, None, 7):
        assert deeper.is_legal(np.array(tokens)) == obeys(tokens, deeper)


@pytest.mark.parametrize(
    "tokens",
    [
        (),
        (0, 1, 0, 0),
        (0, 1, 0, 0, 0, 0, 2, 0, 0, 1, 0),
        (0, 1, 0, 0, -1, 0, 2, 0, 0, 1),
        (2, 1, 0, 0, 0, 0, 2, 0, 0, 1),
        (0, 1, 0, 0, 0, 0, 3, 0, 0, 1),
        (0, 1, 2, 0, 0, 0, 2, 0, 0, 1),
    ],
)
def test_strings_of_another_shape_or_vocabulary_are_not_legal(tokens):
    space = tiny(2, {})
    assert space.is_legal((0, 1, 0, 0, 0, 0, 2, 0, 0, 1))
    assert not space.is_legal(tokens)


# -- The papers' numbers ---------------------------------------------------------------------------


def test_the_size_of_the_whole_space():
    whole = search_space("arxiv2017_no_decay", depth=1).unconstrained()
    assert len(whole.operands) == 17
    assert whole.size == 17**2 * 12**2 * 6 == 249_696
    assert search_space("arxiv2017_no_decay", depth=2).unconstrained().size == 69_898_899_456


def test_the_size_of_the_first_papers_space():
    # 16 operands, 11 unary and 5 binary functions, 3 iterations at most.
    first = search_space("icml2017", depth=1)
    assert first.unconstrained().size == 16**2 * 11**2 * 5
    assert first.size == 16 * 15 * 11**2 * 4


def test_the_words_of_the_presets():
    # arXiv v2, section 4.1, and ICML 2017, section 4.1, in the order of the tokens.
    operands = (
        "g", "g^2", "g^3", "m", "v", "gamma", "sign(g)", "sign(m)", "1", "2", "eps",
        "1e-4*w", "1e-3*w", "1e-2*w", "1e-1*w", "Adam", "RMSProp",
    )  # fmt: skip
    unaries = (
        "identity", "neg", "exp", "log", "sqrt", "clip_1e-5", "clip_1e-4", "clip_1e-3",
        "drop_0.1", "drop_0.3", "drop_0.5", "sign",
    )  # fmt: skip
    binaries = ("add", "sub", "mul", "div", "pow", "left")
    v2 = search_space("arxiv2017")
    assert v2.operands == (*operands, "ld", "cd", "cd_1", "rd_10", "rd_20", "eps_t")
    assert (v2.unaries, v2.binaries) == (unaries, binaries)
    no_decay = search_space("arxiv2017_no_decay")
    assert (no_decay.operands, no_decay.unaries, no_decay.binaries) == (operands, unaries, binaries)
    v1 = search_space("icml2017")
    assert v1.operands == tuple(word for word in operands if word != "2")
    assert v1.unaries == tuple(word for word in unaries if word != "sqrt")
    assert v1.binaries == tuple(word for word in binaries if word != "pow")


@pytest.mark.parametrize("name", ["moments", "signs", "internal_decays"])
def test_subsets_are_of_the_size_the_paper_searched(name):
    assert 10**6 <= search_space(name).size <= 10**11


def test_the_page_of_the_language_has_the_sizes():
    page = (pathlib.Path(__file__).parents[2] / "docs" / "reference" / "language.md").read_text()
    for name in presets.PRESETS:
        sizes = " | ".join(f"{search_space(name, depth).size:,}" for depth in (1, 2))
        assert f"| `{name}` |" in page and f" | {sizes} |" in page


MODERN = {
    1: ("nesterov / sqrt(v)", "sign(lion_0.99)", "cautious(Adam)", "m / sqrt(belief)", "|Adam| * sign(g)",
        "sqrt(|w|) * nesterov", "normalize(nesterov)", "orthogonalize(m_0.95)"),
    2: ("cautious(sign(lion_0.99))", "sqrt(|w|) * (nesterov / sqrt(v))", "max(m_0.5, g) / sqrt(v_0.99)"),
}  # fmt: skip


@pytest.mark.parametrize("depth", MODERN)
def test_optimizers_of_later_papers_are_strings_of_the_modern_space(depth):
    space = search_space("modern", depth)
    for formula in MODERN[depth]:
        assert space.is_legal(space.encode(parse_formula(formula))), formula


def test_adamw_is_a_string_of_the_modern_space():
    # The last function of a string is no addition.
    rule = Rule((("Adam", "1e-2*w", "identity", "neg", "sub"),))
    space = search_space("modern", 1)
    assert rule.formula() == "Adam + 1e-2*w" and space.is_legal(space.encode(rule))


def test_every_preset_can_be_had_at_every_depth():
    for name in presets.PRESETS:
        sizes = [search_space(name, depth).size for depth in range(1, 4 if name == "icml2017" else 5)]
        assert sizes == sorted(set(sizes))
        assert search_space(name).name == name and search_space(name).depth == 2


def test_constraints_can_be_switched_off_one_by_one():
    space = search_space("signs")
    off = {name: search_space("signs", **{name: False}) for name in NAMES}
    for name, looser in off.items():
        assert [getattr(looser, other) for other in NAMES] == [other != name for other in NAMES]
        assert space.size < looser.size < space.unconstrained().size


def test_huge_sizes_are_exact():
    space = search_space("arxiv2017", depth=4).unconstrained()
    expected = 1
    for operands in (23, 24, 25, 26):
        expected *= operands**2 * 12**2 * 6
    assert space.size == expected > 2**63


# -- Sampling --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", presets.PRESETS)
@pytest.mark.parametrize("constraints", CONSTRAINTS)
def test_samples_are_legal(name, constraints):
    space = search_space(name, depth=3, **constraints)
    tokens = space.sample(np.random.default_rng(0), 300)
    assert tokens.shape == (300, 15) and tokens.dtype == np.int32
    for position in range(space.length):
        assert (tokens[:, position] >= 0).all()
        assert (tokens[:, position] < space.sizes[position]).all()
        assert space.legal_tokens(tokens[:, :position]).any(axis=1).all()
    assert all(obeys(string, space) for string in tokens)


def test_samples_reach_every_string():
    space = tiny(1, {})
    tokens = space.sample(np.random.default_rng(0), 3000)
    assert {tuple(string) for string in tokens.tolist()} == {
        string for string in every_string(space) if obeys(string, space)
    }


def test_each_token_is_uniform_over_the_legal_ones():
    # A controller with all logits equal: op1 is uniform, whatever may follow it.
    space = SearchSpace("tiny", ("g", "m", "1"), ("exp",), ("mul", "add"), depth=2)
    count = 20_000
    tokens = space.sample(np.random.default_rng(0), count)
    outputs = tokens[:, 5] == 3
    assert abs(outputs.mean() - 1 / 4) < 0.02
    # After the earlier output any base operand may follow; after a base operand only the output.
    np.testing.assert_allclose(np.bincount(tokens[outputs, 6]) / outputs.sum(), 1 / 3, atol=0.03)
    assert (tokens[~outputs, 6] == 3).all()
    np.testing.assert_allclose(np.bincount(tokens[:, 4]) / count, 1 / 2, atol=0.02)
    assert (tokens[:, 9] == 0).all()


def test_samples_follow_the_generator():
    space = search_space("moments")
    one, same, other = (space.sample(np.random.default_rng(seed), 50) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


# -- Rules -----------------------------------------------------------------------------------------


def test_tokens_are_the_space_s_own():
    space = SearchSpace("own", ("m", "g"), ("identity", "sign"), ("left", "mul"), depth=2)
    rule = Rule((("g", "m", "sign", "sign", "mul"), (0, "g", "identity", "identity", "mul")))
    assert space.encode(rule) == (1, 0, 1, 1, 1, 2, 1, 0, 0, 1)
    assert space.decode((1, 0, 1, 1, 1, 2, 1, 0, 0, 1)) == rule


@pytest.mark.parametrize("name", presets.PRESETS)
def test_samples_become_rules_and_come_back(name):
    space = search_space(name, depth=3)
    for tokens in space.sample(np.random.default_rng(0), 100):
        assert space.encode(space.decode(tokens)) == tuple(tokens)


def test_a_rule_from_elsewhere_has_no_tokens_here():
    rule = Rule((("v", "g", "identity", "identity", "mul"),))
    with pytest.raises(ValueError, match=r"'v'.*Allowed for op1: g, m, sign"):
        search_space("signs").encode(rule)


# -- Errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments, phrases",
    [
        (dict(operands=("g", "h")), ["`operands`", "g, g^2, g^3", "Received: g, h"]),
        (dict(operands=("g", "g")), ["`operands`", "different", "Received: g, g"]),
        (dict(unaries=()), ["`unaries`", "identity, neg", "Received: none"]),
        (dict(unaries=("cosine",)), ["`unaries`", "identity, neg", "Received: cosine"]),
        (dict(binaries=("add", "mean")), ["`binaries`", "add, sub", "Received: add, mean"]),
        (dict(operands=("g", "m_c")), ["`operands`", "g, g^2, g^3", "Received: g, m_c"]),
        (dict(operands=("m_0.9", "m_0.90")), ["`operands`", "different", "Received: m_0.9, m_0.9"]),
        (dict(depth=0), ["`depth` must be 1 to 4", "Received: 0"]),
        (dict(depth=5), ["`depth` must be 1 to 4", "Received: 5"]),
        (dict(depth=1.5), ["`depth` must be 1 to 4", "Received: 1.5"]),
        (dict(operands=("g",)), ["No string of the space 'tiny'", "two operands"]),
        (dict(binaries=("add",)), ["No string of the space 'tiny'", "another binary"]),
    ],
)
def test_malformed_spaces(arguments, phrases):
    with pytest.raises(ValueError) as error:
        SearchSpace("tiny", **{**TINY[2], **arguments})
    for phrase in phrases:
        assert phrase in str(error.value)


def test_what_a_constraint_forbids_is_allowed_without_it():
    one = SearchSpace("one", ("g",), ("exp",), ("mul",), depth=1, distinct_operands=False)
    assert one.size == 1 and one.sample(np.random.default_rng(0), 2).tolist() == [[0] * 5] * 2
    add = SearchSpace("add", ("g", "m"), ("exp",), ("add",), depth=1, no_final_addition=False)
    assert add.size == 2


def test_unknown_presets():
    with pytest.raises(ValueError, match=r"one of: arxiv2017, .*internal_decays.*'imagenet'"):
        search_space("imagenet")
    with pytest.raises(ValueError, match=r"`depth` must be 1 to 3 .*'icml2017'.* Received: 4"):
        search_space("icml2017", depth=4)
    with pytest.raises(ValueError, match="`depth` must be 1 to 4"):
        search_space("arxiv2017", depth=5)
