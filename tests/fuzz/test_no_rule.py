"""What is no rule, by every way that a stranger's data become one: a `ValueError`, and nothing is run."""

import itertools
import json
import sqlite3

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.vocabulary import FULL, Vocabulary
from neural_optimizer_search.records.ledger import Ledger

JUNK = [
    None, True, False, 1.5, float("nan"), "", "g", "identity", "add", "__import__('os')", "g\0", "ĝ", [], ["g"], {},
    {"g": 1}, b"g", 10**400, -1, 0, 1, 99, (), "$x", "${x}", "{g}", object(),
]  # fmt: skip
GOOD = (("g", "m", "identity", "identity", "add"), (0, "g", "exp", "sign", "mul"))


def test_what_is_no_rule_is_a_value_error_and_never_a_rule():
    for field in range(5):
        for k in (0, 1):
            for junk in JUNK:
                iterations = [list(iteration) for iteration in GOOD]
                iterations[k][field] = junk
                try:
                    rule = Rule(tuple(iterations))
                except ValueError as error:
                    assert "must" in str(error)
                else:
                    word = rule.iterations[k][field]
                    assert type(word) is int or word in (*FULL.operands, *FULL.unaries, *FULL.binaries)
                    parse_formula(rule.formula())


def test_a_rule_of_the_wrong_shape_is_a_value_error():
    for iterations in (*[(junk,) for junk in JUNK], *JUNK, (GOOD[0][:4],), ((*GOOD[0], "g"),), "ggggg"):
        with pytest.raises(ValueError, match="must"):
            Rule(iterations)


NAN = float("nan")


@pytest.mark.parametrize(
    "tokens",
    [[], [0] * 7, "abcde", [0, 0, 0, 0, None], [0, 0, 0, 0, 1.5], None, 5, [[0] * 5], [NAN] * 5, b"abcde", ["0"] * 5],
    ids=repr,
)
def test_tokens_of_the_wrong_kind_are_a_value_error(tokens):
    with pytest.raises(ValueError, match="`tokens` must"):
        Rule.from_tokens(tokens)


def test_a_vocabulary_of_other_words_makes_no_rule():
    with pytest.raises(ValueError, match="must be one of"):
        Rule.from_tokens([0] * 5, Vocabulary(("__import__",), ("identity",), ("add",)))


@pytest.mark.parametrize(
    "text",
    [
        "", "null", "5", "[]", "{}", '"g"', '{"iterations": null}', '{"iterations": []}', '{"iterations": [[]]}',
        '{"iterations": "ggggg"}', '{"iterations": [5]}', '{"iterations": [["g", "m", "exp", "exp", "eval"]]}',
        '{"iterations": [[true, "m", "exp", "exp", "add"]]}', '{"iterations": [[-1, "m", "exp", "exp", "add"]]}',
        '{"iterations": [[1e999, "m", "exp", "exp", "add"]]}',
        '{"iterations": [[' + "9" * 5000 + ', "m", "exp", "exp", "add"]]}',
        '{"iterations": [["g", "m", "exp", "exp"]]}', '{"iterations": [[["g"], "m", "exp", "exp", "add"]]}',
        '{"iterations": {"0": ["g", "m", "exp", "exp", "add"]}}', "[" * 100_000, '{"iterations": ' + "[" * 100_000,
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_json_that_is_no_rule_is_a_value_error(text):
    with pytest.raises(ValueError, match="must"):
        Rule.from_json(text)


def chain(n, u1, b, deep):
    """n iterations, each of which reads the one before on the sides in `deep`."""
    first = ("g", "m", "exp", "exp", "add")
    return (first, *((k if 0 in deep else "g", k if 1 in deep else "m", u1, "exp", b) for k in range(n - 1)))


CHAINS = list(itertools.product(("exp", "identity"), ("sub", "pow", "left"), ((0,), (1,), (0, 1))))


@pytest.mark.parametrize(("u1", "b", "deep"), CHAINS, ids=repr)
def test_a_rule_that_cannot_be_printed_is_refused(u1, b, deep):
    """However many words it would be written with."""
    sizes = []
    for n in (5, 14, 133, 200, 400, 1000, 100_000):
        try:
            rule = Rule(chain(n, u1, b, deep))
        except ValueError as error:
            assert "`iterations` must " in str(error)
        else:
            sizes.append(n)
            assert rule.formula() and rule.latex() and rule.canonical() and rule.to_json()
            rule.to_source("Found")
    # A side that `left` does not read is no part of the tree.
    assert sizes and sizes[-1] <= (1000 if b == "left" and deep == (1,) else 400)


# A rule's column in a ledger: JSON that is no rule, whatever else it is.
ROWS = [
    [[1, "g", "identity", "identity", "add"]], [[-1, "g", "identity", "identity", "add"]],
    [[10**30, "g", "identity", "identity", "add"]], [["g", "m", "identity", "identity"]],
    [["g", "m", "identity", "identity", "add", "add"]], [[["g"], "m", "identity", "identity", "add"]],
    [["g", {"g": 1}, "identity", "identity", "add"]], [[True, "m", "identity", "identity", "add"]],
    [["g", "m", "identity", "identity", "__import__('os').system('true')"]], [[None] * 5], [], [[]], ["ggggg"],
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_a_ledger_with_a_row_that_is_no_rule(tmp_path, row):
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path, {})
    ledger.add_evaluation(fakes.fake_evaluation(parse_formula("g * m")), "search")
    ledger.close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE evaluations SET rule = ?", [json.dumps(row)])
    ledger = Ledger(path)
    with pytest.raises(ValueError, match="must"):
        ledger.evaluations()
    ledger.close()
