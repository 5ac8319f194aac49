"""Replaying searches on a table, on one with made-up rewards."""

import concurrent.futures
import gzip
import json
import math
import sys

import marks
import numpy as np
import pytest

from benchmarks.studies import depth1_table, search_algorithms
from benchmarks.studies.common import RESULTS
from benchmarks.studies.common.bootstrap import median_interval
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.search_algorithms.kept import FILE, Replayed
from benchmarks.studies.search_algorithms.replay import ALGORITHMS, DEFAULT, LookUp, replay
from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.exhaustive import Exhaustive
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.workers.in_process import InProcess

CONFIG = dict(space="signs", depth=1, unconstrained=True, workers=2)


def made_up(rule):
    rewards = (len(rule.formula()) / 40, 0.5)
    return Evaluation(rule, sum(rewards) / 2, "ok", "Made up.", 0.1, 0.25, rewards, (), 0.0)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    ledger = Ledger(tmp_path_factory.mktemp("run") / "ledger.sqlite", CONFIG)
    algorithm = Exhaustive(search_space("signs", 1).unconstrained())
    for _ in search(algorithm, EvaluationRecorder(InProcess(made_up), ledger, Screen()), ledger, Limits()):
        pass
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def table(ledger, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "table.csv.gz"
    assert depth1_table.write_table(ledger, path) == len(ledger.evaluations())
    return path


def test_what_is_written_is_read(ledger, table):
    read = depth1_table.read_table(table)
    for evaluation in ledger.evaluations():
        told = read[evaluation.key]
        assert told.rule == evaluation.rule
        assert told.reward == pytest.approx(evaluation.reward, abs=1e-5)
        kept = ("status", "learning_rate", "accuracy")
        assert [getattr(told, name) for name in kept] == [getattr(evaluation, name) for name in kept]
    assert depth1_table.read_space(table) == search_space("signs", 1).unconstrained()


def test_the_same_table_is_the_same_file(ledger, table, tmp_path):
    depth1_table.write_table(ledger, tmp_path / "again.csv.gz")
    assert (tmp_path / "again.csv.gz").read_bytes() == table.read_bytes()


@pytest.mark.parametrize(
    "name", ["random", "evolution", pytest.param("local", marks=marks.only_long("It is paid as the others are."))]
)
def test_a_search_is_paid_what_the_table_says(name, table):
    rewards = sorted((e.reward for e in depth1_table.read_table(table).values()), reverse=True)
    sampled, curve = replay(name, 0, len(rewards), table)
    assert sampled > len(curve)
    # Each function once; small as the space is, random search finds nearly all of it.
    assert set(curve) <= set(rewards)
    assert len(curve) <= len(rewards)
    if name == "random":
        assert len(curve) > 0.9 * len(rewards)
    assert curve != sorted(curve, reverse=True)


def test_known_optimizers_are_trained_first_and_counted(table, monkeypatch):
    """Those that the space can spell."""
    study = sys.modules[replay.__module__]
    one = next(e for e in depth1_table.read_table(table).values() if e.rule.depth == 1)  # others are sign flips
    monkeypatch.setattr(study, "make_probes", lambda: [Screen().probe])
    monkeypatch.setattr(study, "KNOWN_OPTIMIZERS", {"Adam": parse_formula("Adam"), "one": one.rule})
    _, curve = replay("local, alike, known", 0, 30, table)
    assert curve[0] == one.reward and len(curve) == 30


def test_what_nos_search_runs_is_among_them():
    assert DEFAULT in ALGORITHMS and f"{DEFAULT}, known" in ALGORITHMS


def test_without_a_screen_useless_rules_are_trained(table):
    _, curve = replay("random, no screen", 0, 50, table)
    assert len(curve) == 50
    assert curve.count(0.0) > 25


def test_a_run_that_never_gets_there_counts_as_endless():
    assert search_algorithms.first_within([0.1, 0.5, 0.9], 0.5) == 2
    assert search_algorithms.first_within([0.1], 0.5) == float("inf")


@pytest.mark.parametrize(
    "counts, median", [([1, 2, 3, 100], 2.5), ([3, 1, 2], 2.0), ([1, 2, math.inf, math.inf], math.inf)]
)
def test_a_median_is_the_mean_of_the_two_in_the_middle(counts, median):
    found, low, high = median_interval(counts, np.random.default_rng(0))
    assert found == median and low <= found <= high


def test_what_a_table_lacks_is_an_error(ledger):
    """A rule that the screen lets pass and the table does not have is no rule of reward 0."""
    look_up = LookUp({})
    with pytest.raises(KeyError):
        look_up(ledger.evaluations()[0].rule)


@pytest.mark.parametrize(
    "data",
    [b"mine", gzip.compress(b"mine"), gzip.compress(b"mine" * 1000)[:30], b""],
    ids=["text", "other", "cut", "empty"],
)
def test_a_file_that_is_no_table_is_not_written_over(tmp_path, data):
    path = tmp_path / "mine.gz"
    path.write_bytes(data)
    ledger = Ledger(tmp_path / "ledger.sqlite", {})
    with pytest.raises(ValueError, match=r"argument --table: .* is not a table of this study, so it is left"):
        depth1_table.write_table(ledger, path)
    assert path.read_bytes() == data


# -- Finished searches -----------------------------------------------------------------------------


@pytest.fixture
def replayed(table, monkeypatch):
    """What was replayed: a search takes a moment here, and stays in this process."""
    done = []

    def replay(name, seed, budget):
        done.append(seed)
        return Replayed(10 * seed, [0.12345, 0.5, 0.25][:budget])

    monkeypatch.setattr(search_algorithms, "replay", replay)
    monkeypatch.setattr(search_algorithms, "process_pool", concurrent.futures.ThreadPoolExecutor)
    monkeypatch.setattr(search_algorithms, "read_table", lambda: depth1_table.read_table(table))
    monkeypatch.setattr(search_algorithms, "plot_searches", lambda *arguments: None)
    return done


def test_a_search_whose_line_is_cut_off_is_made_again(replayed, tmp_path):
    config = search_algorithms.Config(algorithms=("random",), seeds=3, budget=3, workers=1, results=tmp_path / "a/b")
    figures = search_algorithms.run(config)
    (path,) = config.results.iterdir()
    whole = path.read_bytes()
    assert replayed == [100, 101, 102]
    last = json.loads(whole.splitlines()[-1])["of"]["seed"]
    path.write_bytes(whole[:-10])  # in its last reward
    assert search_algorithms.run(config) == figures and path.read_bytes() == whole
    assert replayed == [100, 101, 102, last]


def test_the_shipped_searches_are_whole():
    kept = Kept(RESULTS / FILE, lambda stored: Replayed(**stored), reads_only=True)
    assert {(of["budget"], len(one.curve)) for of, one in kept.items()} == {(1000, 1000), (200, 200)}
