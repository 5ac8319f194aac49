"""Runs that stop and go on are one run, whichever process trains them."""

import dataclasses
import subprocess
import sys

import fakes
import marks
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring import kept_runs
from neural_optimizer_search.measuring.child_run import Pace
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.kept_runs import CannotKeep, KeptRuns
from neural_optimizer_search.measuring.progress import told_to
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.training import ChildTraining
from neural_optimizer_search.schedule_shape import parse_schedule
from neural_optimizer_search.tasks.protocol import Racing

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("graphs_as_traced")]

DIVERGING = "exp(exp(exp(g + 1)))"
PROTOCOL = dataclasses.replace(fakes.TINY, final_steps=12, validate_every=4, sweep_steps=3)


@pytest.fixture(scope="module")
def training():
    return ChildTraining(fakes.BLOBS.child(fakes.TINY))


def keep(training, directory, end, formula="drop(Adam, 0.3) + eps * m"):
    return KeptRuns(training, parse_formula(formula), directory, end, 12, 4)


PLAN = RunPlan(0.1, 0, 12, 4, parse_schedule("cosine, warm-up 0.3"), 0.1)


def assert_same(one, other):
    for mine, theirs in zip(one, other):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("formula", ["drop(Adam, 0.3) + eps * m", "ld * ema_0.7", "on_matrices(orthogonalize(m), g)"])
@pytest.mark.parametrize("ends", [(4, 8, 12), (3, 5, 12), (1, 12)])
def test_parts_are_the_whole_run(training, tmp_path, formula, ends):
    whole = training(parse_formula(formula), PLAN)
    for end in ends:
        training(parse_formula("g"), RunPlan(0.1, 1, 4, 2))  # so that nothing is left in the variables
        part = keep(training, tmp_path, end, formula)(PLAN)
        assert part.finite and part.steps == end
        seen = end // 4
        np.testing.assert_array_equal(part.losses[:seen], whole.losses[:seen])
        assert len(part.losses) == seen + (end % 4 > 0)
    assert_same(part, whole)


def test_a_part_between_validations_ends_with_one(training, tmp_path):
    part = keep(training, tmp_path, 6)(PLAN)
    exact = training(parse_formula("drop(Adam, 0.3) + eps * m"), PLAN._replace(validate_every=2))
    assert part.losses[-1] == exact.losses[2]


def test_what_was_asked_before_is_read(training, tmp_path, monkeypatch):
    first = [keep(training, tmp_path, end)(PLAN) for end in (3, 8, 12)]
    monkeypatch.setattr(training, "begin", None)
    for part, end in zip(first, (3, 8, 12)):
        assert_same(part[:-1], keep(training, tmp_path, end)(PLAN)[:-1])


def test_the_sweep_stops_before_the_end(training, tmp_path):
    runs = keep(training, tmp_path, 8)
    assert runs(RunPlan(0.1, 0, 3, 3)).steps == runs.until(3) == 3
    assert runs.steps == 3
    assert runs(PLAN).steps == runs.until(12) == 8
    assert runs.steps == 11


def test_a_run_that_diverged_stays_so(training, tmp_path):
    first = keep(training, tmp_path, 8, DIVERGING)(PLAN)
    assert not first.finite
    again = keep(training, tmp_path, 12, DIVERGING)(PLAN)
    assert (again.finite, again.steps) == (False, first.steps)


def test_what_a_run_was_before_it_diverged(training, tmp_path):
    steps = keep(training, tmp_path, 12, DIVERGING)(PLAN).steps
    assert keep(training, tmp_path, steps - 1, DIVERGING)(PLAN).finite


def test_an_earlier_end_that_was_not_asked_for(training, tmp_path):
    keep(training, tmp_path, 12)(PLAN)
    part = keep(training, tmp_path, 6)(PLAN)
    (other := tmp_path / "other").mkdir()
    assert_same(part, keep(training, other, 6)(PLAN))


class OneStep(Pace):
    steps = property(lambda self: 1)


