"""The studies `archive` and `leave_one_out`, on searches that train nothing."""

import dataclasses
import json
import math
import shutil

import fakes
import pytest
from tiny_searches import TINY, found

from benchmarks import run
from benchmarks.studies import StudyFailed
from benchmarks.studies.archive.candidates import Candidate, Searched, choose_candidates, keep_different
from benchmarks.studies.archive.ranks import order, shorten_name
from benchmarks.studies.common import evaluations
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.leave_one_out import (
    COLD,
    STARTED,
    Needed,
    Trained,
    find_needed,
    summarize,
    summarize_ratios,
)
from benchmarks.studies.own_tasks import full_name
from neural_optimizer_search import parse_formula
from neural_optimizer_search.search import command
from neural_optimizer_search.search.archive import ArchivedRule, read_archive
from neural_optimizer_search.workers.config import EXECUTORS


def search_all(*formulas):
    return [parse_formula(formula) for formula in formulas]


def test_candidates_are_different_behaviours_the_first_of_all_searches_first():
    rules = [
        search_all("sign(m) * g", "2 * g", "m * exp(v)"),
        search_all("drop(g, 0.3)", "g * sign(m) * 3", "g * sqrt(|m|)"),
    ]
    searches = [Searched(name, name, "default", of, {}) for name, of in zip("ab", rules)]
    chosen = [(str(one.rule), one.search) for one in choose_candidates(searches)]
    # `2 * g` is SGD, and the factor 3 makes no other rule; m * exp(v) is m, as v is small.
    assert chosen == [("sign(m) * g", "a"), ("drop(g, 0.3)", "b"), ("g * sqrt(|m|)", "b")]


CANDIDATES = [Candidate(rule, "a") for rule in search_all("g", "m", "Adam", "RMSProp")]


def test_the_order_is_that_of_the_mean_ranks_of_what_fails_nowhere():
    rewards = {"x": [0.5, 0.5, 0.2, None], "y": [0.6, 0.7, 0.7, 0.9]}
    ordered = order(CANDIDATES, rewards)
    assert [(str(one.rule), one.mean_rank) for one in ordered] == [("m", 1.5), ("g", 2.25), ("Adam", 2.25)]
    assert ordered[0].ranks == {"x": 1.5, "y": 1.5} and ordered[0].rewards == {"x": 0.5, "y": 0.7}
    with pytest.raises(StudyFailed, match="every rule fails on some task"):
        order(CANDIDATES[:2], {"x": [None, 0.5], "y": [0.5, None]})


def test_of_rules_that_are_near_the_better_stays():
    formulas = ("Adam + sign(g) * sqrt(|eps|)", "Adam + drop(sign(g), 0.3) * sqrt(|eps|)", "sign(m)")
    ordered = [ArchivedRule(rule, "a", {}, {}) for rule in search_all(*formulas)]
    assert keep_different(ordered, 0.95) == [ordered[0], ordered[2]]
    assert keep_different(ordered, 1.0) == ordered


def test_what_a_search_needed():
    trained = [Trained(0.0, 10), Trained(0.5, 20), Trained(0.7, 30)]
    assert [find_needed(trained, level) for level in (0.5, 0.6, 0.8)] == [
        Needed(2, 30),
        Needed(3, 60),
        Needed(None, None),
    ]


def test_a_started_search_that_does_not_arrive_counts_with_its_whole_budget():
    cold = [Trained(0.1, 10), Trained(0.5, 10), Trained(0.9, 10), Trained(0.3, 10)]
    first, never = [Trained(0.95, 5), *cold], [Trained(0.2, 10)] * 4
    figures = summarize([{COLD: cold, STARTED: first}, {COLD: cold, STARTED: never}], budget=4)
    assert figures["arrived"] == 1 and figures["median_rules"] == {COLD: 3.0, STARTED: 2.5}
    rules, steps = math.sqrt(1 / 3 * 4 / 3), math.sqrt(5 / 30 * 40 / 30)
    assert figures["ratios"] == pytest.approx(dict(rules=rules, steps=steps))
    factor = math.exp(3.18245 * math.log(4) / 2 / math.sqrt(3))  # Student's t with 3 degrees of freedom
    assert summarize_ratios([figures, figures], "rules") == pytest.approx(
        (rules, rules / factor, rules * factor), 1e-4
    )
    one = summarize([{COLD: cold, STARTED: first}], budget=4)
    assert summarize_ratios([one], "rules") == pytest.approx((1 / 3,))
    assert [row[STARTED]["rules"] for row in figures["pairs"]] == [1, None]


def test_what_another_protocol_measured_is_measured_again(tmp_path, monkeypatch):
    path, find_protocol = tmp_path / "digits.jsonl", evaluations.find_protocol
    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(fakes.fake_evaluation))
    for sweep_steps, lines in ((7, 1), (7, 1), (8, 2)):
        monkeypatch.setattr(
            evaluations,
            "find_protocol",
            lambda *arguments, steps=sweep_steps, **changes: find_protocol(*arguments, **changes, sweep_steps=steps),
        )
        evaluations.evaluate_rules("digits", "default", [parse_formula("g")], path, 1)
        assert len(path.read_text().splitlines()) == lines


