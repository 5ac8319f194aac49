"""The tables of words: their ids never change, and each word has a counterpart in the reference."""

import dataclasses

import pytest
import reference
import reference_modern

from neural_optimizer_search.dsl import vocabulary
from neural_optimizer_search.dsl.constants import PAPER
from neural_optimizer_search.dsl.families import is_family

# arXiv v2, section 4.1, word by word, with the sigmoid of Table 6, as they are numbered in old reports: what follows
# them is new, and nothing comes between.
OPERANDS = {
    "g": 0, "g^2": 1, "g^3": 2, "m": 3, "v": 4, "gamma": 5, "sign(g)": 6, "sign(m)": 7, "1": 8, "2": 9, "eps": 10,
    "1e-4*w": 11, "1e-3*w": 12, "1e-2*w": 13, "1e-1*w": 14, "Adam": 15, "RMSProp": 16,
    "ld": 17, "cd": 18, "cd_1": 19, "rd_10": 20, "rd_20": 21, "eps_t": 22,
}  # fmt: skip
UNARIES = {
    "identity": 0, "neg": 1, "exp": 2, "log": 3, "sqrt": 4, "clip_1e-5": 5, "clip_1e-4": 6, "clip_1e-3": 7,
    "drop_0.1": 8, "drop_0.3": 9, "drop_0.5": 10, "sign": 11, "sigmoid": 12,
}  # fmt: skip
BINARIES = {"add": 0, "sub": 1, "mul": 2, "div": 3, "pow": 4, "left": 5}

TABLES = [vocabulary.OPERANDS, vocabulary.UNARIES, vocabulary.BINARIES]


def places(word):
    return word.latex.count("$x"), word.latex.count("$y")


def test_token_ids_do_not_move():
    for words, ids in zip(dataclasses.astuple(vocabulary.FULL), (OPERANDS, UNARIES, BINARIES)):
        assert {word: words.index(word) for word in ids} == ids


def test_the_tables_are_numbered_in_order():
    assert vocabulary.Vocabulary(*map(tuple, TABLES)) == vocabulary.FULL


@pytest.mark.parametrize("kind", ["operands", "unaries", "binaries"])
def test_every_word_has_a_twin_in_the_reference(kind):
    twins = {**getattr(reference, kind.upper()), **getattr(reference_modern, kind.upper())}
    assert set(twins) == set(getattr(vocabulary.FULL, kind))


@pytest.mark.parametrize("table", TABLES)
def test_rows_carry_their_own_name(table):
    assert all(word.name == name for name, word in table.items())


def test_latex_has_a_place_for_each_argument():
    for word in vocabulary.OPERANDS.values():
        assert word.latex.count("$") == word.latex.count("$c") == int(is_family(word.name)), word.name
    for word in vocabulary.UNARIES.values():
        assert places(word) == (1, 0), word.name
    for word in vocabulary.BINARIES.values():
        assert places(word) == (1, int(word.name != "left")), word.name


def test_no_two_words_of_a_table_look_alike():
    for table in TABLES:
        assert len({word.latex for word in table.values()}) == len(table)


def test_hyperparameters_are_those_of_section_4_2():
    assert (PAPER.beta_1, PAPER.beta_2, PAPER.beta_3, PAPER.epsilon) == (0.9, 0.999, 0.999, 1e-8)
