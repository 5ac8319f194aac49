"""The examples run and do what they say."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parent.parent


def output(example):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, ROOT / "examples" / example]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_train_with_powersign():
    printed = output("train_with_powersign.py")
    assert "The same weights, bit for bit: True" in printed
    assert float(printed.split("Test accuracy: ")[1]) > 0.85


@pytest.mark.once  # with any Keras tests/tasks makes a child of its task, and tests/search has a whole search
@pytest.mark.slow
def test_search_your_model():
    printed = output("search_your_model.py")
    for name in ("Adam", "SGD", "PowerSign"):
        assert name in printed
