"""The measurement of efficiency: with workers that sleep by a clock that only they move, and with a few real ones."""

import itertools

import marks
import numpy as np
import pytest

from benchmarks.studies import scaling
from benchmarks.studies.scaling.measurement import Asked, Sleeper, Timed, count_seconds
from benchmarks.studies.scaling.modes import MODES, compute_limit
from benchmarks.studies.scaling.real import measure
from benchmarks.studies.scaling.simulation import VirtualWorkers, simulate
from benchmarks.studies.scaling.sleeping import Sleeping
from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.workers.executor import MEASURE
from neural_optimizer_search.workers.worker import Measured

LOCK_STEP, PIPELINED, ASYNCHRONOUS = "synchronous, batch 10", "pipelined, batch 4 x workers", "asynchronous, batch 10"


def free(workers, charge=lambda seconds: 0.0):
    """Workers of a parent that takes no time but what is charged for each rule."""
    return VirtualWorkers(workers, read_clock=lambda: 0.0, charge=charge)


def search_virtually(workers, mode, durations, seconds, **charges):
    """What one search took by the virtual clock."""
    return simulate(free(workers, **charges), Asked(workers, mode), durations, seconds)


def test_half_of_the_workers_have_nothing_to_do_in_a_batch_of_ten():
    row = search_virtually(20, LOCK_STEP, [3.0], seconds=30)
    assert row["seconds"] == pytest.approx(30)
    # A batch of ten takes three seconds, and what it repeats is not trained.
    assert 0.4 < row["efficiency"] <= 0.5
    assert row["rules_per_hour"] == pytest.approx(3600 * row["efficiency"] * 20 / 3.0)
    assert row["staleness"] == row["algorithm_ms_per_rule"] == row["other_ms_per_rule"] == 0


def test_a_synchronous_batch_waits_for_its_slowest_child():
    assert search_virtually(20, LOCK_STEP, [2.0, 4.0], seconds=30)["efficiency"] < 0.4


def test_asynchronous_workers_never_wait():
    row = search_virtually(20, ASYNCHRONOUS, [2.0, 4.0], seconds=30)
    assert row["efficiency"] == pytest.approx(1.0)
    assert row["staleness"] > 0


@marks.only_long("Half of the workers is the same arithmetic.")
def test_a_parent_that_takes_no_time_reaches_the_limit():
    # Both draw other rules, and a batch has repeats, which leave workers free.
    durations, mode = scaling.read_durations(), "synchronous, batch 16 x workers"
    found = search_virtually(4, mode, durations, seconds=2000)["efficiency"]
    assert found == pytest.approx(compute_limit(durations, 4, mode), abs=0.03)


@marks.only_long("Its parts are tested with the loop.")
def test_a_pipeline_fills_the_wait_for_the_slowest_child():
    rows = [search_virtually(8, mode, [2.0, 4.0], 60) for mode in ("synchronous, batch 4 x workers", PIPELINED)]
    assert rows[0]["efficiency"] < rows[1]["efficiency"] - 0.02
    assert rows[0]["staleness"] == 0 < rows[1]["staleness"] <= 1


@marks.only_long("It simulates three times.")
def test_a_simulation_with_a_fixed_cost_is_repeatable_and_a_slow_parent_is_what_limits_it():
    # Twenty workers could take ten rules a second; the parent gets through four.
    rows = [search_virtually(20, ASYNCHRONOUS, [1.0, 3.0], 40, charge=lambda seconds: 0.25) for _ in range(2)]
    assert rows[0] == rows[1]
    assert 0.3 < rows[0]["efficiency"] <= 0.42
    assert 3600 * 3 < rows[0]["rules_per_hour"] <= 3600 * 4.2
    # Somewhat more were submitted than learned from.
    assert rows[0]["other_ms_per_rule"] == pytest.approx(250, rel=0.2) and rows[0]["algorithm_ms_per_rule"] == 0


def test_what_is_charged_depends_on_the_sleep():
    pool = VirtualWorkers(1, read_clock=lambda: 0.0, charge=lambda seconds: seconds / 10)
    for seconds in (1.0, 3.0):
        pool.submit(seconds)
    assert pool.process_time() == pytest.approx(0.4) and pool.time() == pool.process_time()


def test_a_parent_that_is_late_finds_all_that_ended_meanwhile():
    now = iter([0.0, 0.0, 0.0, 0.0, *[7.0] * 9])
    pool = VirtualWorkers(2, read_clock=lambda: next(now), charge=lambda seconds: 0.0)
    futures = [pool.submit(seconds) for seconds in (5.0, 6.0, 1.0, 9.0)]
    pool.wait()
    assert [future.done() for future in futures] == [True, True, True, False]
    # The third began when the first worker was free, not when the parent looked.
    assert [future.result().rewards for future in futures[:3]] == [(0.0, 5.0), (0.0, 6.0), (5.0, 6.0)]
    pool.wait()
    assert futures[3].result().rewards == (6.0, 15.0) and pool.time() == pytest.approx(15.0)


