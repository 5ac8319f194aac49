"""The TF-Agents training binary: searches whose algorithm is a controller, at tiny size."""

import pytest
from tiny_searches import TINY, found

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.config import HYPERPARAMETERS
from tf_agents_env import algorithms, train
from tf_agents_env.controllers import CONTROLLERS


@pytest.fixture(scope="module")
def ppo_run(tmp_path_factory):
    out = tmp_path_factory.mktemp("ppo") / "run"
    assert train.main([*TINY, "--budget", "12", "--out", str(out)]) == 0
    return out


def test_ppo_is_the_default(ppo_run):
    assert Ledger(ppo_run / "ledger.sqlite", read_only=True).config["algorithm"] == "ppo"
    assert list((ppo_run / "controller").glob("ckpt-*.index"))


def test_resumed_with_a_larger_budget_is_the_larger_run(ppo_run, tmp_path):
    whole = tmp_path / "whole"
    assert train.main([*TINY, "--budget", "20", "--out", str(whole)]) == 0
    assert train.main(["--resume", str(ppo_run), "--budget", "20"]) == 0
    assert found(ppo_run) == found(whole)


@pytest.mark.parametrize("algorithm", ["reinforce", "trpo"])
def test_other_algorithms(tmp_path, algorithm, capfd):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", algorithm, "--budget", "5", "--seeds_per_rule", "1"]
    assert train.main([*flags, "--out", str(out)]) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.counts()["trained"] >= 5
    assert all(len(e.rewards) == 1 for e in ledger.evaluations("search") if e.status == "ok")
    printed = capfd.readouterr().out
    assert printed.startswith(f"{algorithm.upper()} (fast) over signs") and "screened out" in printed


def test_every_row_has_the_presets_of_its_controller():
    entries = {name: getattr(algorithms, name.upper()) for name in CONTROLLERS}
    assert all(entry.has_presets for entry in entries.values())
    assert all(set(presets) == set(HYPERPARAMETERS) for presets in CONTROLLERS.values())
