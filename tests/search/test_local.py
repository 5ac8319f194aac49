"""Local search: whose children it proposes, and that all it knows is in the ledger's samples."""

import dataclasses

import fakes
import marks
import numpy as np
import pytest

from neural_optimizer_search import parse_formula, search_space
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.algorithm import Proposal
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.local import Local, LocalConfig
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.search.recorder import EvaluationRecorder

pytestmark = pytest.mark.once

SPACE = search_space("signs", depth=2)
CONFIG = LocalConfig(batch_size=4, parents=3)
# Whoever proposes all children that there are, leaves nothing to the model.
NEIGHBOURS = dataclasses.replace(CONFIG, random_share=0.0, crossover_share=0.0, twice_share=0.0)


def short_is_good(rules):
    """A reward that mutations can climb."""
    return [fakes.fake_evaluation(rule, reward=1.0 / len(rule.canonical())) for rule in rules]


def draw(count, seed=0):
    return [SPACE.decode(string) for string in SPACE.sample(np.random.default_rng(seed), count)]


def learn(algorithm, *evaluations):
    algorithm.learn(Proposal([e.rule for e in evaluations]), evaluations)


def distance(one, other):
    return sum(a != b for a, b in zip(one, other))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=marks.only_long("Seed 0 does.")) for seed in (1, 2))])
def test_it_climbs(seed):
    def mean_reward(algorithm):
        return np.mean([e.reward for k in range(60) for e in fakes.step(algorithm, short_is_good, k)][-80:])

    assert mean_reward(Local(SPACE, CONFIG, seed)) > 1.5 * mean_reward(RandomSearch(SPACE, seed, sizes=BatchSizes(4)))


def test_it_begins_from_what_the_space_can_spell_of_the_known_optimizers():
    space = search_space("arxiv2017_no_decay", depth=2)
    rules = [parse_formula(text) for text in ("g", "m", "Adam", "nesterov / sqrt(v)", "Adam, beta_1=0.5")]
    known = [fakes.fake_evaluation(rule) for rule in rules]
    local = Local(space, NEIGHBOURS, 0, known)
    strings = [space.embed(rule) for rule in rules]
    assert {parent.string for parent in local.best} == set(strings[:3])
    proposed = [space.encode(rule) for number in range(5) for rule in local.propose(number).rules]
    assert all(min(distance(string, parent) for parent in strings[:3]) == 1 for string in proposed)


def test_with_nothing_known_strings_are_random():
    local = Local(SPACE, NEIGHBOURS, 0)
    learn(local, *short_is_good(draw(2)))
    assert len(local.best) == 2
    strings = [SPACE.encode(rule) for rule in local.propose(0).rules]
    assert all(min(distance(string, parent.string) for parent in local.best) > 1 for string in strings)


def test_parents_behave_differently():
    """Of one behaviour one spelling has children; of a string that was tuned the better reward counts."""
    rules = draw(4)
    rewards = (0.9, 0.9, 0.5, 0.4)
    evaluations = [fakes.fake_evaluation(rule, reward) for rule, reward in zip(rules, rewards)]
    evaluations[1] = dataclasses.replace(evaluations[1], key=evaluations[0].key, alike=True)
    local = Local(SPACE, CONFIG, 0)
    learn(local, *evaluations)
    assert [one.string for one in local.best] == [SPACE.encode(rules[k]) for k in (0, 2, 3)]
    learn(local, dataclasses.replace(evaluations[2], reward=0.95, key="tuned", form=evaluations[2].key))
    assert [one.reward for one in local.best] == [0.95, 0.9, 0.4]
    assert len({one.string for one in local.best}) == 3


def test_what_is_worth_nothing_is_no_parent():
    rules = draw(3)
    local = Local(SPACE, CONFIG, 0)
    learn(local, without_reward(rules[0], "screened", "No."), without_reward(rules[1], "diverged", "No."))
    assert not local.best


@marks.only_long("It proposes most of a space.")
def test_no_string_is_proposed_again():
    local, seen = Local(SPACE, CONFIG, 0), set()
    for number in range(100):
        strings = [SPACE.encode(evaluation.rule) for evaluation in fakes.step(local, short_is_good, number)]
        assert len(set(strings)) == len(strings) and not seen & set(strings)
        seen.update(strings)


def test_where_no_string_is_new_it_still_proposes():
    space = dataclasses.replace(search_space("signs", depth=1), unaries=("identity",), binaries=("mul",))
    local = Local(space, CONFIG, 0)
    for number in range(20):
        assert fakes.step(local, short_is_good, number)
    assert len(local._rewards) == space.size


def test_the_most_promising_of_many_are_proposed():
    """Those that share with good strings what bad ones do not have."""
    good, other = (0, 1, 0, 0, 0, 6, 1, 0, 0, 2), (0, 1, 0, 0, 1, 6, 1, 0, 0, 2)
    bad = [(*good[:7], unary, *good[8:]) for unary in (1, 2, 3)]
    rewards = {good: 0.9, other: 0.8, **dict.fromkeys(bad, 0.1)}
    evaluations = [fakes.fake_evaluation(SPACE.decode(string), reward) for string, reward in rewards.items()]
    config = LocalConfig(batch_size=4, parents=2, random_share=0.0)
    proposed = {}
    for model in (None, config.model):
        local = Local(SPACE, dataclasses.replace(config, model=model), 0)
        learn(local, *evaluations)
        strings = [SPACE.encode(rule) for number in range(20) for rule in local.propose(number).rules]
        proposed[model] = np.mean([string[7] in (1, 2, 3) for string in strings])
    assert proposed[config.model] < 0.02 < proposed[None]


def test_where_the_model_finds_nothing_new_children_come_as_they_are():
    rules = draw(40)
    rewards = np.linspace(0.9, 0.1, 8)
    known = [fakes.fake_evaluation(rule, reward) for rule, reward in zip(rules, rewards)]
    plain = Local(SPACE, dataclasses.replace(CONFIG, model=None), 0, known)
    local = Local(SPACE, dataclasses.replace(CONFIG, patience=6), 0, known)
    same = dataclasses.replace(known[0], alike=True)
    for k, rule in enumerate(rules[8:14]):
        assert local.propose(0).rules != plain.propose(0).rules
        one = dataclasses.replace(same, rule=rule) if k % 2 else without_reward(rule, "screened", "No.")
        for algorithm in (local, plain):
            learn(algorithm, one)
    assert local.propose(0).rules == plain.propose(0).rules
    learn(local, fakes.fake_evaluation(rules[20], 0.05))
    assert local._repeats == 0


@pytest.mark.parametrize("cut", [3, 17])
def test_it_goes_on_from_its_samples(tmp_path, cut):
    known = [fakes.fake_evaluation(parse_formula(text)) for text in ("g", "sign(m) * g")]

    def run(ledger, budget):
        local = Local(SPACE, CONFIG, 5, known, ledger.sample_rows())
        list(search(local, EvaluationRecorder(fakes.fake_executor, ledger), ledger, Limits(budget)))

    whole, broken = Ledger(tmp_path / "whole", {}), Ledger(tmp_path / "broken", {})
    run(whole, 40)
    run(broken, cut)
    run(broken, 40)
    assert broken.samples() == whole.samples()


@pytest.mark.parametrize("field, value", [("batch_size", 0), ("parents", 0), ("random_share", 1.5)])
def test_what_is_out_of_range_is_named(field, value):
    with pytest.raises(ValueError, match=f"`{field}`"):
        LocalConfig(**{field: value})