def test_a_killed_run_loses_no_more_than_was_not_saved(training, tmp_path, monkeypatch):
    whole = keep(training, tmp_path, 12)(PLAN)
    other = tmp_path / "other"
    other.mkdir()
    done = []

    def interrupt(progress):
        done.append(progress.done)
        if len(done) == 7:
            raise KeyboardInterrupt

    monkeypatch.setattr(kept_runs, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(training, "_pace", OneStep())
    with told_to(interrupt):
        with pytest.raises(KeyboardInterrupt):
            keep(training, other, 12)(PLAN)
        again = keep(training, other, 12)(PLAN)
    assert done == [*range(7), *range(6, 12)]  # the seventh step was not made
    assert_same(again, whole)


def test_weights_that_are_given_up_go_and_what_they_gave_stays(training, tmp_path):
    runs = keep(training, tmp_path, 3)
    first = [runs(RunPlan(rate, 0, 3, 3)) for rate in (0.1, 0.2)]
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*/*.npz")}
    runs.give_up(lambda plan: plan.learning_rate == 0.1)
    after = {path.name: path.stat().st_size for path in tmp_path.glob("*/*.npz")}
    assert sorted(after[name] < size for name, size in sizes.items()) == [False, True]
    again = keep(training, tmp_path, 3)
    for rate, one in zip((0.1, 0.2), first):
        assert_same(again(RunPlan(rate, 0, 3, 3))[:-1], one[:-1])


def test_a_damaged_file_is_named(training, tmp_path):
    keep(training, tmp_path, 8)(PLAN)
    (path,) = tmp_path.glob("*/*.npz")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CannotKeep, match=f"{path} is damaged, or of another release .*. Remove it"):
        keep(training, tmp_path, 12)(PLAN)


def change(path, **changes):
    with np.load(path) as file:
        arrays = {**file, **changes}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("value_0", np.zeros(99), "it has a value of shape"),
        ("curves", np.zeros((1, 3)), "it has 1 validations of 3"),
        ("value_1", None, "value_1"),
    ],
)
def test_a_file_with_something_else_is_named(training, tmp_path, name, value, message):
    keep(training, tmp_path, 8)(PLAN)
    (path,) = tmp_path.glob("*/*.npz")
    change(path, **{name: value})
    with pytest.raises(CannotKeep, match=rf"{path} is damaged.*{message}.*\)\. Remove it"):
        keep(training, tmp_path, 12)(PLAN)


def test_a_full_disk_is_no_fault_of_the_rule(training, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    runs = keep(training, tmp_path, 8)
    monkeypatch.setattr(kept_runs, "write_whole", fail)
    with pytest.raises(CannotKeep, match=r"cannot be kept in .*: No space left on device. Make room"):
        runs(PLAN)


def test_a_directory_that_is_not_here_is_named(training, tmp_path):
    with pytest.raises(CannotKeep, match=f"{tmp_path / 'none'} is not on .*all machines share"):
        keep(training, tmp_path / "none", 8)


ANOTHER = """
import sys
sys.path[:0] = {path!r}
import fakes, test_kept_runs
from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluator import Evaluator
evaluate = Evaluator(fakes.BLOBS, test_kept_runs.PROTOCOL)
print(evaluate.measure_until(parse_formula("drop(Adam, 0.3)"), 12, {directory!r}))
"""


@marks.only_long("nos-promote is killed and goes on so.")
def test_an_evaluation_goes_on_in_another_process(tmp_path):
    evaluate, rule = Evaluator(fakes.BLOBS, PROTOCOL), parse_formula("drop(Adam, 0.3)")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir(), there.mkdir()
    evaluate.measure_until(rule, 4, str(there))
    path = [str(fakes.__file__).rpartition("/")[0], str(kept_runs.__file__).rpartition("/neural")[0]]
    code = ANOTHER.format(path=[*path, __file__.rpartition("/")[0]], directory=str(there))
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    expected = str([evaluate.measure_until(rule, end, str(here)) for end in (4, 12)][1])
    assert printed.partition("seconds=")[0] == expected.partition("seconds=")[0]


@pytest.mark.parametrize("racing", [None, Racing()])
def test_the_last_part_is_paid_as_the_protocol_says(tmp_path, racing):
    protocol = dataclasses.replace(PROTOCOL, racing=racing, final_steps=12)
    evaluate, rule = Evaluator(fakes.BLOBS, protocol), parse_formula("m")
    parts = [evaluate.measure_until(rule, end, str(tmp_path)) for end in (2, 5, 12)]
    assert [part.message for part in parts] == [f"Trained {end} steps with 2 seeds." for end in (2, 5, 12)]
    rate = parts[-1].learning_rate
    assert {part.learning_rate for part in parts[1:]} == {rate}
    expected = [evaluate.train(rule, RunPlan(rate, seed, 12, 4)).scores.mean() for seed in protocol.seeds]
    np.testing.assert_allclose(parts[-1].rewards, expected, rtol=1e-6)
    assert parts[0].steps < parts[1].steps < parts[2].steps


@marks.only_long("test_halving.py has rules that diverge.")
def test_a_rule_that_diverges_is_no_error(tmp_path):
    found = Evaluator(fakes.BLOBS, PROTOCOL).measure_until(parse_formula(DIVERGING), 8, str(tmp_path))
    assert found.status == "diverged" and found.reward == 0.0
