"""Every experiment of the papers, from the command line to its table, on made-up data."""

import dataclasses
import json
import math

import marks
import pytest

from benchmarks import run
from benchmarks.experiments import EXPERIMENTS, load_experiment

pytestmark = pytest.mark.slow
# The others train Adam and PowerSign.
ONE_IS_SLOW = ("cifar_wrn", "imagenet", "nmt", "lm", "table6", "cifar_decays")
AS_OTHERS = marks.only_long("It trains as cifar_wrn and cifar_convnet do.")
MARKS = {
    **dict.fromkeys(ONE_IS_SLOW, pytest.mark.long),
    "imagenet": marks.only_long("test_imagenet.py has a step of it; to trace NASNet takes long."),
    "robustness": AS_OTHERS,
    "cifar_decays": AS_OTHERS,
}
ON_CIFAR = ("cifar_convnet", "cifar_wrn", "robustness", "table6", "cifar_decays")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("smoke")


@pytest.fixture(scope="module", autouse=True)
def fewer_contenders():
    """Of the slow ones only the last contender is trained; `make test-long` has all."""
    slow = () if marks.LONG else ONE_IS_SLOW
    with pytest.MonkeyPatch.context() as patch:
        for settings in (load_experiment(name).SETTINGS for name in slow):
            smoke = settings["smoke"]
            sweep = dataclasses.replace(smoke.sweep, contenders=smoke.sweep.contenders[-1:])
            patch.setitem(settings, "smoke", dataclasses.replace(smoke, sweep=sweep))
        yield


@pytest.mark.parametrize("name", [pytest.param(name, marks=MARKS.get(name, [])) for name in EXPERIMENTS])
def test_an_experiment_runs(name, out, capsys):
    module = load_experiment(name)
    assert run.main([name, "--scale", "smoke", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    figures = json.loads(printed.splitlines()[-1])["experiments"][name]
    setting = module.SETTINGS["smoke"]
    assert [row.partition("@")[0] for row in figures] == [x.partition("@")[0] for x in setting.sweep.contenders]
    for row in figures.values():
        assert row["seeds"] == 1 and row["diverged"] == 0
        assert all(math.isfinite(value) for key in module.COLUMNS for value in row[key])
    assert all(heading in printed for heading, _ in module.COLUMNS.values())
    records = [json.loads(line) for line in (out / f"{name}-smoke.jsonl").read_text().splitlines()]
    for r in records:
        check_curves(name, r)
    # Nothing is measured on the test data while tuning.
    assert all(("test" in r) == (r["seed"] > 0) or name == "rosenbrock" for r in records)


def check_curves(name, record):
    """Of the trials that test: those of the papers' test curves, and of the validation's BLEU."""
    steps, tests = [step for step, _ in record["curve"]], record["seed"] > 0
    assert ("test_curve" in record) == (tests and name in ON_CIFAR)
    assert ("bleu_curve" in record) == (tests and name == "nmt")
    if "test_curve" in record:
        assert [step for step, _ in record["test_curve"]] == steps
    if "bleu_curve" in record:
        assert [step for step, _ in record["bleu_curve"]] == steps
        assert record["validation_bleu"] == max(value for _, value in record["bleu_curve"])
        assert dict(record["bleu_curve"])[record["bleu_step"]] == record["validation_bleu"]


@marks.only_long("It trains what the tests above did not.")
def test_all_of_them_are_there_already(out, capsys):
    assert run.main(["all", "--scale", "smoke", "--out", str(out)]) == 0
    assert set(json.loads(capsys.readouterr().out.splitlines()[-1])["experiments"]) == set(EXPERIMENTS)
