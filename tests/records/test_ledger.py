"""The ledger: what is written is read back, also by another process, and what is no ledger."""

import contextlib
import dataclasses
import pathlib
import signal
import sqlite3
import subprocess
import sys

import fakes
import old_ledger
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.file_lock import InUse
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.records.ledger import Ledger, NotThisRun
from neural_optimizer_search.records.ledger_file import SCHEMA_VERSION

ROOT = pathlib.Path(__file__).parents[2]
RULES = [parse_formula(text) for text in ("g", "m * g", "drop(g, 0.3) * exp(sign(g) * sign(m))")]
CURVES = ((0.25, 0.5), (0.125, 1e-9))

READ = """
import sqlite3, sys
reader = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
print(reader.execute("SELECT formula FROM evaluations").fetchall())
"""


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
    assert read.run.config == {"task": "blobs"}


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


def test_what_was_proposed_is_known_when_its_samples_are_forgotten(path):
    ledger = Ledger(path, {})
    for step in range(4):
        ledger.add_samples(step, [fakes.fake_evaluation(RULES[0])], tuned=step == 2)
    assert ledger.proposed == 3
    for step in (2, 0):
        ledger.drop_samples(step)
        assert ledger.proposed == 3
    assert ledger.run.earlier_batch_sizes == ()
    ledger.change_batch_size(None, ahead=1)
    ledger.change_batch_size(8, ahead=1)
    assert ledger.run.earlier_batch_sizes == ((5, None), (5, 8))


@pytest.mark.parametrize("row", [1, [3], [3, 0], ["3", 4], [3, 4.0], [3, True], [None, 4]])
def test_batch_sizes_that_are_none(path, row):
    ledger = Ledger(path, {})
    ledger.run.set_values(batch_sizes=[[3, 4], row])
    with pytest.raises(Damaged, match="its batch sizes are not pairs of the number of a proposal and a size"):
        _ = ledger.run.earlier_batch_sizes


def test_another_process_reads_while_one_writes(path):
    ledger = Ledger(path, {})
    ledger.add_evaluation(fakes.fake_evaluation(RULES[0]), "search")
    read = subprocess.run([sys.executable, "-c", READ, path], capture_output=True, text=True)
    assert (read.stdout, read.stderr) == ("[('g',)]\n", "")
    ledger.close()


def test_what_is_there_is_not_overwritten(path):
    Ledger(path, {}).close()
    with pytest.raises(FileExistsError, match="exists"):
        Ledger(path, {})


