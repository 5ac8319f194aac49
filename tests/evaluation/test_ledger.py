import sqlite3

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.evaluation.ledger import SCHEMA_VERSION, Ledger

RULES = [parse_formula(text) for text in ("g", "m * g", "drop(g, 0.3) * exp(sign(g) * sign(m))")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "ledger.sqlite"


def test_evaluations_come_back_as_they_were(path):
    written = [fakes.fake_evaluation(rule) for rule in RULES]
    ledger = Ledger(path, {"task": "blobs"})
    ledger.add_evaluation(written[0], "baseline")
    for evaluation in written[1:]:
        ledger.add_evaluation(evaluation, "search")
    ledger.close()
    read = Ledger(path)
    assert read.evaluations() == written
    assert read.evaluations("search") == written[1:]
    assert read.config == {"task": "blobs"}


def test_samples(path):
    ledger = Ledger(path, {})
    assert ledger.steps == 0
    ledger.add_samples(0, [fakes.fake_evaluation(rule) for rule in RULES])
    ledger.add_samples(1, [fakes.fake_evaluation(RULES[0])])
    assert ledger.steps == 2
    assert [sample.rule for sample in ledger.samples()] == [*RULES, RULES[0]]
    ledger.drop_samples(1)
    assert ledger.steps == 1
    assert len(ledger.samples()) == 3


def test_another_process_reads_while_one_writes(path):
    ledger = Ledger(path, {})
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    ledger.add_evaluation(fakes.fake_evaluation(RULES[0]), "search")
    assert reader.execute("SELECT formula FROM evaluations").fetchall() == [("g",)]


def test_what_is_there_is_not_overwritten(path):
    Ledger(path, {}).close()
    with pytest.raises(FileExistsError, match="exists"):
        Ledger(path, {})


def test_missing(path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        Ledger(path)
    assert not path.exists()


def test_later_version(path):
    Ledger(path, {}).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(ValueError, match=f"version 99, and this release reads version {SCHEMA_VERSION}"):
        Ledger(path)


def test_not_a_ledger(path):
    path.write_text("something else, and long enough to be taken for a file of its own" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        Ledger(path)
