"""The loop of a search: what it trains, what it records, and what ends it."""

import concurrent.futures

import fakes
import numpy as np
import pytest

from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records import ledger as ledger_module
from neural_optimizer_search.records.counts import Counts
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import IDLE_STEPS, STEPS_PER_SAVE, rewind, search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.executor import MEASURE, Executor
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = pytest.mark.once

SPACE = search_space("signs", depth=1)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite", {})


def run(ledger, budget, executor=fakes.fake_executor, seed=0):
    algorithm = RandomSearch(SPACE, seed, ledger.steps, BatchSizes(5))
    return list(search(algorithm, EvaluationRecorder(executor, ledger), ledger, Limits(budget)))


def test_score_keeps_the_order_and_trains_each_function_once(ledger):
    trained = []
    score = EvaluationRecorder(
        fakes.fake_executor, ledger, on_evaluation=lambda evaluation: trained.append(evaluation.rule)
    )
    rules = [parse_formula(text) for text in ("g * m", "m * g", "sign(g)", "g * m")]
    assert [e.rule for e in score(rules)] == rules
    assert len(trained) == score.trained == 2
    assert [e.reward for e in score(rules)] == [fakes.fake_evaluation(rule).reward for rule in rules]
    assert score.trained == 2


def test_baselines_do_not_count(ledger):
    score = EvaluationRecorder(fakes.fake_executor, ledger)
    score([parse_formula("g")], role="baseline")
    assert score.trained == 0
    score([parse_formula("g"), parse_formula("m")])
    assert score.trained == 1
    assert EvaluationRecorder(fakes.fake_executor, ledger).trained == 1


def test_a_search_that_goes_on_reads_each_evaluation_once(ledger, monkeypatch):
    run(ledger, 12)
    read, rows = [], ledger_module.from_row
    monkeypatch.setattr(ledger_module, "from_row", lambda row: read.append(row["key"]) or rows(row))
    EvaluationRecorder(fakes.fake_executor, ledger)
    assert len(read) == len(set(read)) == ledger.counts()["trained"] == 12


def test_each_evaluation_is_recorded_at_once(ledger):
    seen = []

    def measure(rule):
        seen.append(len(ledger.evaluations()))
        return fakes.fake_evaluation(rule)

    EvaluationRecorder(InProcess(measure), ledger)([parse_formula(text) for text in ("g", "m", "g * m")])
    assert seen == [0, 1, 2]


def test_search_trains_the_budget(ledger):
    steps = run(ledger, 23)
    assert len(ledger.evaluations("search")) == ledger.counts()["trained"] == 23
    # The step in which the budget ended is none.
    assert [step.number for step in steps] == list(range(len(steps)))
    assert len(ledger.samples()) == 5 * len(steps) and steps[-1].trained == ledger.trained < 23


@pytest.mark.parametrize(("ahead", "pipeline"), [(0, 0), (0, 1), (0, 3), (12, 0)])
@pytest.mark.parametrize("budget", [1, 5, 13, 20, 23])
def test_a_budget_is_met_exactly_and_may_grow(tmp_path, budget, ahead, pipeline):
    """Whatever part of a proposal it ends in, and however many proposals are in work."""

    def run(ledger, budget):
        if pipeline:
            rewind(ledger)
        algorithm = RandomSearch(SPACE, 0, ledger.steps, BatchSizes(5))
        with InThread() as executor:
            recorder = EvaluationRecorder(executor, ledger, screen=Screen())
            for step in search(algorithm, recorder, ledger, Limits(budget), ahead, pipeline=pipeline):
                assert recorder.trained <= budget and len(step.evaluations) == 5
        counts = ledger.counts()
        assert counts["trained"] == recorder.trained == len(ledger.evaluations("search")) == budget
        assert counts["sampled"] == sum(counts[name] for name in ("screened", "repeated", "cached", "trained"))
        assert min(counts.values()) >= 0 and counts["sampled"] - len(ledger.samples()) < max(5, ahead)
        assert counts == Counts(ledger._db).as_dict()

    whole, grown = Ledger(tmp_path / "whole", {}), Ledger(tmp_path / "grown", {})
    run(whole, 40)
    for part in (budget, budget, 40):
        run(grown, part)
    # They are recorded as they are seen to be done, which for two at once is in either order.
    first, second = (sorted(kept.evaluations(), key=lambda e: e.key) for kept in (grown, whole))
    assert first == second and grown.counts() == whole.counts()
    if ahead:  # which proposal is learned from first, is chance
        assert sorted(s.rule.formula() for s in grown.samples()) == sorted(s.rule.formula() for s in whole.samples())
    else:
        assert grown.samples() == whole.samples()


