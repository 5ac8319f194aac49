"""The cache that searches share: what is kept, and for whom."""

import dataclasses

import fakes
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records import cache as module
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import FRESH_COLUMNS
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.in_process import InProcess

RULES = [parse_formula(text) for text in ("g", "m * g", "drop(g, 0.3) * exp(sign(g) * sign(m))")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache.sqlite"


def open_cache(path, task=fakes.BLOBS, protocol=fakes.TINY):
    return EvaluationCache(path, task.identity(protocol), Rule.canonical, print)


def test_the_table_is_the_one_that_its_name_says():
    """A file that has a table of this name with other columns is not read: other columns need another name."""
    assert (module.TABLE, *module.COLUMNS) == (
        "evaluations_5", "rule", "key", "reward", "status", "message", "learning_rate", "accuracy", "seconds",
        "worker", "flipped", "cached", "schedule", "weight_decay", "steps", "sweep_reward", "form", "rewards",
        "sweep", "seeds", "parts",
    )  # fmt: skip


def test_all_of_an_evaluation_is_kept_but_whether_it_stands_for_another():
    fields = {field.name for field in dataclasses.fields(Evaluation)}
    assert {*FRESH_COLUMNS} == fields - {"alike"}


def test_what_was_put_is_there_for_others(path):
    evaluation = fakes.fake_evaluation(RULES[2])
    open_cache(path).put(evaluation)
    cache = open_cache(path)
    assert cache.get(evaluation.key) == evaluation
    assert cache.get("another") is None


def test_the_first_one_stays(path):
    cache = open_cache(path)
    for reward in (0.25, 0.5):
        cache.put(fakes.fake_evaluation(RULES[0], reward))
    assert cache.get(RULES[0].canonical()).reward == 0.25


def test_another_task_protocol_or_code_has_entries_of_its_own(path, monkeypatch):
    open_cache(path).put(fakes.fake_evaluation(RULES[0]))
    key = RULES[0].canonical()
    others = (
        (dataclasses.replace(fakes.BLOBS, name="other"), fakes.TINY),
        (fakes.BLOBS, dataclasses.replace(fakes.TINY, seeds=(0,))),
    )
    assert [open_cache(path, task, protocol).get(key) for task, protocol in others] == [None, None]
    monkeypatch.setattr(module, "code_version", lambda: "later")
    assert open_cache(path).get(key) is None


def test_a_search_takes_what_another_has_measured(tmp_path, path):
    def score(name):
        cache = open_cache(path)
        return EvaluationRecorder(InProcess(counting), Ledger(tmp_path / name, {}), cache=cache)

    measured = []

    def counting(rule):
        measured.append(rule)
        return fakes.fake_evaluation(rule)

    first = score("first")
    first(RULES[:2])
    second = score("second")
    evaluations = second(RULES)
    assert measured == [*RULES[:2], RULES[2]]
    assert (first.trained, second.trained) == (2, 1)
    assert [e.cached for e in evaluations] == [True, True, False]
    assert [e.reward for e in evaluations] == [fakes.fake_evaluation(rule).reward for rule in RULES]
    # A resumed search knows which were cached.
    assert EvaluationRecorder(InProcess(counting), second._ledger).trained == 1
    assert second._ledger.counts()["cached"] == 2