def test_an_algorithm_is_timed_and_else_as_it_is():
    ticks = itertools.count()
    space = search_space("arxiv2017_no_decay", 1)
    timed, plain = Timed(RandomSearch(space, 0), lambda: next(ticks)), RandomSearch(space, 0)
    proposal = timed.propose(4)
    assert proposal == plain.propose(4) and timed.spent == 1
    timed.learn(proposal, [])
    timed.save()
    assert timed.restore() == 0 and timed.spent == 3


def test_a_sleep_counts_as_far_as_it_lies_within_the_measurement():
    slept = [(0.0, 1.0), (1.0, 3.0), (2.5, 3.5), (3.0, 9.0), (5.0, 6.0)]
    assert count_seconds(slept, 2.0, 4.0) == pytest.approx(0.0 + 1.0 + 1.0 + 1.0 + 0.0)


def test_a_rule_always_takes_the_same_time_and_has_the_same_reward():
    pool = free(1)
    sleeper = Sleeper(pool, [1.0, 2.0, 3.0, 4.0])
    futures = [sleeper.submit(parse_formula(formula)) for formula in ("g * m", "sign(g)", "g * m")]
    for _ in futures:
        pool.wait()
    first, other, again = (future.result() for future in futures)
    assert (again.seconds, again.reward) == (first.seconds, first.reward)
    assert other.reward != first.reward
    assert sum(end - began for began, end in sleeper.slept) == pool.time()


class Worker(Sleeping):
    """Sleeps in the thread that waits for it."""

    started, progress, needs_place = True, None, False

    def measure(self, rule, seconds, ask=MEASURE):
        return Measured(scaling.real.write_sleep(*super().measure(rule)))

    def stop(self):
        pass


def test_real_workers_sleep_part_of_the_time():
    row = measure(Worker, Asked(2, LOCK_STEP), [0.001], seconds=0)
    assert 0.0 < row["efficiency"] <= 1.0 and row["seconds"] > 0.0
    assert row["algorithm_ms_per_rule"] > 0.0 and row["other_ms_per_rule"] > 0.0


def test_the_durations_were_measured():
    durations = scaling.read_durations()
    assert len(durations) > 200 and 10 < sum(durations) / len(durations) < 30


def test_the_limit_by_hand():
    # One worker never waits; of four with batches of ten as long as each other, two are free in the last round.
    assert compute_limit([2.0, 5.0], 1, LOCK_STEP) == 1.0
    assert compute_limit([3.0], 4, LOCK_STEP) == pytest.approx(10 / 12)
    assert compute_limit([2.0, 5.0], 4, ASYNCHRONOUS) == 1.0
    # Two workers and batches of eight: one draw of one batch, scheduled by hand in its order.
    draw = np.random.default_rng(0).choice([1.0, 4.0], 8)
    free_at = [0.0, 0.0]
    for seconds in draw:
        free_at[int(free_at[1] < free_at[0])] += seconds
    expected = draw.sum() / 2 / max(free_at)
    assert compute_limit([1.0, 4.0], 2, "synchronous, batch 4 x workers", batches=1) == pytest.approx(expected)
    # A pipeline is as good as no waiting where all take as long, and waits as long as a batch where it runs empty.
    assert compute_limit([3.0], 4, PIPELINED) == pytest.approx(1.0)
    assert compute_limit([1.0, 4.0], 4, PIPELINED, batches=1) == compute_limit(
        [1.0, 4.0], 4, "synchronous, batch 4 x workers", batches=1
    )
    assert compute_limit([1.0, 4.0], 4, PIPELINED) > compute_limit([1.0, 4.0], 4, "synchronous, batch 4 x workers")


def test_the_difference_of_both_is_of_as_many_workers_and_the_same_mode():
    rows = [
        dict(workers=workers, mode=mode, by=by, efficiency=efficiency)
        for workers, mode, by, efficiency in [
            (16, "a", scaling.MEASURED, 0.90),
            (16, "a", scaling.MEASURED, 0.94),
            (16, "a", scaling.SIMULATED, 0.93),
            (16, "b", scaling.SIMULATED, 0.5),
            (64, "a", scaling.MEASURED, 0.7),
        ]
    ]
    (found,) = scaling.find_differences(rows)
    assert (found["workers"], found["mode"]) == (16, "a") and found["difference"] == pytest.approx(0.01)


@marks.only_long("The simulation itself is tested above.")
def test_the_command_simulates_without_ray(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.studies.scaling.real.start_ray", None)
    config = scaling.Config(workers=(), simulated=(3,), modes=(LOCK_STEP,), seconds=1, repeats=2)
    figures = scaling.run(config)
    assert [(row["workers"], row["repeat"], row["by"]) for row in figures["rows"]] == [
        (3, 0, scaling.SIMULATED), (3, 1, scaling.SIMULATED)
    ]  # fmt: skip
    assert "| 3 | synchronous, batch 10 | simulated | " in capsys.readouterr().out
    assert figures["differences"] == [] and set(config.modes) < set(MODES)