def test_a_smaller_budget_than_was_measured_trains_nothing(ledger):
    """With `ahead`, rules that were measured, but not learned from, are not proposed again."""
    EvaluationRecorder(fakes.fake_executor, ledger)([parse_formula(text) for text in ("g", "m", "v", "g * m")])
    algorithm, recorder = RandomSearch(SPACE, 0, sizes=BatchSizes(5)), EvaluationRecorder(fakes.fake_executor, ledger)
    list(search(algorithm, recorder, ledger, Limits(2), ahead=12))
    assert recorder.trained == len(ledger.evaluations("search")) == 4


class InThread(Executor):
    """Measures one rule after the other, in a thread."""

    def __init__(self):
        self._thread = concurrent.futures.ThreadPoolExecutor(1)

    def submit(self, rule, ask=MEASURE):
        return self._thread.submit(ask.answer, fakes.FakeEvaluator(), rule)

    def close(self):
        self._thread.shutdown()


def test_what_the_budget_leaves_is_not_looked_up(ledger, tmp_path):
    """Repeats, and what the screen stops, are free also where no more is trained."""
    recorder = EvaluationRecorder(fakes.fake_executor, ledger, screen=Screen())
    rules = [parse_formula(text) for text in ("g", "-g", "g^2", "m", "2 * g", "v * g", "m * g", "g")]
    batch = recorder.start(rules, most=2)
    assert not recorder.is_finished(batch) and recorder.pending_count == 0
    assert [e.rule.formula() for e in ledger.evaluations()] == ["g", "m"]
    assert recorder.is_finished(recorder.start(rules[:5], most=0))
    assert not recorder.is_finished(recorder.start(rules, most=0)) and recorder.trained == 2


class Stop(Exception):
    pass


def stopping(after):
    """An executor that breaks down within a batch."""
    count = iter(range(after))

    def measure(rule):
        if next(count, None) is None:
            raise Stop
        return fakes.fake_evaluation(rule)

    return InProcess(measure)


@pytest.mark.parametrize("after", [0, 1, 7, 18])
def test_a_search_that_broke_down_goes_on_as_if_it_had_not(tmp_path, after):
    whole = Ledger(tmp_path / "whole.sqlite", {})
    run(whole, 30)
    broken = Ledger(tmp_path / "broken.sqlite", {})
    with pytest.raises(Stop):
        run(broken, 30, stopping(after))
    assert len(broken.evaluations()) == after
    run(broken, 30)
    assert broken.samples() == whole.samples()
    rewards, expected = ({e.rule.canonical(): e.reward for e in ledger.evaluations()} for ledger in (broken, whole))
    assert rewards == expected


class Saving(Algorithm):
    """Proposes rule after rule, and remembers how many only where it has saved."""

    def __init__(self, saved=0):
        self.saved = self.number = saved

    def propose(self, number):
        rules = SPACE.sample(np.random.default_rng(number), 3)
        return Proposal([SPACE.decode(tokens) for tokens in rules])

    def learn(self, proposal, evaluations):
        self.number += 1

    def save(self):
        self.saved = self.number

    def restore(self):
        self.number = self.saved
        return self.saved


