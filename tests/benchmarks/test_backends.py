"""The study of Keras's backends, at tiny size."""

import argparse
import json
import sys

import marks
import numpy as np
import pytest

from benchmarks import run
from benchmarks.studies.backends.given import RULES, find_differences
from benchmarks.studies.backends.interpreters import find_interpreter, parse_interpreter

SMALL = ["--rules", "adam", "powersign-cd", "--parameters", "1000", "--rounds", "2"]


@pytest.mark.slow
@marks.only_long("It starts a process for each backend.")
def test_the_study_has_a_row_for_each_backend_and_says_which_is_absent(capsys):
    # This Python, which runs the benchmarks, has Keras 2: TensorFlow alone.
    words = ["backends", "--backends", "tensorflow", "jax", "--python", f"jax={sys.executable}", *SMALL]
    assert run.main(words) == 0
    *table, last = capsys.readouterr().out.splitlines()
    assert any(line.startswith("jax ") and "is absent" in line and "--python jax=PATH" in line for line in table)
    figures = json.loads(last)
    assert set(figures["memory_traffic"]) == {f"{name}_over_adam" for name in ("powersign", "addsign", "rule")}
    assert figures["backends"]["jax"] is None
    found = figures["backends"]["tensorflow"]
    for ratio in figures["memory_traffic"]:
        low, high = found["middle_half"][ratio]
        assert 0 < low <= found[ratio] <= high
    assert found["max_difference"] is None  # there is no other backend
    assert {"keras", "tensorflow", "python"} == set(found["versions"]) and found["device"]


def test_a_process_that_fails_is_one_line(capsys, tmp_path):
    python = tmp_path / "python"  # it has every backend, and runs none
    python.write_text(
        "#!/bin/sh\n[ \"$1\" = -c ] && echo '[\"torch\"]' && exit\necho 'No: torch is ill' >&2; exit 3\n"
    )
    python.chmod(0o755)
    with pytest.raises(SystemExit) as stopped:
        run.main(["backends", "--backends", "torch", "--python", f"torch={python}", *SMALL])
    assert stopped.value.code == 2
    assert "the process of the backend torch" in (error := capsys.readouterr().err) and "code 3" in error


@pytest.mark.parametrize("text", ["jax", "jax=", f"theano={sys.executable}"])
def test_a_python_is_named_for_a_backend(text):
    with pytest.raises(argparse.ArgumentTypeError, match="must be BACKEND=PATH, with a BACKEND of tensorflow, jax,"):
        parse_interpreter(text)


def test_a_python_that_is_named_is_the_only_one_that_is_asked():
    assert find_interpreter("tensorflow") == sys.executable
    says_nothing = parse_interpreter("tensorflow=true")
    assert find_interpreter("tensorflow", [says_nothing]) is None
    with pytest.raises(ValueError, match="argument --python: jax=PATH must name a Python that runs"):
        find_interpreter("jax", [parse_interpreter("jax=/nowhere")])


def test_rules_with_random_words_are_not_compared():
    assert {"adam", "powersign-cd"} <= set(RULES) and not {"g-plus-drop-m", "noisy-m-sigmoid-w"} & set(RULES)


def test_the_difference_is_the_largest_to_any_other_backend():
    weights = {name: {"sgd": np.array([1.0, value])} for name, value in dict(tensorflow=2, jax=2.5, torch=4).items()}
    found = find_differences(weights)
    assert {name: of_rules["sgd"] for name, of_rules in found.items()} == dict(tensorflow=2.0, jax=1.5, torch=2.0)
