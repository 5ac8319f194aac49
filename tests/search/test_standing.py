"""Rules that behave alike have one evaluation."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.measuring.racing import Bar
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.alike import record_descent
from neural_optimizer_search.search.ranking import read_probes
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.standing import Standing
from neural_optimizer_search.tasks.protocol import Racing
from neural_optimizer_search.workers.executor import Ask, TaskFailed
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = pytest.mark.once

ADAM = parse_formula("Adam")
# Other functions, which behave like Adam.
DISGUISES = [parse_formula(f"Adam - clip(clip(v, 1e-{i}), 1e-{i})") for i in (4, 5)]
OTHERS = [parse_formula(text) for text in ("g", "sign(m)")]
SCREEN = Screen()


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite", {})


def open_behaviours(executor, ledger):
    assert record_descent(executor, ledger)
    return Behaviours(read_probes(ledger))


def open_recorder(ledger, evaluate=fakes.fake_evaluation, cache=None, racing=None):
    """A recorder, and the rules that it had measured."""
    asked = []

    def measure(rule):
        asked.append(rule)
        return evaluate(rule)

    executor = InProcess(fakes.FakeEvaluator(measure))
    standing = Standing(open_behaviours(executor, ledger), racing)
    return EvaluationRecorder(executor, ledger, SCREEN, cache, standing=standing), asked


def test_the_disguises_are_others_to_the_screen():
    assert len({SCREEN(rule).key for rule in (ADAM, *DISGUISES)}) == 3


def test_of_alike_rules_one_is_measured(ledger):
    recorder, asked = open_recorder(ledger)
    batch = [*OTHERS, DISGUISES[0], ADAM, DISGUISES[1], DISGUISES[0]]
    found = recorder(batch)
    ledger.add_samples(0, found)
    assert asked == batch[:3] and recorder.trained == 3
    assert [e.rule for e in found] == batch
    assert [e.alike for e in found] == [False, False, False, True, True, False]
    key = SCREEN(DISGUISES[0]).key
    assert [e.key for e in found[2:]] == [key] * 4 and len({e.reward for e in found[2:]}) == 1
    assert [sample.alike for sample in ledger.samples()] == [e.alike for e in found]
    assert ledger.count_alike() == {key: 2}
    counts = ledger.counts()
    assert {name: counts[name] for name in ("sampled", "trained", "alike", "repeated")} == dict(
        sampled=6, trained=3, alike=2, repeated=1
    )


def test_a_disguise_of_a_known_optimizer_has_its_evaluation(ledger):
    recorder, asked = open_recorder(ledger)
    (known,) = recorder([ADAM], role="baseline")
    found = recorder(DISGUISES)
    ledger.add_samples(0, found)
    assert asked == [ADAM] and recorder.trained == 0
    assert {(e.key, e.reward, e.alike) for e in found} == {(known.key, known.reward, True)}
    assert ledger.counts()["sampled"] == ledger.counts()["alike"] == 2


def test_known_optimizers_are_measured_each(ledger):
    recorder, asked = open_recorder(ledger)
    assert not any(e.alike for e in recorder([DISGUISES[0], ADAM], role="baseline"))
    assert asked == [DISGUISES[0], ADAM]


def fail_with_adam(rule):
    return without_reward(rule, "failed", "It failed.") if rule == ADAM else fakes.fake_evaluation(rule)


def test_what_failed_stands_for_no_other_rule(ledger):
    """From the next batch on: within one it is chance whether the failure is known."""
    recorder, asked = open_recorder(ledger, fail_with_adam)
    first, second = recorder([ADAM, DISGUISES[0]]), recorder([DISGUISES[0]])
    assert [e.status for e in (*first, *second)] == ["failed", "failed", "ok"]
    assert asked == [ADAM, DISGUISES[0]]


def test_what_failed_stands_for_others_as_before_when_the_search_was_broken_off(ledger):
    open_recorder(ledger, fail_with_adam)[0].start([ADAM])
    recorder, asked = open_recorder(ledger, fail_with_adam)
    recorder.recall()
    assert [e.status for e in recorder([ADAM, DISGUISES[0]])] == ["failed", "failed"] and not asked


def test_the_budget_ends_within_a_batch_of_alike_rules(ledger):
    recorder, asked = open_recorder(ledger)
    batch = recorder.start([OTHERS[0], ADAM, DISGUISES[0]], most=1)
    assert asked == [OTHERS[0]] and not recorder.is_finished(batch)
    # Nothing is left of the one that was not measured.
    assert recorder([DISGUISES[0], ADAM])[1].key == SCREEN(DISGUISES[0]).key
    assert asked == [OTHERS[0], DISGUISES[0]]
    assert recorder.is_finished(recorder.start([OTHERS[0], ADAM, DISGUISES[1]], most=0))


def test_a_resumed_search_recalls_what_it_had_joined(ledger):
    recorder, _ = open_recorder(ledger)
    ledger.add_samples(0, recorder([DISGUISES[0], ADAM]))
    recorder, asked = open_recorder(ledger)
    recorder.recall()
    (again,) = recorder([DISGUISES[1]])
    assert (again.key, again.alike, asked) == (SCREEN(DISGUISES[0]).key, True, [])


def test_what_is_cached_stands_for_others_and_nothing_stopped_is_cached(ledger, tmp_path):
    path, spelled = tmp_path / "cache.sqlite", parse_formula("2 * Adam")
    assert SCREEN(spelled).key == SCREEN(ADAM).key
    cache = EvaluationCache(path, "a task", lambda rule: SCREEN(rule).key, print)

    def stop_sgd(rule):
        evaluation = fakes.fake_evaluation(rule)
        return dataclasses.replace(evaluation, status="stopped") if rule == OTHERS[0] else evaluation

    open_recorder(Ledger(tmp_path / "before.sqlite", {}), stop_sgd, cache)[0]([OTHERS[0], spelled])
    recorder, asked = open_recorder(ledger, cache=cache)
    found = recorder([OTHERS[0], ADAM, *DISGUISES])
    assert asked == [OTHERS[0]]
    assert [(e.cached, e.alike) for e in found] == [(False, False), (True, False), (True, True), (True, True)]
    # As it was spelled here: so this search knows it, whether another had measured it or not.
    assert ledger.evaluations()[1].rule == ADAM


def test_alike_rules_without_a_screen(tmp_path):
    ledger, executor = Ledger(tmp_path / "ledger.sqlite", {}), fakes.fake_executor
    recorder = EvaluationRecorder(executor, ledger, standing=Standing(open_behaviours(executor, ledger)))
    rules = [parse_formula(text) for text in ("Adam", "-Adam", "2 * Adam", "g - g", "m - m", "log(g - g)")]
    assert [e.alike for e in recorder(rules)] == [False, False, True, False, False, False]


# -- The gradients of the task -------------------------------------------------------------------------------------


def test_the_descent_is_recorded_once(ledger):
    asked = []

    class Counting(fakes.FakeEvaluator):
        def record_descent(self, rule):
            asked.append(rule)
            return super().record_descent(rule)

    for _ in range(2):
        assert record_descent(InProcess(Counting()), ledger) and ledger.run.descent is not None
    assert asked == [ADAM]


class NothingFinite(fakes.FakeEvaluator):
    def record_descent(self, rule):
        return dict(gradients=[], weights=[], shapes=[], sizes=[])


class Failing(fakes.FakeEvaluator):
    def record_descent(self, rule):
        return without_reward(rule, "failed", "OSError: no shard 7. Tried twice.")


def test_a_task_whose_first_gradients_tell_nothing(ledger):
    assert not record_descent(InProcess(NothingFinite()), ledger) and ledger.run.descent is None


def test_a_task_whose_gradients_cannot_be_recorded(ledger):
    with pytest.raises(TaskFailed, match="first gradients of the task cannot be recorded: OSError: no shard 7"):
        record_descent(InProcess(Failing()), ledger)


# -- The bar -------------------------------------------------------------------------------------------------------


def test_the_bar_is_of_what_was_learned_from():
    """In order of what was learned from; rules in work, and those that were stopped, do not count."""

    def make(i, reward, status="ok"):
        made = dataclasses.replace(fakes.fake_evaluation(ADAM, reward), key=str(i), sweep_reward=reward)
        return dataclasses.replace(made, status=status)

    standing = Standing(racing=Racing(best=2))
    assert standing.bar is None
    for i, (reward, status) in enumerate([(0.5, "ok"), (0.9, "stopped"), (0.0, "diverged")]):
        standing.settle(make(i, reward, status))
        assert standing.bar is None
    standing.settle(make(3, 0.4))
    assert standing.bar.reward == 0.4
    standing.settle(make(3, 0.4))
    standing.settle(make(4, 0.7))
    assert standing.bar.reward == 0.5
    assert Standing().bar is None


def test_the_bar_is_added_to_the_request(ledger):
    asked = []

    class Noting(InProcess):
        def submit(self, rule, ask):
            asked.append(ask)
            return super().submit(rule)

    measure, standing = Ask(arguments={"scales": {"a": (0.0, 1.0)}}, patience=3.0), Standing(racing=Racing(best=2))
    recorder = EvaluationRecorder(Noting(fakes.FakeEvaluator()), ledger, standing=standing, measure=measure)
    recorder(OTHERS, role="baseline")
    recorder(DISGUISES[:1])
    recorder([ADAM], role="baseline")
    bar = asked[2].arguments["bar"]
    with_bar = dataclasses.replace(measure, arguments={**measure.arguments, "bar": bar})
    assert asked == [measure, measure, with_bar, measure] and isinstance(bar, Bar)
