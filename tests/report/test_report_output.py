"""A report is written over an earlier one, and over nothing else."""

import os
import subprocess
import sys

import ledgers
import marks
import pytest
from environments import environment
from refusals import refused

from neural_optimizer_search.report.command import main
from neural_optimizer_search.report.markup import element, html
from neural_optimizer_search.report.page import is_page, page


@pytest.fixture
def run(tmp_path):
    return ledgers.write(tmp_path / "run", ledgers.found(), ledgers.known())


def refuse(capsys, *arguments):
    said = refused(main, arguments, capsys)
    assert said.startswith("nos-report: argument --out: ")
    return said


TEXTS = {
    "a text": b"my notes",
    "nothing": b"",
    "bytes": bytes(range(256)) * 40,
    "another page": b'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Mine</title>',
    "a page that quotes one of ours": b"<p>" + page("A search").encode(),
}
NAMES = ("thesis.html", "run/report.html", "run/ledger.sqlite-wal", "run/leaderboard.txt", "run/promotion.json")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("more", [[], ["--compare"]], ids=" ".join)
def test_what_is_no_report_is_not_written_over(run, tmp_path, monkeypatch, capsys, name, text, more):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(text)
    if name.endswith("-wal"):
        monkeypatch.setattr("neural_optimizer_search.report.command.read", lambda place: None)
    # What would be written does not matter, and takes a second.
    monkeypatch.setattr("neural_optimizer_search.report.command.search_page", lambda run: page(""))
    monkeypatch.setattr("neural_optimizer_search.report.command.comparison_page", lambda runs: page(""))
    before = sorted(os.listdir(run))
    assert f"{name} is not a report of nos-report, so it is left" in refuse(capsys, "run", "--out", name, *more)
    assert (tmp_path / name).read_bytes() == text and sorted(os.listdir(run)) == before


@pytest.mark.parametrize(("more", "name"), [([], "run/report.html"), (["--compare"], "comparison.html")])
def test_nor_at_the_place_that_is_taken_if_none_is_named(run, tmp_path, monkeypatch, capsys, more, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("mine")
    assert f"{name} is not a report of nos-report, so it is left" in refuse(capsys, "run", *more)
    assert (tmp_path / name).read_text() == "mine"


def test_a_ledger_stays(run, capsys):
    before = (run / "ledger.sqlite").read_bytes()
    refuse(capsys, run, "--out", run / "ledger.sqlite")
    assert (run / "ledger.sqlite").read_bytes() == before


def test_reports_of_now_and_before_are_written_over(run):
    text = page("A search")
    before = text.replace(html(element("meta", name="generator", content="nos-report")), "")
    assert before != text and is_page(before) and is_page(text) and not is_page(f" {text}")
    for earlier in (text, before):
        (run / "report.html").write_text(earlier)
        assert main([str(run)]) == 0
        assert "A search" not in (run / "report.html").read_text()


def test_a_link_to_a_report_stays_a_link(run, tmp_path, capsys):
    link, report = tmp_path / "link.html", tmp_path / "report.html"
    link.symlink_to(report)
    assert "link.html is a link that leads to nothing" in refuse(capsys, run, "--out", link)
    report.write_text("mine")
    assert "is not a report of nos-report" in refuse(capsys, run, "--out", link)
    report.write_text(page("A search"))
    assert main([str(run), "--out", str(link)]) == 0
    assert link.is_symlink() and "A search" not in report.read_text()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_and_a_directory(run, tmp_path, capsys, make):
    make(tmp_path / "a.html")
    assert ", where a file was expected. Name another file." in refuse(capsys, run, "--out", tmp_path / "a.html")


def test_a_device(run, capsys):
    assert main([str(run), "--out", "/dev/null"]) == 0
    assert "/dev/full: No space left on device" in refuse(capsys, run, "--out", "/dev/full")


def test_a_directory_in_which_nothing_can_be_written(run, capsys):
    assert refuse(capsys, run, "--out", "/proc/a.html").endswith(". Name another file.")


@pytest.mark.parametrize(
    "mode", [pytest.param("wb", marks=marks.only_long("A file that has something is harder.")), "ab"]
)
def test_standard_output_may_be_a_file_or_a_pipe(run, tmp_path, mode):
    code = "import sys; from neural_optimizer_search.report.command import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, str(run), "--out", "/dev/stdout"]
    if mode == "ab":
        (tmp_path / "all").write_bytes(b"before\n")
    with open(tmp_path / "all", mode) as file:
        subprocess.run(words, check=True, stdout=file, env=environment(PYTHONIOENCODING="ascii"))
    assert (tmp_path / "all").read_bytes().startswith(b"before\n" * (mode == "ab") + b"<!DOCTYPE html>")
    assert (tmp_path / "all").read_bytes().endswith(b"</html>\n")


@marks.only_long("Two runs are compared in test_report_command.py.")
def test_many_runs_and_one_run_many_times(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ledgers.write(tmp_path / "small", ledgers.found()[:1])
    assert main(["--compare", *["small"] * 300]) == 0
    assert "300 searches compared" in (tmp_path / "comparison.html").read_text()
