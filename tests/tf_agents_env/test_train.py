"""The TF-Agents training binary: searches whose algorithm is a controller, at tiny size."""

import marks
import pytest
from tiny_searches import TINY, found

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.config import HYPERPARAMETERS
from tf_agents_env import algorithms, train
from tf_agents_env.controller_config import CONTROLLERS

pytestmark = pytest.mark.slow


def test_guided_ppo_is_the_default(tmp_path, trains_nothing):
    """In tests/test_readme.py its rules are trained, by a worker."""
    out = tmp_path / "run"
    assert train.main([*TINY, "--budget", "25", "--out", str(out)]) == 0
    assert Ledger(out / "ledger.sqlite", read_only=True).run.config["algorithm"] == "guided"
    assert list((out / "controller").glob("ckpt-*.index"))


def test_the_papers_controller_is_the_default_of_the_papers_preset(tmp_path, capfd, trains_nothing):
    out = tmp_path / "run"
    assert train.main([*TINY, "--preset", "paper", "--budget", "5", "--out", str(out)]) == 0
    assert Ledger(out / "ledger.sqlite", read_only=True).run.config["algorithm"] == "ppo"
    assert capfd.readouterr().out.startswith("PPO (paper) over signs")


@marks.only_long("The contract of algorithms has it for guided PPO.")
def test_resumed_with_a_larger_budget_is_the_larger_run(tmp_path, trains_nothing):
    resumed, whole = tmp_path / "resumed", tmp_path / "whole"
    for flags in (["--budget=12", f"--out={resumed}"], ["--budget=20", f"--out={whole}"]):
        assert train.main([*TINY, *flags]) == 0
    assert train.main(["--resume", str(resumed), "--budget", "20"]) == 0
    assert found(resumed) == found(whole)


@pytest.mark.parametrize("algorithm", ["reinforce", "trpo"])
@marks.only_long("The contract of algorithms has them.")
def test_other_algorithms(tmp_path, algorithm, capfd, trains_nothing):
    out = tmp_path / "run"
    flags = [*TINY, "--task", "digits_mlp", "--algorithm", algorithm, "--budget", "5", "--seeds_per_rule", "1"]
    assert train.main([*flags, "--out", str(out)]) == 0
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    assert ledger.counts()["trained"] == 5
    printed = capfd.readouterr().out
    assert printed.startswith(f"{algorithm.upper()} (fast) over signs") and "screened out" in printed


def test_every_row_has_the_presets_of_its_controller():
    entries = {name: getattr(algorithms, name.upper()) for name in CONTROLLERS}
    assert all(entry.has_presets for entry in entries.values())
    assert all(set(presets) == set(HYPERPARAMETERS) for presets in CONTROLLERS.values())
