"""What every algorithm promises; one joins by its row in the registry."""

import math

import fakes
import pytest

from neural_optimizer_search import search_space
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import registry
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.config import HYPERPARAMETERS
from neural_optimizer_search.search.loop import STEPS_PER_SAVE, search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting

SPACE = search_space("signs", depth=1)
NAMES = registry.algorithm_names()


@pytest.fixture(params=NAMES)
def entry(request):
    entry = registry.find_algorithm(request.param)
    if entry.missing:
        pytest.skip(f"needs what is not installed: {entry.missing}")
    return entry


def setting(directory, seed=0, preset="fast"):
    directory.mkdir(exist_ok=True)
    path = directory / "ledger.sqlite"
    ledger = Ledger(path, None if path.exists() else {})
    return SearchSetting(SPACE, preset, seed, directory / "state", ledger)


def evaluate(rules):
    return [fakes.fake_evaluation(rule) for rule in rules]


def texts(proposal):
    return [str(rule) for rule in proposal.rules]


def test_the_row_is_whole(entry):
    assert isinstance(entry, AlgorithmEntry) and entry.title
    assert all(isinstance(how, str) and how for how in entry.needs.values())


@pytest.mark.parametrize("preset", HYPERPARAMETERS)
def test_it_is_made_for_either_preset(entry, preset, tmp_path):
    algorithm = entry.make(setting(tmp_path, preset=preset))
    assert isinstance(algorithm, Algorithm)
    assert algorithm.restore() == 0
    assert isinstance(algorithm.propose(0), Proposal)


def test_proposing_changes_nothing_and_depends_on_the_number(entry, tmp_path):
    algorithm = entry.make(setting(tmp_path))
    algorithm.restore()
    first = algorithm.propose(0)
    assert all(SPACE.is_legal(SPACE.encode(rule)) for rule in first.rules)
    later = algorithm.propose(1)
    assert texts(algorithm.propose(0)) == texts(first) != texts(later)


def test_it_learns_from_what_was_proposed_before_others(entry, tmp_path):
    """As with `--async`: the second proposal is made before the first is learned from."""
    algorithm = entry.make(setting(tmp_path))
    algorithm.restore()
    first, second = algorithm.propose(0), algorithm.propose(1)
    for proposal in (second, first):
        algorithm.learn(proposal, evaluate(proposal.rules))
    assert all(math.isfinite(value) for value in algorithm.metrics.values())
    assert algorithm.share is None or 0 < algorithm.share <= 1


def test_stopped_and_restored_it_goes_on_as_if_it_had_not_been(entry, tmp_path):
    def run(directory, steps=None):
        place = setting(directory)
        recorder = EvaluationRecorder(fakes.fake_executor, place.ledger)
        # `search` is a generator: dropping it is what a kill does, but for the file.
        for step in search(entry.make(place), recorder, place.ledger, budget=40):
            if step.number == steps:
                break
        samples = place.ledger.samples()
        place.ledger.close()
        return samples

    whole = run(tmp_path / "whole")
    run(tmp_path / "stopped", steps=1)
    if whole[-1].step > STEPS_PER_SAVE:
        run(tmp_path / "stopped", steps=STEPS_PER_SAVE)
    assert run(tmp_path / "stopped") == whole


def test_seeds_differ(entry, tmp_path):
    algorithms = [entry.make(setting(tmp_path / str(seed), seed)) for seed in (0, 1)]
    proposed = []
    for algorithm in algorithms:
        algorithm.restore()
        proposed.append(texts(algorithm.propose(0)))
    assert (proposed[0] != proposed[1]) == (algorithms[0].share is None)  # a whole space has one order
