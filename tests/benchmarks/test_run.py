"""The command line of the experiments, on the one that trains no network."""

import json
import re

import pytest

from benchmarks import run
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


def test_a_rule_of_a_run_takes_part(tmp_path, capsys):
    ledger = Ledger(tmp_path / "ledger.sqlite", {})
    for formula, reward in (("g", 0.5), ("sign(m)", 0.7)):
        ledger.add_evaluation(
            Evaluation(parse_formula(formula), reward, "ok", "", 0.1, 0.5, (reward,), (), 0.0, key=formula), "search"
        )
    ledger.close()
    run.main([*SMOKE, "--out", str(tmp_path), "--optimizers", f"run:{tmp_path}#1"])
    assert "`sign(m)@constant`" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["rosenbroc"], "argument NAME: invalid choice"),
        ([*SMOKE, "--seeds", "0"], "argument --seeds: must be a whole number from 1 to 2147483647"),
        ([*SMOKE, "--optimizers", "adan"], "argument --optimizers: .*adam"),
        ([*SMOKE, "--workers", "2", "--strategy", "mirrored"], "argument --workers: must be 1"),
        (["lm", "--scale", "small"], "argument --data_dir: must be a directory with wikitext2"),
    ],
)
def test_bad_flags_are_one_error(flags, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main([*flags, "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2
    assert re.search(message, capsys.readouterr().err, re.DOTALL)
    assert not (tmp_path / "out").exists()
