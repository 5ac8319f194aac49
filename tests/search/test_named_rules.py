"""What a text means as rules: one place for `nos-tune` and for `--start` of `nos-search`."""

import contextlib
import dataclasses
import json
import os
import pathlib

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.optimizers import found as rows_found
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.search.archive import read_archive
from neural_optimizer_search.search.named_rules import find_rule, find_run, find_starts

pytestmark = pytest.mark.once

FOUND = ("g * sqrt(|m|)", "drop(g, 0.3)", "m * exp(v)")


@pytest.fixture
def run(tmp_path, monkeypatch):
    """The directory of a search that found three rules, from best to worst, and an optimizer that is known."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("run")
    with contextlib.closing(Ledger(tmp_path / "run" / "ledger.sqlite", {"baselines": "sgd"})) as ledger:
        ledger.add_evaluation(fakes.fake_evaluation(parse_formula("g"), 0.3), "baseline")
        for formula, reward in zip(FOUND, (0.9, 0.8, 0.7)):
            ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), reward), "search")
    return "run"


def texts(rules):
    return [str(rule) for rule in rules]


def rules_of(texts):
    return [start.rule for start in find_starts(texts)]


def test_formulas_names_and_rules_of_runs_each_once(run):
    texts_of_start = ["adam", "sign(m) * g, beta_1=0.5", "1 * Adam", "run:run#2", "run#2", " -g"]
    assert texts(rules_of(texts_of_start)) == ["Adam", "sign(m) * g, beta_1=0.5", "drop(g, 0.3)", "-g"]
    assert texts(rules_of(["run:run"])) == list(FOUND)
    assert str(find_rule("run:run#1").rule) == str(find_rule("run#1").rule) == FOUND[0]


def test_a_formula_that_ends_with_the_number_of_a_draw_is_no_place_in_a_run(run):
    assert str(find_rule("m + eps#1").rule) == texts(rules_of(["m + eps#1"]))[0] == "m + eps"
    assert find_run("m + eps#1") is None and str(find_run("run#1")) == "run"


def test_the_setting_that_a_run_found_a_rule_with_is_found_however_it_was_chosen(run):
    with contextlib.closing(Ledger(pathlib.Path("run/ledger.sqlite"))) as ledger:
        for reward, formula, sweep in ((0.99, "sign(g)", ()), (0.98, "sign(m)", ((0.1, 0.5),))):
            e = fakes.fake_evaluation(parse_formula(formula), reward)
            setting = dict(sweep=sweep, learning_rate=0.25, schedule="linear", weight_decay=0.5)
            ledger.add_evaluation(dataclasses.replace(e, **setting), "search")
    assert [find_rule(f"run#{place}").tuned for place in (1, 2)] == [(0.25, "linear", 0.5)] * 2
    row = CATALOGUE["muon-drop0.1"]
    assert find_rule("muon-drop0.1").tuned == (row.learning_rate, row.schedule, row.weight_decay)
    assert find_rule("adam").tuned is find_rule("g * m").tuned is None


def test_what_was_found_with_a_setting_starts_with_it(run):
    with contextlib.closing(Ledger(pathlib.Path("run/ledger.sqlite"))) as ledger:
        for reward, formula, changes in (
            (0.99, "sign(g)", dict(sweep=(), learning_rate=0.25, schedule="linear", weight_decay=0.5)),
            (0.98, "sign(m)", dict(sweep=((0.1, 0.5),), learning_rate=0.1)),
        ):
            e = fakes.fake_evaluation(parse_formula(formula), reward)
            ledger.add_evaluation(dataclasses.replace(e, **changes), "search")
    assert [one.tuned for one in find_starts(["run:run#1", "run:run#2"])] == [(0.25, "linear", 0.5), None]
    found = CATALOGUE[rows_found.FOUND[0][0]]
    setting = found.learning_rate, found.schedule, found.weight_decay
    assert [one.tuned for one in find_starts([found.name, "adam", "catalogue"])][:2] == [setting, None]
    assert Start(found.rule, setting) in find_starts(["catalogue"])


def test_a_setting_counts_whatever_names_the_rule_first():
    formula = CATALOGUE["muon-drop0.1"].rule.formula()
    for texts in ([formula, "muon-drop0.1"], ["muon-drop0.1", formula]):
        (start,) = find_starts(texts)
        assert start.tuned is not None


def test_nothing_the_published_rules_and_the_archive():
    assert rules_of(["none"]) == []
    published = rules_of(["catalogue"])
    assert {rule.canonical() for rule in published} == {row.rule.canonical() for row in CATALOGUE.values()}
    assert len({rule.canonical() for rule in published}) == len(published)
    assert rules_of(["archive"]) == [one.rule for one in read_archive().rules]
    assert len(rules_of(["archive", "catalogue", "archive"])) > len(published)


def test_files(tmp_path):
    rules = [parse_formula(text) for text in ("sign(g) * m", "Adam, beta_1=0.5")]
    path = tmp_path / "rules"
    path.write_text(f"# mine\n\nadam  # a name\n{rules[0]}\n{rules[1].to_json()}\n")
    assert rules_of([str(path)]) == [CATALOGUE["adam"].rule, *rules]
    path = tmp_path / "rules.json"
    for content in (rules, {"rules": rules}):
        path.write_text(json.dumps(content, default=lambda rule: json.loads(rule.to_json())))
        assert rules_of([str(path)]) == rules
    path.write_text(rules[1].to_json())
    assert rules_of([str(path)]) == rules[1:]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a", b"", "a has no rule"),
        ("a", b"# nothing\n\n", "a has no rule"),
        ("a", b"adam\ng * \xff", "a is not UTF-8 text"),
        ("a", b"\0\0", "line 1 of .*a is neither a formula nor a name"),
        (
            "a",
            b"adam\n\nadamm",
            r"line 3 of .*a is neither .* Received: 'adamm'; as a formula, it ",
        ),
        ("a", b'adam\n{"iterations": 3}', r"line 2 of .*a is neither"),
        ("a.json", b"adam", "a.json is not JSON"),
        ("a.json", b"[" * 100_000, "a.json is not JSON"),
        ("a.json", b"[]", "a.json has no rule"),
        ("a.json", b'{"rules": [3]}', "entry 1 of .*a.json is not a rule"),
        ("a.json", b'{"rules": 3}', "entry 1 of .*a.json is not a rule"),
    ],
)
def test_files_that_are_none(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Damaged, match=message):
        rules_of([str(tmp_path / name)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("adamm", "must be formulas, .* Received: 'adamm'; as a formula, it .* Names like it: adam, .* no such file"),
        ("nowhere.txt", r"Received: 'nowhere.txt'; as a formula, it .* There is no such file either."),
        ("run", r"must not be a directory. For the best rules of a run: run:run"),
        ("run:run#4", "must be RUN#K with K at most 3, the number of rules of run"),
        ("run:run#0", "must be RUN#K with K at least 1"),
        ("run:nowhere", "nowhere is not a run of nos-search"),
        ("run:nowhere#1", "nowhere is not a run of nos-search"),
        ("run:tuned", "it holds a tuning of nos-tune, whose result is in .*tuned.txt"),
        ("tuned#1", "tuned is not a run of nos-search: it holds a tuning of nos-tune"),
        ("run:", "must be run:RUN, where RUN is the directory of a run"),
        ("run:#1", "must be RUN#K, where RUN is the directory of a run"),
        ("pipe", "pipe is a pipe, where a file was expected"),
    ],
)
def test_texts_that_name_no_rule(run, text, message):
    os.mkdir("tuned")
    (pathlib.Path("tuned") / "study.sqlite").touch()
    os.mkfifo("pipe")
    with pytest.raises(ValueError, match=message):
        rules_of(["adam", text])


def test_a_rule_that_no_run_can_hold(tmp_path):
    iterations = [["g", "m", "identity", "identity", "add"]]
    iterations += [[k, "g", "identity", "identity", "mul"] for k in range(70)]
    (tmp_path / "large.json").write_text(json.dumps({"iterations": iterations}))
    with pytest.raises(ValueError, match=r"must be rules that a run can hold: .* more than 64 iterations"):
        rules_of([str(tmp_path / "large.json")])


def test_a_rule_of_many_words(tmp_path):
    iterations = [["g", "m", "identity", "identity", "add"]]
    iterations += [[k, k, "exp", "sqrt", "mul"] for k in range(10)]
    (tmp_path / "large.json").write_text(json.dumps({"iterations": iterations}))
    (rule,) = rules_of([str(tmp_path / "large.json")])
    assert len(rule.formula()) > 10_000


def test_none_is_alone():
    with pytest.raises(ValueError, match=r"must be none alone, or rules. Received: none adam"):
        rules_of(["none", "adam"])


@pytest.mark.parametrize("text", ["run:empty", "run:empty#1", "empty#1"])
def test_a_run_that_found_no_rule(run, text):
    os.mkdir("empty")
    Ledger(pathlib.Path("empty/ledger.sqlite"), {"baselines": "sgd"}).close()
    with pytest.raises(ValueError, match=r"^must be rules, and none of empty trained to the end, apart from known"):
        find_rule(text) if text == "empty#1" else find_starts([text])


def test_a_damaged_run(run):
    with open("run/ledger.sqlite", "r+b") as file:
        file.write(b"nothing")
    for text in ("run:run", "run:run#1"):
        with pytest.raises(Damaged):
            rules_of([text])
