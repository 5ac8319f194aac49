"""A search over composed forms, from the command line."""

import contextlib

import fakes
import pytest

from neural_optimizer_search import flags
from neural_optimizer_search.dsl.composed import ComposedSpace
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.report import overview, run
from neural_optimizer_search.search import command
from neural_optimizer_search.search.config import SearchConfig, choose_defaults
from neural_optimizer_search.search.ranking import Ranking
from neural_optimizer_search.search.registry import find_algorithm
from neural_optimizer_search.workers.config import EXECUTORS

pytestmark = pytest.mark.once

FLAGS = ["--task", "digits", "--space", "composed", "--workers", "1", "--cache", "none", "--fresh_seeds", "0"]


def test_it_is_searched_and_goes_on(tmp_path, trains_nothing, monkeypatch, capsys):
    monkeypatch.setitem(EXECUTORS, "local", lambda *_: fakes.InProcess(fakes.FakeEvaluator()))
    monkeypatch.setattr(Ranking, "shorten", lambda self, one: one.rule)  # which takes a second a rule
    out = tmp_path / "run"
    assert command.main([*FLAGS, "--algorithm", "evolution", "--budget", "12", "--out", str(out)]) == 0
    assert "over composed forms (36,000 strings)" in capsys.readouterr().out
    assert command.main(["--resume", str(out), "--budget", "35"]) == 0
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        assert ledger.counts()["trained"] == 35 and ledger.run.config["depth"] is None
        assert all(ComposedSpace().embed(sample.rule) for sample in ledger.samples())
    assert command.main(["--check", str(out)]) == 0
    assert "over composed, task" in overview.describe(run.read(out).config)
    assert "--space composed --algorithm" in run.reproduction(run.read(out).config)


@pytest.mark.parametrize("given", [["--depth", "2"], ["--unconstrained"]])
@pytest.mark.parametrize("more", [[], ["--describe"]])
def test_it_has_no_iterations(tmp_path, capsys, given, more):
    with pytest.raises(SystemExit, match="2"):
        command.main([*FLAGS, *given, *(more or ["--out", str(tmp_path / "run")])])
    said = capsys.readouterr().err
    assert f"argument {given[0]}: not allowed with --space composed, whose strings have no iterations." in said


OWN = ("my_module:task",)


@pytest.mark.parametrize(
    "given, space",
    [
        (dict(), "composed"),
        (dict(task=OWN), "composed"),
        (dict(depth=2), "arxiv2017_no_decay"),
        (dict(task=OWN, unconstrained=True), "arxiv2017_no_decay"),
        (dict(task=OWN, preset="paper"), "arxiv2017_no_decay"),
        (dict(task=OWN, space="modern"), "modern"),
        (dict(preset="paper", space="composed"), "composed"),
    ],
)
def test_it_is_the_default_but_for_what_has_iterations(given, space):
    defaults = choose_defaults(given, find_algorithm("local"))
    config = flags.configure(SearchConfig, given, **defaults)
    assert config.space == space and (config.depth is None) == (space == "composed")
    assert config.make_space().name == space
