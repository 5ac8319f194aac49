"""What every algorithm promises; one joins by its row in the registry."""

import math
import re
from typing import NamedTuple

import fakes
import marks
import numpy as np
import pytest

from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.flags import flags_of
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import exhaustive, registry
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.config import HYPERPARAMETERS, SearchConfig
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.loop import STEPS_PER_SAVE, search
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.registry import AlgorithmEntry, SearchSetting
from neural_optimizer_search.search.start import Started

pytestmark = [pytest.mark.once, pytest.mark.slow, pytest.mark.usefixtures("graphs_as_traced")]

SPACE = search_space("signs", depth=1)
# A search that starts with rules of the space is one of the algorithm that it goes on with.
STARTED = AlgorithmEntry(
    "Started evolution",
    lambda setting: Started(
        registry.find_algorithm("evolution").make(setting),
        [SPACE.decode(string) for string in SPACE.sample(np.random.default_rng(1), 8)],
    ),
)
ENTRIES = {"started": STARTED}
NAMES = [*registry.algorithm_names(), *ENTRIES]
BUDGET = 40  # but of an algorithm that has none by default


@pytest.fixture(scope="module", params=NAMES)
def entry(request):
    entry = ENTRIES.get(request.param) or registry.find_algorithm(request.param)
    if entry.missing:
        pytest.skip(f"needs what is not installed: {entry.missing}")
    return entry


@pytest.fixture(scope="module")
def made(entry, tmp_path_factory):
    """One of the algorithm, which has learned nothing yet."""
    algorithm = entry.make(setting(tmp_path_factory.mktemp("made")))
    assert isinstance(algorithm, Algorithm)
    assert algorithm.restore() == 0
    return algorithm


def setting(directory, seed=0, preset="fast", sizes=OWN):
    directory.mkdir(exist_ok=True)
    path = directory / "ledger.sqlite"
    ledger = Ledger(path, None if path.exists() else {})
    place = SPACE, preset, seed, directory / "state", ledger
    return SearchSetting(*place, known=[], protocol=fakes.TINY, batch_sizes=sizes)


def evaluate(rules):
    return [fakes.fake_evaluation(rule) for rule in rules]


def texts(proposal):
    return [str(rule) for rule in proposal.rules]


def test_the_row_is_whole(entry):
    assert isinstance(entry, AlgorithmEntry) and entry.title
    assert all(isinstance(how, str) and how for how in entry.needs.values())


def test_there_is_one_of_the_papers_hyperparameters(entry, tmp_path):
    algorithm = entry.make(setting(tmp_path, preset="paper"))
    assert algorithm.restore() == 0 and isinstance(algorithm.propose(0), Proposal)
    assert set(HYPERPARAMETERS) == {"fast", "paper"}


def test_proposing_changes_nothing_and_depends_on_the_number(made):
    first = made.propose(0)
    assert all(SPACE.is_legal(SPACE.encode(rule)) for rule in first.rules)
    later = made.propose(1)
    assert texts(made.propose(0)) == texts(first) != texts(later)


def test_seeds_differ(entry, made, tmp_path):
    other = entry.make(setting(tmp_path, seed=1))
    other.restore()
    same = texts(other.propose(2)) == texts(made.propose(2))  # what a search starts with is before
    assert same == (made.share is not None)  # a whole space has one order


def test_it_learns_from_what_was_proposed_before_others(made):
    """As with `--async`: the second proposal is made before the first is learned from."""
    first, second = made.propose(0), made.propose(1)
    for proposal in (second, first):
        made.learn(proposal, evaluate(proposal.rules))
    assert all(math.isfinite(value) for value in made.metrics.values())
    assert made.share is None or 0 < made.share <= 1


def test_it_learns_from_rules_that_it_did_not_propose(entry, tmp_path):
    """Such as those that a search starts with; not all are of its space."""
    algorithm = entry.make(setting(tmp_path))
    algorithm.restore()
    rules = [parse_formula(text) for text in ("sign(m) * g", "tanh(n_0.37)", "m, beta_1=0.5")]
    algorithm.learn(Proposal(rules), evaluate(rules))
    algorithm.learn(Proposal(rules[1:]), evaluate(rules[1:]))
    proposal = algorithm.propose(2)
    assert all(SPACE.is_legal(SPACE.encode(rule)) for rule in proposal.rules)


def skip_without_sizes(entry):
    if entry.smallest_batch is None:
        pytest.skip("Its batches have a size of their own.")


def test_its_batches_have_the_size_that_is_asked_for(entry, made, tmp_path):
    skip_without_sizes(entry)
    skip_but_one_controller(entry)
    own = len(made.propose(1).rules)
    algorithm = entry.make(setting(tmp_path, sizes=BatchSizes(7, ((1, None), (2, entry.smallest_batch)))))
    algorithm.restore()
    proposals = [algorithm.propose(number) for number in range(4)]
    assert [len(proposal.rules) for proposal in proposals] == [own, entry.smallest_batch, 7, 7]
    for proposal in proposals:
        algorithm.learn(proposal, evaluate(proposal.rules))
    assert all(math.isfinite(value) for value in algorithm.metrics.values())
    assert len(algorithm.propose(4).rules) == 7


