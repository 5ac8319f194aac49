"""Evolution and exhaustive search; random search is tested with the loop."""

import dataclasses
import itertools

import fakes
import numpy as np
import pytest

from neural_optimizer_search import search_space
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import exhaustive as module
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.evolution import Evolution, EvolutionConfig
from neural_optimizer_search.search.exhaustive import Exhaustive
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.search.recorder import EvaluationRecorder

pytestmark = pytest.mark.once

SPACE = search_space("signs", depth=2)
SMALL = EvolutionConfig(batch_size=4, population=8, tournament=3)


def short_is_good(rules):
    """A reward that mutations can climb."""
    return [fakes.fake_evaluation(rule, reward=1.0 / len(rule.canonical())) for rule in rules]


def mean_reward(algorithm, steps=60, last=20):
    return np.mean([e.reward for k in range(steps) for e in fakes.step(algorithm, short_is_good, k)][-4 * last :])


@pytest.mark.parametrize("seed", range(3))
def test_evolution_climbs(seed):
    blind = RandomSearch(SPACE, seed, sizes=BatchSizes(4))
    assert mean_reward(Evolution(SPACE, SMALL, seed)) > 1.5 * mean_reward(blind)


@pytest.mark.parametrize("change", [{"batch_size": 0}, {"population": 2.5}, {"tournament": True}, {"tournament": 9}])
def test_settings_of_evolution_that_are_out_of_range_are_named(change):
    (name,) = change
    with pytest.raises(ValueError, match=f"Argument `{name}` must be "):
        dataclasses.replace(SMALL, **change)


def test_what_the_screen_rejects_does_not_join_the_population():
    evolution = Evolution(SPACE, SMALL, 0)
    for k in range(5):
        fakes.step(evolution, lambda rules: [without_reward(rule, "screened", "No.") for rule in rules], k)
    assert not evolution._population


@pytest.mark.parametrize("cut", [3, 17])
def test_evolution_goes_on_from_its_samples(tmp_path, cut):
    def run(ledger, budget):
        evolution = Evolution(SPACE, SMALL, 5, ledger.samples())
        list(search(evolution, EvaluationRecorder(fakes.fake_executor, ledger), ledger, Limits(budget)))

    whole, broken = Ledger(tmp_path / "whole", {}), Ledger(tmp_path / "broken", {})
    run(whole, 40)
    run(broken, cut)
    run(broken, 40)
    assert broken.samples() == whole.samples()


def test_the_last_samples_are_enough_for_a_population(tmp_path):
    ledger = Ledger(tmp_path / "ledger", {})
    stopped = without_reward(SPACE.decode(SPACE.sample(np.random.default_rng(0), 1)[0]), "screened", "No.")
    for number, rules in enumerate(SPACE.sample(np.random.default_rng(1), 40).reshape(10, 4, -1)):
        ledger.add_samples(number, [*short_is_good([SPACE.decode(tokens) for tokens in rules]), stopped])
    ledger.add_samples(10, [stopped] * 3)
    measured = [(SPACE.encode(s.rule), s.reward) for s in ledger.samples() if not s.screened]

    class Samples(list):
        """A list of which nobody may look at the older ones."""

        def __iter__(self):
            raise AssertionError

        def __reversed__(self):
            return iter(list.__getitem__(self, slice(-1, -20, -1)))

    for samples in (ledger.sample_rows(), Samples(ledger.samples())):
        evolution = Evolution(SPACE, SMALL, 0, samples)
        assert list(evolution._population) == measured[-SMALL.population :]
        assert evolution.restore() == 11


@pytest.mark.parametrize("space", [search_space("signs", 1), search_space("signs", 1).unconstrained()])
def test_exhaustive_proposes_every_legal_string_once(space, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 97)
    exhaustive, seen = Exhaustive(space), []
    for k in itertools.count():
        if (evaluations := fakes.step(exhaustive, short_is_good, k)) is None:
            break
        seen += [e.rule for e in evaluations]
    assert len(seen) == len(set(seen)) == space.size
    assert all(space.is_legal(space.encode(rule)) for rule in seen[::53])


def test_an_exhaustive_search_ends_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BATCH", 200)
    space = search_space("signs", 1)

    def run(ledger, budget):
        recorder = EvaluationRecorder(fakes.fake_executor, ledger)
        list(search(Exhaustive(space, ledger.steps), recorder, ledger, Limits(budget)))

    whole, broken = Ledger(tmp_path / "whole", {}), Ledger(tmp_path / "broken", {})
    run(whole, None)
    run(broken, 100)
    run(broken, None)
    assert [s.rule for s in broken.samples()] == [s.rule for s in whole.samples()]
    assert len(whole.samples()) == space.size
    assert whole.counts()["trained"] == broken.counts()["trained"] < space.size