def test_missing(path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        Ledger(path)
    assert not path.exists()


@pytest.mark.parametrize(("version", "other"), [(99, "a later"), (1, "an earlier")])
def test_another_version(path, version, other):
    Ledger(path, {}).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {version}")
    message = f"version {version}, of {other} release than this one, which reads version {SCHEMA_VERSION}"
    for _ in range(2):  # what it said no to, it has let go
        with pytest.raises(ValueError, match=message):
            Ledger(path)


def test_one_process_writes(path):
    ledger = Ledger(path, {"seed": 3})
    with pytest.raises(InUse, match="is being written by another process"):
        Ledger(path)
    ledger.add_evaluation(fakes.fake_evaluation(RULES[0]), "search")
    reader = Ledger(path, read_only=True)
    assert reader.evaluations() == ledger.evaluations() != []
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.add_evaluation(fakes.fake_evaluation(RULES[1]), "search")
    ledger.close()
    Ledger(path).close()


def test_a_killed_process_lets_go(path):
    holding = f"""
import os, pathlib, signal
from neural_optimizer_search.records.ledger import Ledger, NotThisRun
ledger = Ledger(pathlib.Path({str(path)!r}), {{}})
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", holding], cwd=ROOT).returncode == -signal.SIGKILL
    Ledger(path).close()


def test_versions_are_noted_when_they_change(path):
    ledger = Ledger(path, {})
    assert ledger.run.versions == []
    for versions in ({"numpy": "1"}, {"numpy": "1"}, {"numpy": "2"}):
        ledger.run.add_versions(versions)
    assert ledger.run.versions == [{"numpy": "1"}, {"numpy": "2"}]


def test_failures_are_counted(path):
    ledger = Ledger(path, {})
    for rule, status in zip(RULES, ("ok", "failed", "timeout")):
        ledger.add_evaluation(dataclasses.replace(fakes.fake_evaluation(rule), status=status), "search")
    counts = ledger.counts()
    assert (counts["trained"], counts["diverged"], counts["failed"]) == (3, 0, 2)


def test_not_a_ledger(path):
    path.write_text("something else, and long enough to be taken for a file of its own" * 100)
    for read_only in (True, False):
        with pytest.raises(Damaged, match=r"ledger\.sqlite.*not a database"):
            Ledger(path, read_only=read_only)


# -- Of an earlier release -----------------------------------------------------------------------------------------


OLD = pytest.mark.parametrize("version", old_ledger.SCHEMAS)


@OLD
def test_an_old_ledger_is_read_as_it_is(path, version):
    old_ledger.make(path, version)
    before = path.read_bytes()
    with contextlib.closing(Ledger(path, read_only=True)) as ledger:
        (evaluation,) = ledger.evaluations()
        assert (evaluation.rule.formula(), evaluation.reward, evaluation.learning_rate) == ("g", 0.5, 0.1)
        assert (evaluation.schedule, evaluation.weight_decay, evaluation.training_setting) == ("constant", 0.0, "")
        assert (evaluation.steps, evaluation.sweep_reward, evaluation.alike) == (0, 0.0, False)
        assert [(sample.reward, sample.alike) for sample in ledger.samples()] == [(0.5, False)]
        assert (ledger.fresh_evaluations(), ledger.run.descent, ledger.count_alike()) == ({}, None, {})
        assert ledger.counts()["trained"] == 1 and ledger.count_steps()["the search"] == 0
        ledger.check_pages()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            ledger.add_evaluation(fakes.fake_evaluation(RULES[1]), "search")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@OLD
def test_an_old_ledger_goes_on_as_a_new_one(path, version):
    old_ledger.make(path, version)
    changes = dict(schedule="cosine, warm-up 0.1", weight_decay=0.01, steps=70, sweep_reward=0.25)
    new = dataclasses.replace(fakes.fake_evaluation(RULES[1]), **changes)
    with contextlib.closing(Ledger(path)) as ledger:
        before = ledger.evaluations()
        ledger.add_evaluation(new, "search")
        ledger.add_samples(1, [new, dataclasses.replace(new, rule=RULES[2], alike=True)])
        ledger.add_fresh(dataclasses.replace(new, curves=CURVES))
        ledger.run.set_descent(fakes.FakeEvaluator().record_descent(RULES[0]))
    for read_only in (True, False):
        with contextlib.closing(Ledger(path, read_only=read_only)) as ledger:
            assert ledger.evaluations() == [*before, new]
            assert ledger.steps == 2 and ledger.counts()["alike"] == 1
            assert ledger.fresh_evaluations() == {new.key: dataclasses.replace(new, curves=CURVES)}
            assert ledger.run.descent.steps == 5
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


@OLD
@pytest.mark.parametrize("change", ["ALTER TABLE samples ADD COLUMN more", "CREATE VIEW v AS SELECT 1"])
def test_an_old_file_that_is_no_ledger_stays_as_it_is(path, change, version):
    old_ledger.make(path, version)
    with sqlite3.connect(path) as db:
        db.execute(change)
    for read_only in (True, False):
        with pytest.raises(Damaged, match="its tables are not those of a ledger"):
            Ledger(path, read_only=read_only)
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)


@OLD
def test_an_old_ledger_that_is_not_the_one_expected_stays_as_it_is(path, version):
    old_ledger.make(path, version)
    with pytest.raises(NotThisRun):
        Ledger(path, kind="promotion")
    with contextlib.closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (version,)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("schedule", "'step'"),
        ("schedule", "5"),
        ("weight_decay", "-1.0"),
        ("weight_decay", "'x'"),
        ("steps", "-1"),
        ("steps", "1.5"),
        ("steps", "'x'"),
        ("sweep_reward", "'x'"),
        ("sweep_reward", "9e999"),
    ],
)
def test_a_training_that_no_search_does_is_damage(path, column, value):
    with contextlib.closing(Ledger(path, {})) as ledger:
        ledger.add_evaluation(fakes.fake_evaluation(RULES[0]), "search")
    with sqlite3.connect(path) as db:
        db.execute(f"UPDATE evaluations SET {column} = {value}")
    with contextlib.closing(Ledger(path)) as ledger, pytest.raises(Damaged, match=f"no search writes the {column}"):
        ledger.evaluations()