@pytest.mark.parametrize("name", registry.algorithm_names())
def test_the_help_has_the_size_of_its_own_batches(name, tmp_path):
    entry = registry.find_algorithm(name)
    if entry.missing:
        pytest.skip(f"needs what is not installed: {entry.missing}")
    skip_without_sizes(entry)
    algorithm = entry.make(setting(tmp_path))
    algorithm.restore()
    told = re.search(rf"\b{name}\b\D*(\d+)", flags_of(SearchConfig)["batch_size"][0].default_text)
    assert int(told[1]) == len(algorithm.propose(0).rules) == entry.find_batch("fast")


@pytest.mark.parametrize("name", registry.algorithm_names())
def test_the_help_has_its_defaults(name):
    entry = registry.find_algorithm(name)
    told = {flag: flags_of(SearchConfig)[flag][0].default_text for flag in ("budget", "pipeline", "batch_size")}
    budget, has_one_ahead = entry.defaults.get("budget", SearchConfig.budget), "pipeline" in entry.defaults
    assert entry.defaults.get("pipeline", 1) == 1
    assert (name in told["pipeline"].partition(";")[0]) == has_one_ahead
    assert told["budget"].startswith(f"{SearchConfig.budget};")
    in_budget = {SearchConfig.budget: None, None: f"; {name}, or with"}.get(budget, f"; {name} {budget};")
    assert in_budget in told["budget"] if in_budget else name not in told["budget"]
    if entry.paper_batch:
        assert re.search(rf"\b{name}\b[^;]*, in preset paper {entry.paper_batch};", told["batch_size"])
    if entry.smallest_batch is None:
        assert f"{name} has none" in told["batch_size"]
    elif entry.smallest_batch > 1:
        assert f"{name} takes {entry.smallest_batch} or more" in told["batch_size"]


def test_the_help_has_the_strings_of_exhaustive_search():
    told = flags_of(SearchConfig)["batch_size"][0].default_text
    assert told.endswith(f"it goes through {exhaustive.BATCH} strings at a time")


@pytest.mark.parametrize("name", registry.algorithm_names())
def test_the_size_of_its_batches_in_preset_paper_is_known(name, tmp_path):
    entry = registry.find_algorithm(name)
    if entry.missing or not entry.has_presets:
        pytest.skip("It has no presets, or cannot run here.")
    algorithm = entry.make(setting(tmp_path, preset="paper"))
    algorithm.restore()
    assert entry.find_batch("paper") == len(algorithm.propose(0).rules)


def skip_but_one_controller(entry):
    if entry.title in ("PPO", "TRPO", "REINFORCE") and not marks.LONG:
        pytest.skip("Kept as guided PPO is; test_agents.py restores it. make test-long has it.")


@pytest.fixture(scope="module")
def whole(entry, tmp_path_factory):
    """What a search finds that nobody disturbs."""
    skip_but_one_controller(entry)
    return run(entry, tmp_path_factory.mktemp("whole") / "run")


@pytest.mark.long
def test_stopped_and_restored_it_goes_on_as_if_it_had_not_been(entry, whole, tmp_path):
    run(entry, tmp_path / "stopped", steps=min(STEPS_PER_SAVE, whole.samples[-1].step // 2))
    assert run(entry, tmp_path / "stopped") == whole


@pytest.mark.long
def test_with_a_larger_budget_it_goes_on_as_if_it_had_had_it_from_the_start(entry, whole, tmp_path):
    """Also where the first one ended within a proposal."""
    for budget in (13, 28):
        assert len(run(entry, tmp_path / "grown", budget=budget).evaluations) == budget
    assert run(entry, tmp_path / "grown") == whole


@pytest.mark.long
def test_with_another_batch_size_it_goes_on_as_if_it_had_had_both_from_the_start(entry, tmp_path):
    """What was begun keeps its own."""
    skip_without_sizes(entry)
    skip_but_one_controller(entry)
    run(entry, tmp_path / "run", budget=13)
    ledger = setting(tmp_path / "run").ledger
    ledger.change_batch_size(None, 0)
    sizes = BatchSizes(3, ledger.run.earlier_batch_sizes)
    ledger.close()
    found = run(entry, tmp_path / "run", sizes=sizes)
    assert found == run(entry, tmp_path / "whole", sizes=sizes)
    assert found.samples[-1].step > sizes.earlier[0][0]


class Found(NamedTuple):
    samples: list
    evaluations: list
    counts: dict


def run(entry, directory, budget=None, steps=None, sizes=OWN):
    """What a search has found that ends at its budget, or is killed after so many steps."""
    place = setting(directory, sizes=sizes)
    default = entry.defaults.get("budget", BUDGET)
    budget = budget or (default and min(default, BUDGET))
    recorder = EvaluationRecorder(fakes.fake_executor, place.ledger)
    # `search` is a generator: dropping it is what a kill does, but for the file.
    for step in search(entry.make(place), recorder, place.ledger, Limits(budget)):
        if step.number == steps:
            break
    found = Found(place.ledger.samples(), place.ledger.evaluations(), place.ledger.counts())
    place.ledger.close()
    return found
