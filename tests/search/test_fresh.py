"""The best rules and the known optimizers with fresh seeds: which, with which seeds, once each, in one ledger."""

import concurrent.futures
import contextlib
import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.fresh import FreshSeeds, choose_contenders, choose_seeds
from neural_optimizer_search.search.ranking import read_ranking
from neural_optimizer_search.workers.executor import Executor, TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = pytest.mark.once

KNOWN = ("g", "m", "Adam")
# A dozen behaviours that differ much, the first of which is the best.
FOUND = [
    form.format(x) for x in ("g", "m", "sign(g)", "sign(m)") for form in ("{} * sqrt(w)", "{} * w", "drop({}, 0.5)")
]
BAD = {"diverged": ("exp(g)", None), "stopped": ("g * sqrt(m)", 0.1)}


@pytest.fixture
def ledger(tmp_path):
    with contextlib.closing(Ledger(tmp_path / "ledger.sqlite", {"baselines": "sgd,momentum,adam"})) as ledger:
        for formula in KNOWN:
            ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), 0.5), "baseline")
        for i, formula in enumerate(FOUND):
            ledger.add_evaluation(fakes.fake_evaluation(parse_formula(formula), 0.7 - i / 100), "search")
        for status, (formula, rate) in BAD.items():
            evaluation = fakes.fake_evaluation(parse_formula(formula), 0.8)
            ledger.add_evaluation(dataclasses.replace(evaluation, status=status, learning_rate=rate), "search")
        yield ledger


class Noting(fakes.FakeEvaluator):
    def __init__(self):
        super().__init__()
        self.asked = []

    def measure_again(self, rule, **how):
        self.asked.append((rule.formula(), how["seeds"]))
        return super().measure_again(rule, **how)


def measure(ledger, seeds, evaluator=None):
    """What was asked: (formula, seeds)."""
    evaluator = evaluator or Noting()
    fresh = FreshSeeds(InProcess(evaluator), ledger, choose_contenders(read_ranking(ledger)), seeds)
    fresh.measure()
    return evaluator.asked


def test_the_ten_best_and_the_known_once_each(ledger):
    assert measure(ledger, (1000, 1001)) == [(formula, (1000, 1001)) for formula in (*KNOWN, *formulas(FOUND[:10]))]
    assert measure(ledger, (1000, 1001)) == []
    fresh = ledger.fresh_evaluations()
    assert len(fresh) == 13 and {e.seeds for e in fresh.values()} == {(1000, 1001)}
    assert set(fresh) <= {e.key for e in ledger.evaluations()}


def formulas(texts):
    return [parse_formula(text).formula() for text in texts]


def test_more_seeds_are_measured_alone_and_joined(ledger):
    measure(ledger, (1000, 1001))
    assert {seeds for _, seeds in measure(ledger, (1000, 1001, 1002))} == {(1002,)}
    for evaluation in ledger.fresh_evaluations().values():
        assert evaluation.curves == tuple((0.5 * reward, reward) for reward in evaluation.rewards)
        assert evaluation.seeds == (1000, 1001, 1002) and evaluation.status == "ok"
        assert evaluation.reward == sum(evaluation.rewards) / 3 and len(evaluation.rewards) == 3
    assert measure(ledger, (1000,)) == []


def test_seeds_without_curves_leave_none(ledger):
    """A ledger from before curves were kept says nothing about the trainings that it already has."""
    measure(ledger, (1000,))
    for evaluation in ledger.fresh_evaluations().values():
        ledger.add_fresh(dataclasses.replace(evaluation, curves=()))
    measure(ledger, (1000, 1001))
    assert {(e.curves, e.seeds) for e in ledger.fresh_evaluations().values()} == {((), (1000, 1001))}


def test_a_larger_budget_has_only_new_rules_measured(ledger):
    measure(ledger, (1000,))
    ledger.add_evaluation(fakes.fake_evaluation(parse_formula("RMSProp"), 0.9), "search")
    assert measure(ledger, (1000,)) == [("RMSProp", (1000,))]
    # What is no longer among the ten has its old place, as if it had never been.
    shown = [one for one in read_ranking(ledger).found if one.fresh]
    assert len(shown) == 10 and parse_formula(FOUND[9]) not in [one.rule for one in shown]


class Stops(Exception):
    pass


def test_what_was_measured_before_it_was_stopped_is_not_done_again(ledger):
    class Stopped(Noting):
        def measure_again(self, rule, **how):
            if len(self.asked) == 5:
                raise Stops
            return super().measure_again(rule, **how)

    with pytest.raises(Stops):
        measure(ledger, (1000,), Stopped())
    assert len(ledger.fresh_evaluations()) == 5
    assert len(measure(ledger, (1000,))) == 8


@pytest.mark.parametrize("status", ["timeout", "failed"])
def test_what_cannot_be_measured_has_the_reward_0(ledger, status):
    class Failing(Noting):
        def measure_again(self, rule, **how):
            return without_reward(rule, status, "It took too long.")

    measure(ledger, (1000, 1001), Failing())
    fresh = ledger.fresh_evaluations()
    assert {(e.status, e.reward, e.rewards, e.learning_rate) for e in fresh.values()} == {
        (status, 0.0, (0.0, 0.0), 0.1)
    }
    # And is not tried for ever.
    assert measure(ledger, (1000, 1001)) == []
    measure(ledger, (1000, 1001, 1002))
    joined = next(iter(ledger.fresh_evaluations().values()))
    assert joined.status == status and joined.message == "It took too long." and joined.rewards[:2] == (0.0, 0.0)


class Late(Executor):
    """Measures when it is waited for, the last rule first, and notes how many times longer each may take."""

    def __init__(self):
        self.patience, self._pending = set(), []

    def submit(self, rule, ask=None):
        self.patience.add(ask.patience)
        future = concurrent.futures.Future()
        self._pending.append((future, rule, ask))
        return future

    @property
    def longest_work(self):
        future, rule, ask = self._pending.pop()
        future.set_result(ask.answer(fakes.FakeEvaluator(), rule))
        return None


def test_the_order_in_which_workers_are_done_changes_nothing(ledger, tmp_path, monkeypatch):
    monkeypatch.setattr("neural_optimizer_search.search.waiting.TELL_SECONDS", 0.0)
    late, seeds = Late(), (1000, 1001)
    late.timeout = 60.0
    FreshSeeds(late, ledger, choose_contenders(read_ranking(ledger)), seeds).measure()
    there = ledger.fresh_evaluations()
    measure(ledger, seeds)
    assert there == ledger.fresh_evaluations() and len(there) == 13
    # The search trained each with one seed, here it is two.
    assert late.patience == {2.0} and late.timeout == 60.0


def test_no_seed_is_one_of_the_protocol():
    assert choose_seeds(4, (0, 1, 2)) == (1000, 1001, 1002, 1003)
    assert choose_seeds(4, range(1100)) == (1100, 1101, 1102, 1103)
    assert choose_seeds(0, ()) == ()


def test_a_task_that_fails_says_so(ledger):
    class Broken(Late):
        def submit(self, rule, ask=None):
            future = concurrent.futures.Future()
            future.set_exception(TaskFailed("no data"))
            return future

    with pytest.raises(TaskFailed, match="no data"):
        FreshSeeds(Broken(), ledger, choose_contenders(read_ranking(ledger)), (1000,)).measure()