@pytest.mark.parametrize("killed_at", [1, STEPS_PER_SAVE - 1, STEPS_PER_SAVE, STEPS_PER_SAVE + 3, "the end"])
def test_steps_after_the_last_save_are_done_again_without_training(tmp_path, killed_at):
    def run(ledger, algorithm, budget=60):
        yield from search(algorithm, EvaluationRecorder(InProcess(measure), ledger), ledger, Limits(budget))

    trained = []

    def measure(rule):
        trained.append(rule)
        return fakes.fake_evaluation(rule)

    whole, broken = (Ledger(tmp_path / name, {}) for name in ("whole", "broken"))
    algorithm = Saving()
    steps = list(run(whole, algorithm))
    assert len(steps) > STEPS_PER_SAVE + 3 and algorithm.saved == len(steps)
    algorithm, count = Saving(), len(trained)
    for step in run(broken, algorithm):
        if step.number + 1 == (len(steps) if killed_at == "the end" else killed_at):
            break
    # It saves when it has proposed the next, so not yet where a step has just ended.
    assert algorithm.saved == (algorithm.number - 1) // STEPS_PER_SAVE * STEPS_PER_SAVE < len(steps)
    list(run(broken, Saving(algorithm.saved)))
    assert broken.samples() == whole.samples() and broken.counts() == whole.counts()
    assert len(trained) == 2 * count


@pytest.mark.parametrize("pipeline", [0, 1])
def test_it_saves_while_workers_have_rules(ledger, pipeline):
    class Later(InProcess):
        def submit(self, rule, ask=MEASURE):
            given.append((concurrent.futures.Future(), rule))
            return given[-1][0]

    class Recorder(EvaluationRecorder):
        def wait(self):
            future, rule = given.pop(0)
            future.set_result(fakes.fake_evaluation(rule))
            super().wait()

    class Watched(Saving):
        def save(self):
            super().save()
            saved[self.number] = len(given)

    given, saved = [], {}
    steps = list(search(Watched(), Recorder(Later(None), ledger), ledger, Limits(90), pipeline=pipeline))
    saved.pop(len(steps), None)  # at the end nobody has any left
    assert len(steps) > 2 * STEPS_PER_SAVE
    assert list(saved) == list(range(STEPS_PER_SAVE, len(steps), STEPS_PER_SAVE))
    assert all(saved.values())


def test_a_search_ends_when_there_is_nothing_new(ledger):
    class Stubborn(Algorithm):
        def propose(self, number):
            return Proposal([parse_formula("g")])

        def learn(self, proposal, evaluations):
            pass

        def save(self):
            pass

        def restore(self):
            return 0

    steps = list(search(Stubborn(), EvaluationRecorder(fakes.fake_executor, ledger), ledger, Limits(10)))
    assert len(steps) == IDLE_STEPS + 1
    assert steps[-1].trained == 1


def test_random_search_depends_on_its_seed(tmp_path):
    proposals = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        ledger = Ledger(tmp_path / name, {})
        run(ledger, 10, seed=seed)
        proposals.append(ledger.samples())
    assert proposals[0] == proposals[1] != proposals[2]


def test_a_screen_spares_what_is_no_optimizer_and_trains_each_function_once(ledger):
    from neural_optimizer_search.measuring.screen import Screen

    score = EvaluationRecorder(fakes.fake_executor, ledger, screen=Screen())
    rules = [parse_formula(text) for text in ("g^2", "g", "2 * g", "-g", "m")]
    evaluations = score(rules)
    assert [e.rule for e in evaluations] == rules
    assert [e.status for e in evaluations] == ["screened", "ok", "ok", "ok", "ok"]
    assert evaluations[0].reward == 0.0 and "descend" in evaluations[0].message
    assert len({e.key for e in evaluations[1:4]}) == 1 and score.trained == 2
    ledger.add_samples(0, evaluations)
    counts = ledger.counts()
    assert (counts["sampled"], counts["screened"], counts["repeated"], counts["trained"]) == (5, 1, 2, 2)


def test_the_flip_of_an_ascending_rule_is_trained(ledger):
    from neural_optimizer_search.measuring.screen import Screen, flip

    trained = []
    rule = parse_formula("-m * exp(v)")
    score = EvaluationRecorder(fakes.fake_executor, ledger, screen=Screen(), on_evaluation=trained.append)
    (evaluation,) = score([rule])
    assert evaluation.rule == rule and evaluation.flipped
    assert [(e.rule, e.flipped) for e in trained] == [(flip(rule), True)]
    assert ledger.evaluations()[0].flipped
