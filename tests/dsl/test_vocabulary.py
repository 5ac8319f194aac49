import pytest
import reference

from neural_optimizer_search.dsl import vocabulary

# arXiv v2, section 4.1, word by word, with the sigmoid of Table 6.
OPERANDS = [
    *("g", "g^2", "g^3", "m", "v", "gamma", "sign(g)", "sign(m)", "1", "2", "eps"),
    *("1e-4*w", "1e-3*w", "1e-2*w", "1e-1*w", "Adam", "RMSProp"),
]
DECAYS = ["ld", "cd", "cd_1", "rd_10", "rd_20", "eps_t"]
UNARIES = [
    *("identity", "neg", "exp", "log", "sqrt", "clip_1e-5", "clip_1e-4", "clip_1e-3"),
    *("drop_0.1", "drop_0.3", "drop_0.5", "sign", "sigmoid"),
]
BINARIES = ["add", "sub", "mul", "div", "pow", "left"]

TABLES = [vocabulary.OPERANDS, vocabulary.UNARIES, vocabulary.BINARIES]


def places(word):
    return word.latex.count("$x"), word.latex.count("$y")


def test_the_words_are_those_of_the_paper():
    assert list(vocabulary.BASE_OPERANDS) == OPERANDS
    assert list(vocabulary.DECAY_OPERANDS) == DECAYS
    assert list(vocabulary.UNARIES) == UNARIES
    assert list(vocabulary.BINARIES) == BINARIES


def test_token_ids_do_not_move():
    # Ledgers and checkpoints hold ids: a word inserted in the middle would change what they mean.
    assert vocabulary.FULL.operands == tuple(OPERANDS + DECAYS)
    assert vocabulary.FULL.unaries == tuple(UNARIES)
    assert vocabulary.FULL.binaries == tuple(BINARIES)


@pytest.mark.parametrize("kind", ["operands", "unaries", "binaries"])
def test_every_word_has_a_twin_in_the_reference(kind):
    assert set(getattr(reference, kind.upper())) == set(getattr(vocabulary.FULL, kind))


@pytest.mark.parametrize("table", TABLES)
def test_rows_carry_their_own_name(table):
    assert all(word.name == name for name, word in table.items())


def test_latex_has_a_place_for_each_argument():
    assert not any("$" in word.latex for word in vocabulary.OPERANDS.values())
    for word in vocabulary.UNARIES.values():
        assert places(word) == (1, 0), word.name
    for word in vocabulary.BINARIES.values():
        assert places(word) == (1, int(word.name != "left")), word.name


def test_no_two_words_of_a_table_look_alike():
    for table in TABLES:
        assert len({word.latex for word in table.values()}) == len(table)


def test_hyperparameters_are_those_of_section_4_2():
    betas = (vocabulary.BETA_1, vocabulary.BETA_2, vocabulary.BETA_3)
    assert (*betas, vocabulary.DELTA) == (0.9, 0.999, 0.999, 1e-8)
