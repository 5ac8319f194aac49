"""Searches of several arms with the same gradient steps, on made-up rewards."""

import argparse
import dataclasses
import json
from types import SimpleNamespace

import fakes
import pytest

from benchmarks import run
from benchmarks.studies import proposals
from neural_optimizer_search import flags, parse_formula
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.ranking import Contender, Ranking
from neural_optimizer_search.search.run_config import RunConfig
from neural_optimizer_search.workers.config import EXECUTORS


@pytest.mark.parametrize("arm", proposals.ARMS)
def test_every_arm_is_flags_of_a_search(arm):
    words = [f"--{name}={value}" for name, value in proposals.flags_of(arm).items()]
    given = vars(flags.build_parser("nos-search", "", SearchConfig, RunConfig).parse_args(words))
    assert given.keys() == proposals.ARMS[arm].keys()


@pytest.mark.parametrize("bad", ["nothing", "local+ppo", "local+", "composed+modern+local"])
def test_arms_that_contradict_themselves(bad):
    with pytest.raises(argparse.ArgumentTypeError, match=r"must be joined with \+ of: default, .*, each flag once"):
        proposals.parse_arm(bad)
    assert proposals.parse_arm("local+composed+no_racing") == "local+composed+no_racing"


def test_a_few_searches_have_t_intervals(capsys):
    found = proposals.Found(100, 10, 1.0, 0.0, 0.9, 0.1, 0.2, True, False, "g")
    searches = [found._replace(first=first) for first in (0.5, 0.6, 0.7)]
    figures = proposals.summarize("digits", {"default": searches})["default"]
    assert figures["first"] == pytest.approx((0.6, 0.2484), abs=1e-4)
    printed = capsys.readouterr().out
    assert "means of 3 searches ± 95 % t-intervals" in printed and "0.6000 ± 0.2484" in printed


def test_the_gain_is_that_of_the_rule_that_no_fresh_seed_chose(monkeypatch):
    def contender(name, place, reward):
        measured = fakes.fake_evaluation(parse_formula("g"), reward)
        return Contender(name, measured, fresh=measured, place=place)

    adam = contender("Adam", 1, 0.4)
    ranking = Ranking((contender("a", 2, 0.9), contender("b", 1, 0.5)), (adam,))
    monkeypatch.setattr(proposals, "read_ranking", lambda ledger: ranking)
    ledger = SimpleNamespace(count_steps=dict, counts=lambda: dict(trained=2), evaluations=list)
    found = proposals.read_found(ledger)
    assert found.gain == found.gain_over_adam == pytest.approx(0.1) and found.best == 0.9


class OneStep(fakes.FakeEvaluator):
    def __call__(self, rule, bar=None):
        return dataclasses.replace(super().__call__(rule), steps=1)


@pytest.mark.once
def test_each_arm_has_as_many_steps_and_nothing_is_done_twice(tmp_path, trains_nothing, monkeypatch, capsys):
    monkeypatch.setitem(EXECUTORS, "local", lambda *_: fakes.InProcess(OneStep()))
    words = ["proposals", "--arms", "random+depth1", "evolution+depth1", "--seeds", "1", "--steps", "17"]
    words += ["--fresh_seeds", "2", "--workers", "1", "--runs", str(tmp_path)]
    assert run.main(words) == 0
    arms = json.loads(capsys.readouterr().out.splitlines()[-1])["tasks"]["digits"]
    assert list(arms) == ["random+depth1", "evolution+depth1"] and arms["random+depth1"]["in_pairs"] == [0.0, None]
    for arm in arms.values():
        (found,) = arm["searches"]
        assert 17 <= found["steps"] < 22 and found["steps"] == found["rules"] + 10
        assert found["best"] >= found["first"] and found["rule"] and arm["best"] == [found["best"], None]
    # What is there is read: nothing is measured twice.
    monkeypatch.setitem(EXECUTORS, "local", lambda *_: fakes.InProcess(refuse))
    config = proposals.Config(arms=tuple(arms), seeds=1, steps=17, fresh_seeds=2, workers=1, runs=tmp_path)
    assert proposals.run(config)["tasks"]["digits"]["random+depth1"]["searches"] == arms["random+depth1"]["searches"]


def refuse(rule, bar=None):
    raise AssertionError(rule)
