"""What a search records depends neither on the number of its workers nor on where it was broken off."""

import collections
import functools

import marks
import pytest
from same_searches import LOCK_STEP, Measured, Workers, broken, read, run

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("graphs_as_traced")]

ALGORITHMS = ("evolution", "random", LOCK_STEP.format("evolution"))


@pytest.fixture(scope="module")
def evaluator():
    return Measured()


@pytest.fixture(scope="module", params=ALGORITHMS)
def whole(request, evaluator, tmp_path_factory):
    """(algorithm, what one worker records when nothing comes between, how often it was asked)."""
    directory, workers = tmp_path_factory.mktemp(request.param) / "run", Workers(evaluator, 1)
    run(directory, request.param, workers)
    return request.param, read(directory), workers.done


def test_the_search_has_all_that_could_differ(whole):
    algorithm, expected, _ = whole
    staleness = {0} if algorithm == LOCK_STEP.format("evolution") else {0, 1}
    assert {sample.staleness for sample in expected["samples"]} == staleness
    statuses = {e.status for e in expected["search"].values()}
    assert (
        statuses >= {"ok", "stopped", "failed"}
        and expected["counts"]["alike"]
        and expected["counts"]["trained"] == 12
    )
    assert any(sample.alike and sample.key in expected["baseline"] for sample in expected["samples"])


@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers(whole, evaluator, tmp_path, workers):
    algorithm, expected, _ = whole
    run(tmp_path / "run", algorithm, Workers(evaluator, workers))
    assert read(tmp_path / "run") == expected


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 3])
def test_broken_off_anywhere(whole, evaluator, tmp_path, workers):
    algorithm, expected, count = whole
    make = functools.partial(Workers, evaluator, workers)
    points = range(count) if marks.LONG else range(workers, count, 4)
    for point, found in broken(tmp_path, algorithm, make, points):
        assert found == expected, point


def test_a_budget_that_grows(whole, evaluator, tmp_path):
    algorithm, expected, _ = whole
    for budget in (1, 5, 12):
        run(tmp_path / "run", algorithm, Workers(evaluator, 2), rules=budget)
    found = read(tmp_path / "run")
    fresh = found.pop("fresh")  # those of smaller budgets stay
    assert set(fresh) >= set(expected["fresh"])
    assert {**found, "steps": 0} == {**{k: v for k, v in expected.items() if k != "fresh"}, "steps": 0}


LIMITS = {
    "steps": lambda expected: sum(expected["steps"].values()) // 2,
    "patience": lambda expected: 4,
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("workers", [1, 4])
def test_another_limit(whole, evaluator, tmp_path, workers, name):
    algorithm, expected, _ = whole
    limit = {name: LIMITS[name](expected)}
    run(tmp_path / "whole", algorithm, Workers(evaluator, 2), **limit)
    make = functools.partial(Workers, evaluator, workers)
    for point, found in broken(tmp_path, algorithm, make, [6, 9], **limit):
        assert found == read(tmp_path / "whole"), point


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_batch_size_that_changes(evaluator, tmp_path, algorithm):
    """What was begun is finished with its own size, by any number of workers, and wherever it is broken off again."""

    def go_on(out, executor, changes_size=False):
        run(out, algorithm, executor, batch_size=3, changes_size=changes_size, rules=24)

    for workers in (1, 2):
        out = tmp_path / str(workers)
        run(out, algorithm, Workers(evaluator, workers), rules=7)
        go_on(out, Workers(evaluator, workers), changes_size=True)
    expected = read(tmp_path / "1")
    assert read(tmp_path / "2") == expected
    sizes = collections.Counter(sample.step for sample in expected["samples"]).values()
    assert list(sizes) == sorted(sizes, reverse=True) and {3} < set(sizes) <= {3, 5, 20}
    for point in (1, 6):
        out = tmp_path / f"broken at {point}"
        run(out, algorithm, Workers(evaluator, 2), rules=7)
        with pytest.raises(KeyboardInterrupt):
            go_on(out, Workers(evaluator, 2, breaks_at=point), changes_size=True)
        go_on(out, Workers(evaluator, 1))
        assert read(out) == expected