@pytest.fixture
def searches(tmp_path, monkeypatch, trains_nothing):
    monkeypatch.chdir(tmp_path)
    of_ten_steps = fakes.open_fake(lambda rule: dataclasses.replace(fakes.fake_evaluation(rule), steps=10))
    monkeypatch.setitem(EXECUTORS, "local", of_ten_steps)
    for task in ("digits", "digits_mlp", full_name("table")):
        flags = ["--algorithm", "random", "--budget", "5", "--task", task, "--out", shorten_name(task)]
        assert command.main([*TINY, "--protocol", "default", *flags]) == 0
    return tmp_path


def test_an_archive_of_two_searches(searches, capsys, monkeypatch):
    argv = ["archive", "--searches", "digits", "digits_mlp", "--top", "3", "--keep", "4", "--out", "new/archive.json"]
    assert run.main(argv) == 0
    archive = read_archive(searches / "new" / "archive.json")
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [str(one.rule) for one in archive.rules] == [one["formula"] for one in figures["rules"]]
    assert set(archive.tasks) == {"digits", "digits_mlp"} and 1 <= len(archive.rules) <= 4
    assert archive.searches["digits"]["algorithm"] == "random" and "Adam" in archive.tasks["digits"]["known"]
    assert archive.about["command"].endswith("archive --searches digits digits_mlp --top 3 --keep 4 --apart 0.97")
    # What is kept is not measured again.
    monkeypatch.setattr(Kept, "add", lambda *arguments: pytest.fail("measured again"))
    assert run.main(argv) == 0
    # And what it wrote can be started with.
    start = ["--start", "new/archive.json", "--budget", "4"]
    assert command.main([*TINY, "--algorithm", "random", *start, "--out", "started"]) == 0
    assert {str(s.rule) for s in found(searches / "started")[:3]} <= {str(one.rule) for one in archive.rules}


def test_the_data_of_a_task_are_left_out(searches, capsys):
    """`digits_mlp` has the same images as `digits`, so the archive without `digits` has none of its rules."""
    flags = ["--seeds", "1", "--rules", "6", "--space", "signs", "--depth", "1", "--algorithm", "evolution"]
    argv = ["leave_one_out", "--searches", "digits", "digits_mlp", "table", "--only", "digits", *flags]
    assert run.main(argv) == 0
    out = capsys.readouterr().out
    figures = json.loads(out.splitlines()[-1])
    assert set(figures["tasks"]) == {"digits"} and figures["ratios"]["rules"][0] > 0
    without = read_archive(searches / "runs" / "leave_one_out" / "without-digits.json")
    assert list(without.tasks) == [full_name("table")] and list(without.searches) == ["table"]
    started = found(searches / "runs" / "leave_one_out" / "digits-evolution-100-started")
    cold = found(searches / "runs" / "leave_one_out" / "digits-evolution-100-cold")
    assert started[0].rule == without.rules[0].rule != cold[0].rule
    assert run.main(argv) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == figures
    for changed in (["--top", "3"], ["--keep", "3"], ["--apart", "0.5"], ["--depth", "2"]):
        with pytest.raises(SystemExit, match="2"):
            run.main([*argv, *changed])
        assert f"with {'' if changed[0] == '--depth' else 'other '}{changed[0]}" in capsys.readouterr().err
    shutil.copytree(searches / "table", searches / "another")
    with pytest.raises(SystemExit, match="2"):
        run.main([*argv[:2], "digits", "another", *argv[5:]])
    assert "with other --searches" in capsys.readouterr().err


def test_searches_that_cannot_be_compared(searches, capsys):
    shutil.copytree(searches / "digits", searches / "of" / "digits")
    wrong = "argument --searches: "
    for words, message in {
        (): f"{wrong}must name directories of searches. Received none.",
        ("--searches", "nowhere"): wrong,
        ("--searches", "digits", "./digits"): f"{wrong}must name each once. Received twice: digits.",
        ("--searches", "digits", "of/digits"): f"{wrong}must have different names. Received twice: digits.",
    }.items():
        for name in ("archive", "leave_one_out"):
            with pytest.raises(SystemExit, match="2"):
                run.main([name, *words])
            assert message in capsys.readouterr().err
    for alike in (["digits"], ["digits", "digits_mlp"]):
        with pytest.raises(SystemExit, match="2"):
            run.main(["leave_one_out", "--searches", *alike])
        assert f"must be on the data of two tasks or more. Received: {', '.join(alike)}." in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        run.main(["leave_one_out", "--searches", "digits", "table", "--only", "images"])
    assert "argument --only: must be of digits, table. Received: images." in capsys.readouterr().err
