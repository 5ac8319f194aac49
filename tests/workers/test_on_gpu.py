"""A search where there is a GPU: elsewhere it is skipped, and pretended ones are in `test_placement.py`."""

import contextlib
import subprocess
import sys

import pytest

from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.workers.placement import find_gpus

GPUS = find_gpus()
pytestmark = [pytest.mark.once, pytest.mark.skipif(not GPUS, reason="TensorFlow sees no GPU here.")]


def search(out, *flags):
    """Runs a small search; returns what it prints, and what its ledger has."""
    command = [sys.executable, "-m", "neural_optimizer_search.search.command", "--task", "digits", "--cache", "none"]
    command += ["--algorithm", "random", "--baselines", "sgd", "--budget", "6", "--fresh_seeds", "0", "--out", out]
    done = subprocess.run([*map(str, command), *flags], capture_output=True, text=True, check=True)
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        return done.stdout, ledger.evaluations("search")


def test_a_search_on_all_of_them(tmp_path):
    printed, found = search(tmp_path / "run")
    assert f"on {len(GPUS)} GPU" in printed
    assert len(found) == 6 and any(e.status == "ok" for e in found)


def test_two_workers_share_one(tmp_path):
    printed, found = search(tmp_path / "run", "--gpus", "1", "--workers_per_gpu", "2")
    assert "2 workers on 1 GPU" in printed
    assert len({e.worker for e in found}) == 2 and any(e.status == "ok" for e in found)


def test_it_is_left_alone_if_none_is_wanted(tmp_path):
    printed, found = search(tmp_path / "run", "--gpus", "0", "--workers", "2")
    assert "2 workers" in printed and "GPU" not in printed
    assert any(e.status == "ok" for e in found)
