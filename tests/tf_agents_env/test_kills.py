"""A search that is killed again and again proposes and pays what an undisturbed one does."""

import pathlib
import signal
import subprocess
import sys

import marks
import numpy as np
import pytest
from environments import environment
from killed_search import search

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.known_optimizers import THE_SIX

pytestmark = pytest.mark.slow

HERE = pathlib.Path(__file__).parent
FLAGS = ["--depth", "2", "--seed", "1", "--baselines", THE_SIX]
# A third of the kills wait for a save, after ten steps of some five new rules each: what is left suffices for all.
# tests/fuzz/test_killed_inside.py has a kill inside a save in `make test` too.
KILLS, BUDGET = 24, 800


def record(out):
    """Everything that a search proposed and was paid, and what it measured."""
    ledger = Ledger(out / "ledger.sqlite", read_only=True)
    evaluations = sorted((e.key, e.reward, e.status) for e in ledger.evaluations())
    fresh = sorted((e.key, e.rewards) for e in ledger.fresh_evaluations().values())
    found = ledger.samples(), evaluations, ledger.counts(), fresh
    ledger.close()
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    assert search([*FLAGS, "--budget", str(BUDGET), "--out", str(out)]) == 0
    return record(out)


@marks.only_long("test_same_ledgers_ppo.py breaks a search off anywhere.")
def test_killed_at_random_moments(tmp_path, undisturbed):
    out, rng, moments = tmp_path / "run", np.random.default_rng(0), []
    for kill in range(KILLS):
        # A save takes some 50 ms. The first six evaluations are the known optimizers.
        save = ("save", 1, rng.uniform(0, 0.05))
        moments.append(save if kill % 3 == 1 else ("evaluation", rng.integers(1, 15), rng.uniform(0, 0.1)))
        begun = (out / "ledger.sqlite").exists()
        flags = ["--resume", out] if begun else [*FLAGS, "--budget", BUDGET, "--out", out]
        process = subprocess.run(
            [sys.executable, HERE / "killed_search.py", *map(str, (*moments[-1], *flags))],
            env=environment(),
            capture_output=True,
            text=True,
        )
        assert process.returncode == -signal.SIGKILL, (moments, process.stderr)
    assert len(record(out)[0]) < len(undisturbed[0])
    assert search(["--resume", str(out)]) == 0
    assert record(out) == undisturbed, moments
