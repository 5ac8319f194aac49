"""The command line of the experiments, on the one that trains no network."""

import dataclasses
import json
import math
import re

import pytest

from benchmarks import run
from benchmarks.commands import report
from benchmarks.experiments import rosenbrock
from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger

SMOKE = ["rosenbrock", "--scale", "smoke"]


def test_an_experiment_prints_its_table_and_figures_and_the_report_makes_pictures(tmp_path, capsys):
    arguments = [*SMOKE, "--out", str(tmp_path), "--optimizers", "adam", "sign(g) * m"]
    assert run.main(arguments) == 0
    first = capsys.readouterr().out
    figures = json.loads(first.splitlines()[-1])["experiments"]["rosenbrock"]
    assert set(figures) == {"adam@constant", "sign(g) * m@constant"} and "| `sign(g) * m@constant`" in first
    records = (tmp_path / "rosenbrock-smoke.jsonl").read_text()
    assert run.main(arguments) == 0
    assert capsys.readouterr().out == first and (tmp_path / "rosenbrock-smoke.jsonl").read_text() == records

    assert run.main(["report", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "`sign(g) * m@constant`" in text
    for picture in ("curves", "rates", "trajectories"):
        assert f"rosenbrock-smoke-{picture}.png" in text
        assert (tmp_path / f"rosenbrock-smoke-{picture}.png").stat().st_size > 10_000


def test_the_report_names_another_number_of_seeds(tmp_path, capsys):
    assert run.main([*SMOKE, "--out", str(tmp_path), "--seeds", "3"]) == 0
    assert run.main(["report", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "rosenbrock --scale smoke --seeds 3\n" in text and "Not complete" not in text


def test_a_rule_of_a_run_takes_part(tmp_path, capsys):
    ledger = Ledger(tmp_path / "ledger.sqlite", {})
    for formula, reward in (("g", 0.5), ("sign(m)", 0.7)):
        ledger.add_evaluation(
            Evaluation(parse_formula(formula), reward, "ok", "", 0.1, 0.5, (reward,), (), 0.0, key=formula), "search"
        )
    ledger.close()
    run.main([*SMOKE, "--out", str(tmp_path), "--optimizers", f"run:{tmp_path}#1"])
    assert "`sign(m)@constant`" in capsys.readouterr().out


def test_what_a_name_says_is_not_tuned_and_the_rest_is(tmp_path, capsys, monkeypatch):
    setting = dataclasses.replace(rosenbrock.SETTINGS["smoke"], epsilons=(1e-8, 1e-3))
    monkeypatch.setitem(rosenbrock.SETTINGS, "smoke", setting)
    names = ["adam?epsilon=0.1", "adam?beta_1=0.8"]
    assert run.main([*SMOKE, "--out", str(tmp_path), "--optimizers", *names]) == 0
    assert "| `adam?beta_1=0.8@constant`" in capsys.readouterr().out
    records = [json.loads(line) for line in (tmp_path / "rosenbrock-smoke.jsonl").read_text().splitlines()]
    tuned = [(r["contender"], r["options"]) for r in records if r["seed"] == 0 and r["learning_rate"] == 1e-3]
    assert tuned == [
        ("adam?epsilon=0.1@constant", []),
        ("adam?beta_1=0.8@constant", [["epsilon", 1e-8]]),
        ("adam?beta_1=0.8@constant", [["epsilon", 1e-3]]),
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["rosenbroc"], "argument NAME: must be one of: .*rosenbrock, .*Received: 'rosenbroc'"),
        ([*SMOKE, "--seeds", "0"], "argument --seeds: must be a whole number from 1 to 1000. Received: 0."),
        (
            [*SMOKE, "--optimizers", "powersign?bas=2"],
            "argument --optimizers: powersign.*base=VALUE.*Received: 'bas=2'",
        ),
        ([*SMOKE, "--optimizers", "adaam"], "argument --optimizers: .*adam"),
        ([*SMOKE, "--workers", "2", "--strategy", "mirrored"], "argument --workers: must be 1"),
        (["lm", "--languages", "en", "fr"], "argument --languages: only nmt translates. Leave it out for lm"),
        (["nmt", "--languages", "en"], "argument --languages: must be two different suffixes. Received: en"),
        (["nmt", "--languages", "en", "a/b"], "argument --languages: must be the suffix of a file.* Received: 'a/b'"),
        (
            ["imagenet", "--scale", "medium"],
            "argument --scale: .*smoke, small, paper for imagenet. Received: medium",
        ),
        (["lm", "--scale", "small"], "argument --data_dir: must be a directory with wikitext2"),
    ],
)
def test_bad_flags_are_one_error(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main([*flags, "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err, re.DOTALL)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "text",
    [
        f"mine {report.BEGIN} what I wrote after it",
        f"mine {report.END} what I wrote after it",
        f"{report.END} mine {report.BEGIN}",
        b"\xff\xfe",
    ],
)
def test_the_report_leaves_a_file_in_which_it_has_no_place(tmp_path, text):
    path = tmp_path / "README.md"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"README\.md"):
        report.renew(path, "what was measured")
    assert path.read_bytes() == before


def test_the_report_keeps_what_is_around_it(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("mine")
    for text in ("first", "second"):
        report.renew(path, text)
    assert path.read_text() == f"mine\n\n{report.BEGIN}\n\nsecond\n\n{report.END}\n"


def test_a_place_where_nothing_can_be_written_is_one_line(capsys):
    assert run.main([*SMOKE, "--out", "/etc/hostname/x"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("python -m benchmarks.run: cannot go on: Not a directory: ")


def test_what_is_not_finite_is_null_in_the_last_line():
    figures = dict(ratio=math.nan, pairs=((1.0, math.inf),), name="a", budgets={"480": [None, 2]})
    assert run.replace_non_finite(figures) == dict(
        ratio=None, pairs=[[1.0, None]], name="a", budgets={"480": [None, 2]}
    )
