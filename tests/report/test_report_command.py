"""The command `nos-report`: its flags, its errors, and the files that it writes."""

import json
import sqlite3
import sys

import ledgers
import pytest

from neural_optimizer_search.report.command import main


@pytest.fixture
def run(tmp_path):
    return ledgers.write(tmp_path / "run", ledgers.found(), ledgers.known())


def test_a_report_stands_in_the_run(run, capsys):
    assert main([str(run)]) == 0
    assert capsys.readouterr().out == f"{run / 'report.html'}\n"
    assert (run / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert main([str(run)]) == 0  # again


def test_out(run, tmp_path):
    assert main([str(run), "--out", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").exists() and not (run / "report.html").exists()


def test_without_a_package_of_the_command(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "latex2mathml", None)
    with pytest.raises(SystemExit, match="2"):
        main([str(run)])
    assert capsys.readouterr().err == (
        "nos-report: needs latex2mathml: pip install 'neural-optimizer-search[search]'\n"
    )


def test_compare(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--compare", str(run), str(run)]) == 0
    assert "2 searches compared" in (tmp_path / "comparison.html").read_text()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere"], "argument RUN: nowhere is not a run of nos-search: nowhere/ledger.sqlite does not exist."),
        (["--compare", "run", "nowhere"], "argument RUN: nowhere is not a run of nos-search: "),
        (["run", "run"], "argument RUN: one run has one report. For 2 runs on one page: --compare"),
        ([], "the following arguments are required: RUN"),
        (["run", "--out", "no/where.html"], "argument --out: cannot write to no/where.html: "),
        (
            ["run", "--out", "run/ledger.sqlite"],
            "argument --out: run/ledger.sqlite is not a report of nos-report, so it is left",
        ),
    ],
)
def test_wrong(run, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(run.parent)
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"nos-report: {message}") and error.count("\n") == 1


def test_another_release(run, capsys):
    with sqlite3.connect(run / "ledger.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(SystemExit) as caught:
        main([str(run)])
    assert caught.value.code == 2
    assert "ledger version 99" in capsys.readouterr().err


def test_json(run, tmp_path, capsys):
    assert main([str(run), "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    assert one["run"] == str(run) and one["counts"]["trained"] == len(ledgers.found())
    assert one["found"] and one["known"] and all(row["rule"]["formula"] for row in one["found"])
    rewards = [row["fresh_mean"] or row["reward"] for row in one["found"]]
    assert rewards == sorted(rewards, reverse=True)
    assert not (run / "report.html").exists()
    with pytest.raises(SystemExit, match="2"):
        main([str(run), "--json", "--out", str(tmp_path / "a.html")])
    assert capsys.readouterr().err == "nos-report: argument --out: not allowed with --json, which prints\n"
