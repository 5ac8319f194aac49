"""Reading a ledger: what is there, what may come from a stranger, and what a search at work does meanwhile."""

import contextlib
import dataclasses
import json
import shlex
import shutil
import sqlite3

import ledgers
import pytest

from neural_optimizer_search import flags
from neural_optimizer_search.measuring.evaluation import Part
from neural_optimizer_search.recorded_flags import record
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import MAX_ITERATIONS
from neural_optimizer_search.report.run import NotARun, RecordedSearch, read, reproduction
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.known_optimizers import THE_SIX
from neural_optimizer_search.search.registry import find_algorithm


def test_a_run_is_read_as_it_was_written(tmp_path):
    found, known = ledgers.found(), ledgers.known()
    run = read(ledgers.write(tmp_path / "one", found, known))
    assert (run.name, run.config, run.found) == ("one", ledgers.CONFIG, found)
    best_first = ["AddSign", "PowerSign", "Adam", "RMSProp", "Momentum", "SGD"]
    assert [one.name for one in run.ranking.known] == best_first
    assert [name for name, _ in run.baselines] == best_first[::-1]  # as they are named
    assert run.top == found  # they were written best first
    assert run.counts["trained"] == 8 and run.is_finished


def test_reading_leaves_nothing_behind(tmp_path):
    ledgers.write(tmp_path, ledgers.found())
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    read(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_reading_while_a_search_writes(tmp_path):
    found = ledgers.found()
    ledger = Ledger(tmp_path / "ledger.sqlite", ledgers.CONFIG)
    for count, e in enumerate(found, 1):
        ledger.add_evaluation(e, "search")
        ledger.add_samples(count, [e])
        run = read(tmp_path)
        assert run.found == found[:count]
        assert run.is_finished == (count == 8)
    with ledger._db:  # a transaction that is not at its end
        ledger._db.execute("DELETE FROM evaluations")
        assert len(read(tmp_path).found) == 8
    ledger.close()


@pytest.mark.parametrize("status", ["failed", "timeout", "killed", "out of memory", "screened"])
def test_what_did_not_train_is_not_among_the_best(tmp_path, status):
    found = [dataclasses.replace(e, status=status) for e in ledgers.found()]
    assert read(ledgers.write(tmp_path, found)).top == []


def test_no_budget_has_no_end(tmp_path):
    assert read(ledgers.write(tmp_path, config={**ledgers.CONFIG, "budget": None})).is_finished is None


def test_a_budget_of_steps_has_an_end(tmp_path):
    steps = dict(baselines=ledgers.with_steps(ledgers.known()), evaluations=ledgers.with_steps(ledgers.found()[:2]))
    for budget, is_finished in ((1600, True), (1601, False)):
        config = {**ledgers.CONFIG, "steps": budget}
        assert read(ledgers.write(tmp_path / str(budget), config=config, **steps)).is_finished is is_finished


def test_nobody_knows_whether_minutes_and_patience_were_the_end(tmp_path):
    for name, config in {"over": dict(budget=8, minutes=1.0), "open": dict(budget=9, patience=3)}.items():
        run = read(ledgers.write(tmp_path / name, ledgers.found(), config={**ledgers.CONFIG, **config}))
        assert run.is_finished is {"over": True, "open": None}[name]


def test_a_recorded_end_is_the_end(tmp_path):
    config = {**ledgers.CONFIG, "budget": 9, "patience": 3}
    with contextlib.closing(
        Ledger(ledgers.write(tmp_path, ledgers.found(), config=config) / "ledger.sqlite")
    ) as ledger:
        for end, is_finished in (({}, None), ({"limits": {"rules": 9, "patience": 3}, "fresh_seeds": 0}, True)):
            ledger.run.set_end(end)
            assert read(tmp_path).is_finished is is_finished


def test_the_steps_of_a_training_on_several_tasks_are_those_on_the_first(tmp_path):
    first = Part("a", 0.0, 1.0, (0.5, 0.6, 0.7, 0.8), 0.5, "ok", 0.1, steps=100)
    parts = (first, first._replace(task="b", steps=400))
    fresh = [dataclasses.replace(e, parts=parts, steps=500) for e in ledgers.with_fresh_seeds(ledgers.found()[:1])]
    assert read(ledgers.write(tmp_path, ledgers.found(), ledgers.known(), fresh=fresh)).final_steps == 25


# -- What is no run --------------------------------------------------------------------------------


def test_no_ledger(tmp_path):
    with pytest.raises(NotARun, match=r"nowhere is not a run of nos-search: .*ledger.sqlite does not exist"):
        read(tmp_path / "nowhere")
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(NotARun, match=r"ledger\.sqlite is a directory, where a file was expected"):
        read(tmp_path)


def test_no_database(tmp_path):
    (tmp_path / "ledger.sqlite").write_text("not a database, but long enough to be taken for one" * 100)
    with pytest.raises(NotARun, match="not a database"):
        read(tmp_path)


@pytest.fixture(scope="module")
def one_rule(tmp_path_factory):
    return ledgers.write(tmp_path_factory.mktemp("one"), ledgers.found()[:1])


def test_a_fault_of_the_program_is_no_damage(one_rule, monkeypatch):
    def fail(run):
        raise ValueError("a fault of the program")

    monkeypatch.setattr(RecordedSearch, "look_at_all", fail)
    with pytest.raises(ValueError, match=r"^a fault of the program$"):
        read(one_rule)


@pytest.fixture
def refuse_after(one_rule, tmp_path):
    """Gives the message with which a ledger of one rule is refused after an SQL statement."""

    def change(statement, *values):
        shutil.copytree(one_rule, tmp_path, dirs_exist_ok=True)
        with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db, db:
            db.execute(statement, values)
        with pytest.raises(NotARun) as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return change


@pytest.mark.parametrize(
    "column, value",
    [
        ("reward", "<b>much</b>"),
        ("accuracy", b"\0"),
        ("seconds", "long"),
        ("learning_rate", "fast"),
        ("rewards", '["1"]'),
        ("rewards", "1"),
        ("rewards", "{"),
        ("rewards", "[" * 100_000),
        ("rewards", f"[{'9' * 400}]"),
        ("sweep", "[[1]]"),
        ("sweep", '[["<b>", 1]]'),
        ("sweep", '[[0.1, "<b>"]]'),
        ("status", b"ok"),
        ("status", "of tomorrow"),
        ("message", b"5"),
        ("rule", '[["os.system", "g", "exp", "exp", "mul"]]'),
        ("reward", float("inf")),
        ("seconds", float("-inf")),
        ("rewards", "[NaN]"),
        ("sweep", "[[Infinity, 1.0]]"),
        ("sweep", "[[0.1, NaN]]"),
        ("seeds", "[-1]"),
        ("seeds", '["0"]'),
        ("worker", b"me"),
        ("flipped", 2),
        ("cached", "no"),
        ("rule", "[]"),
        ("rule", "null"),
    ],
)
def test_an_evaluation_that_no_search_writes(refuse_after, column, value):
    assert refuse_after(f"UPDATE evaluations SET {column} = ?", value)


@pytest.mark.parametrize(
    "statement, value",
    [
        ("UPDATE run SET value = ?", "[]"),
        ("UPDATE run SET value = ?", "{"),
        ("UPDATE run SET key = key || ?", "other"),
        ("UPDATE samples SET reward = ?", "<b>"),
        ("UPDATE samples SET reward = ?", float("inf")),
        ("UPDATE samples SET step = ?", "first"),
        ("UPDATE samples SET step = ?", -1),
        ("UPDATE samples SET staleness = ?", 0.5),
        ("UPDATE run SET value = ? WHERE key = 'versions'", "[[]]"),
        ("UPDATE run SET value = ? WHERE key = 'config'", "[" * 100_000),
        ("UPDATE samples SET key = ?", b"k"),
        ("UPDATE samples SET rule = ?", json.dumps([["g", "m", "exp", "exp", "mul"]] * (MAX_ITERATIONS + 1))),
        # A tree of 2^40 words.
        (
            "UPDATE samples SET rule = ?",
            json.dumps([["g", "m", "exp", "exp", "mul"], *([k, k, "exp", "exp", "mul"] for k in range(40))]),
        ),
    ],
)
def test_a_ledger_that_no_search_writes(refuse_after, statement, value):
    assert refuse_after(statement, value)


def test_the_message_names_what_is_wrong(refuse_after):
    message = refuse_after("UPDATE evaluations SET accuracy = ?", "<b>much</b>")
    assert "the evaluation of Adam - drop(-RMSProp, 0.3): no search writes the accuracy '<b>much</b>'." in message


def test_a_ledger_without_its_tables(tmp_path):
    ledgers.write(tmp_path)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute("DROP TABLE samples")
    with pytest.raises(NotARun, match="its tables are not those of a ledger"):
        read(tmp_path)


# -- The command -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        dict(task=("digits_mlp", "digits"), unconstrained=True, screen="off", seeds_per_rule=2, workers=None),
        dict(cache="it's a; rm -rf $HOME/`x`.sqlite", data_dir="--help"),
        dict(algorithm="exhaustive", budget=None, depth=1, pipeline=1),
    ],
)
def test_the_command_makes_the_same_run(changes):
    config = {**record(SearchConfig()), **changes}
    words = shlex.split(reproduction({**config, "a note": "no flag"}))
    assert words[0] == "nos-search"
    p = flags.build_parser("nos-search", None, SearchConfig)
    defaults = find_algorithm(config["algorithm"]).defaults
    assert record(flags.configure(SearchConfig, vars(p.parse_args(words[1:])), **defaults)) == config


def test_values_that_are_no_flags_are_left_out():
    odd = {"task": {"a": 1}, "seed": {"b": 1}, "--x": "y"}
    earlier = "--start none --alike off --racing off --constants 0.0 --fresh_seeds 0 --pipeline 0"
    assert reproduction({**odd, "baselines": 3j}) == f"nos-search {earlier}"
    # A run that recorded neither these nor known optimizers is of a release that had none of these, and six.
    assert reproduction(odd) == f"nos-search --baselines {THE_SIX} {earlier}"
