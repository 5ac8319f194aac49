"""Which known optimizers a search measures: `--baselines`."""

import contextlib
import re

import old_ledger
import pytest
from tiny_searches import TINY

from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report import run as report
from neural_optimizer_search.search import command
from neural_optimizer_search.search.known_optimizers import (
    KNOWN_OPTIMIZERS,
    THE_SIX,
    THE_TEN,
    find_known_optimizers,
    split_names,
)

SIX = ["SGD", "Momentum", "RMSProp", "Adam", "PowerSign", "AddSign"]


def start(out, *flags):
    command.main([*TINY, "--algorithm", "random", "--budget", "3", "--out", str(out), *flags])
    return out


def measured(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        return [e.rule.formula() for e in ledger.evaluations("baseline")], ledger.run.config.get("baselines")


def names_shown(out):
    return {name for name, _ in report.read(out).baselines}


LONG = " * ".join([*["g", "m"] * 33])  # a run reads back no rule of so many iterations


def test_the_default():
    assert list(find_known_optimizers(THE_SIX)) == SIX
    assert list(KNOWN_OPTIMIZERS) == [*SIX, "AdamW", "Nadam", "Lion", "SGD-Nesterov"]
    keys = {Screen()(rule).key for rule in KNOWN_OPTIMIZERS.values()}
    assert len(keys - {""}) == 10  # the screen lets all pass, as different functions
    for name, rule in zip(split_names(THE_TEN), KNOWN_OPTIMIZERS.values()):
        assert rule == CATALOGUE[name].rule


def test_names_and_formulas():
    found = find_known_optimizers(" Adam,SIGN_M_SQRT_G , clip(g, 1e-3),min(g, m) , m * exp(v)")
    assert {name: rule.formula() for name, rule in found.items()} == {
        "Adam": "Adam",
        "sign-m-sqrt-g": "sign(m) * sqrt(|g|)",
        "clip(g, 1e-3)": "clip(g, 1e-3)",
        "min(g, m)": "min(g, m)",
        "m * exp(v)": "m * exp(v)",
    }
    # A constant of a rule stands behind a comma too.
    assert split_names("Adam, beta_1=0.8, epsilon=1e-6,g") == ["Adam, beta_1=0.8, epsilon=1e-6", "g"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("adm", r"must be names of the catalogue, .* Received: 'adm'; as a formula, it has .* Names like it: adam"),
        ("adam,,g", "must be names of the catalogue, .* Received: ''"),
        ("adam,Adam", "must name each optimizer once. Received twice: 'adam'"),
        ("g * m, g*m", r"must name each optimizer once. Received twice: 'g\*m'"),
        (
            f"adam,{LONG}",
            "must be rules that a run can hold: of no more than 64 iterations. Received one of 65, 'g .*",
        ),
    ],
)
def test_what_names_no_optimizer(names, message, capfd, tmp_path):
    with pytest.raises(ValueError, match=message):
        find_known_optimizers(names)
    with pytest.raises(SystemExit) as stopped:
        start(tmp_path / "run", "--baselines", names)
    assert stopped.value.code == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("nos-search: argument --baselines: must ")
    assert not (tmp_path / "run").exists()


def test_those_that_are_named_are_measured_recorded_and_shown(tmp_path, trains_nothing, capfd):
    out = start(tmp_path / "run", "--baselines", "ADAMW, sgd,clip(g, 1e-3),m_exp_v")
    formulas, recorded = measured(out)
    assert formulas == ["Adam + 1e-2*w", "g", "clip(g, 1e-3)", "m * exp(v)"]
    assert recorded == "adamw,sgd,clip(g, 1e-3),m-exp-v"
    shown = (out / "leaderboard.txt").read_text().partition("known optimizers:")[2]
    assert {" ".join(line.split()[6:]) for line in shown.splitlines()[1:5]} == {
        "AdamW Adam + 1e-2*w", "SGD g", "clip(g, 1e-3)", "m-exp-v m * exp(v)"
    }  # fmt: skip
    assert "4/4 known optimizers" in capfd.readouterr().err
    assert names_shown(out) == {"AdamW", "SGD", "clip(g, 1e-3)", "m-exp-v"}
    assert "--baselines 'adamw,sgd,clip(g, 1e-3),m-exp-v'" in report.reproduction(report.read(out).config)


def test_a_resumed_run_keeps_its_own(tmp_path, trains_nothing, capfd):
    out = start(tmp_path / "run", "--baselines", "adam,g*m")
    before = measured(out)
    assert command.main(["--resume", str(out), "--budget", "5"]) == 0
    assert measured(out) == before
    with pytest.raises(SystemExit, match="2"):
        command.main(["--resume", str(out), "--baselines", "adam"])
    assert "--baselines: not allowed with --resume: a resumed run keeps its own (adam,g*m)" in capfd.readouterr().err


def test_a_run_of_an_earlier_release_keeps_its_six(tmp_path, trains_nothing):
    out = start(tmp_path / "run", "--baselines", THE_SIX)
    before, _ = measured(out)
    old_ledger.write_as_before(out / "ledger.sqlite", 4)
    assert measured(out) == (before, None)
    assert names_shown(out) == set(SIX)
    assert f"--baselines {THE_SIX}" in report.reproduction(report.read(out).config)
    assert command.main(["--check", str(out)]) == 0
    assert command.main(["--resume", str(out), "--budget", "6"]) == 0
    assert measured(out) == (before, THE_SIX)
    for name in SIX:
        assert f" {name} " in (out / "leaderboard.txt").read_text()
    assert names_shown(out) == set(SIX)


def test_the_cost_of_what_is_named_is_described(trains_nothing, capfd):
    assert command.main([*TINY, "--budget", "5", "--baselines", "adam", "--describe"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^known +1 known optimizers: 0.24 to 1.2 s$", out, re.M)
    assert re.search(r"^budget +5 rules: 0.35 to 5.6 s$", out, re.M)
