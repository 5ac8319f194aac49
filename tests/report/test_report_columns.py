"""What is gathered in one pass is what the whole lists give, as they would be asked one question after another."""

import dataclasses
import itertools
from collections import Counter

import ledgers
import numpy as np
import pytest

from neural_optimizer_search.records.ledger import Sample
from neural_optimizer_search.records.run_directory import rank
from neural_optimizer_search.report import statistics as stats
from neural_optimizer_search.report.axes import is_plottable
from neural_optimizer_search.report.columns import AGAIN, NEW, TUNED, EvaluationFigures, History, Ranked
from neural_optimizer_search.report.run import read

STATUSES = ("ok", "ok", "stopped", "diverged", "failed", "timeout")
REWARDS = (0.0, 0.25, 0.5, 0.75, 1.0, 1e300)  # many are equal; the last has no place on an axis


def make_found(rng, count):
    return [
        dataclasses.replace(
            ledgers.found()[0],
            reward=float(rng.choice(REWARDS)),
            status=str(rng.choice(STATUSES)),
            message=f"Message {rng.integers(3)}.",
            cached=bool(rng.random() < 0.2),
            seconds=float(rng.random()),
            steps=int(rng.integers(5)),
            key=f"key {number}",
        )
        for number in range(count)
    ]


def make_samples(rng, found, count):
    chosen = rng.integers(-len(found), len(found), size=count)  # below 0: the screen stopped it
    return [
        Sample(0, found[k].rule, found[k].reward, found[k].key) if k >= 0 else Sample(0, found[0].rule, 0.0, "")
        for k in chosen
    ]


@pytest.fixture(params=range(8))
def rng(request):
    return np.random.default_rng(request.param)


def test_measured(rng):
    found = make_found(rng, 60)
    measured, trained = EvaluationFigures(found), [e for e in found if not e.cached]
    assert list(measured.rewards) == [e.reward for e in found]
    assert list(measured.seconds) == [e.seconds for e in trained]
    assert measured.statuses == Counter(e.status for e in trained)
    assert measured.failures == Counter((e.status, e.message) for e in trained if e.status not in ("ok", "stopped"))
    assert measured.stages == Counter(len(e.rewards) for e in found if e.status == "stopped")
    assert measured.stopped == {e.key for e in found if e.status == "stopped"}
    assert {status: n for status, n in measured.steps.items() if n} == {
        status: n for status in STATUSES if (n := sum(e.steps for e in found if e.status == status and not e.cached))
    }
    works = [e for e in found if e.status == "ok" or (e.status == "diverged" and e.reward > 0)]
    top = Ranked(found, measured.working, measured.rewards)
    assert top == rank(works) and top[:7] == rank(works)[:7] and top[-1] == rank(works)[-1]


def test_history(rng):
    samples = make_samples(rng, make_found(rng, 30), 200)
    history, expected, seen = History(samples), [], set()
    for number, sample in enumerate(samples, 1):
        if not sample.screened:
            if is_plottable(sample.reward):
                expected.append(
                    (number, sample.rule, sample.reward, AGAIN if sample.key in seen else NEW, sample.key)
                )
            seen.add(sample.key)
    assert [tuple(point) for point in history] == expected
    assert [samples[place].screened for place in history.screened] == [True] * sum(s.screened for s in samples)
    assert [history.numbers[place] for place in history.best_places] == [number for number, _ in history.best_so_far]


def test_what_was_tuned_is_among_the_best_so_far():
    found = ledgers.found()[:3]
    samples = [Sample(step, e.rule, e.reward, e.key) for step, e in ((0, found[1]), (1, found[1]), (3, found[2]))]
    of_rule, of_known = ledgers.tuned()
    failed = dataclasses.replace(of_rule, status="diverged", reward=0.9)
    tuned = [(9, of_rule), (2, of_rule), (2, of_known), (2, failed)]
    history = History(samples, known={of_known.form}, tuned=tuned)
    assert [(point.number, point.kind, measured) for point, measured in history.tuned] == [
        (2, TUNED, 1),
        (3, TUNED, 2),
    ]
    assert history.best_so_far == [(1, found[1].reward), (2, of_rule.reward), (3, of_rule.reward)]
    assert len(history) == 3  # nobody sampled it


def test_improvements_and_means(rng):
    pairs = list(enumerate(rng.choice(REWARDS, 50).tolist(), 1))
    drawn = [(number, reward) for number, reward in pairs if is_plottable(reward)]
    best = list(itertools.accumulate((reward for _, reward in drawn), max))
    rises = [(drawn[i][0], best[i]) for i in range(len(drawn)) if i == 0 or best[i] > best[i - 1]]
    assert stats.improvements(iter(pairs)) == [*rises, (drawn[-1][0], best[-1])]

    numbers, rewards = zip(*drawn)
    sums = [0.0, *itertools.accumulate(rewards)]
    means = [(numbers[i - 1], (sums[i] - sums[i - 5]) / 5) for i in range(5, len(sums))]
    for most in (3, 20, 1000):
        assert stats.moving_mean(numbers, rewards, 5, most) == stats.thin_out(means, most)


def test_a_page_needs_no_list_of_all(tmp_path, monkeypatch):
    directory = ledgers.write(tmp_path / "run", ledgers.found(), ledgers.known(), screened_out=3)

    def refuse(*arguments):
        raise AssertionError("A long search has more evaluations than memory should hold.")

    monkeypatch.setattr("neural_optimizer_search.records.ledger.Ledger.samples", refuse)
    run = read(directory)
    assert (len(run.found), len(run.samples)) == (8, 19)
    assert run.found[2:4] == ledgers.found()[2:4]
    assert run.samples[-1].rule == run.found[-1].rule
