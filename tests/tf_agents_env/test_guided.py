"""Guided PPO: who proposes what, who learns from it, and what a resumed search knows."""

import dataclasses
import functools

import fakes
import pytest
from toys import QUICK, SPACE

from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.rows import Sample
from neural_optimizer_search.search import command
from neural_optimizer_search.search.algorithm import Proposal
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.local import Local, LocalConfig
from tf_agents_env.controller_config import CONTROLLERS
from tf_agents_env.controllers import Controller
from tf_agents_env.guided import DRAWN_RULES, IMITATED, Guided, make_guided

pytestmark = pytest.mark.usefixtures("graphs_as_traced")

CONFIG = dataclasses.replace(QUICK, batch_size=2, queue_size=3)
LOCAL = LocalConfig(batch_size=4, parents=3)
KNOWN = [fakes.fake_evaluation(parse_formula(text)) for text in ("g", "sign(m) * g")]


@pytest.fixture
def guided():
    return Guided(Controller(SPACE, CONFIG, 0), functools.partial(Local, SPACE, LOCAL, 0, KNOWN))


def learn(guided, proposal):
    guided.learn(proposal, [fakes.fake_evaluation(rule) for rule in proposal.rules])


def test_a_batch_has_rules_of_both(guided):
    proposal = guided.propose(0)
    assert proposal.rules[:4] == Local(SPACE, LOCAL, 0, KNOWN).propose(0).rules
    assert list(proposal.rules[4:]) == list(Controller(SPACE, CONFIG, 0).propose(0).rules)


def test_local_search_learns_from_all_and_the_controller_from_its_own(guided):
    proposal = guided.propose(0)
    learn(guided, proposal)
    assert set(guided._controller.emitted) == {rule.canonical() for rule in proposal.rules[4:]}
    assert {SPACE.encode(rule) for rule in proposal.rules} <= guided._local._seen
    assert {"parents/mean", "imitation", "entropy"} <= set(guided.metrics)


def test_the_controller_imitates_the_best_of_all(guided):
    for number in range(2):
        learn(guided, guided.propose(number))
    best = [[parent.reward, list(parent.string)] for parent in guided._local.best]
    assert guided._controller._queue.best == best and len(best) == 3


def test_both_learn_from_rules_of_others(guided):
    best = parse_formula("sign(m) * g")
    guided.learn(Proposal([best]), [fakes.fake_evaluation(best, 1.0)])
    assert guided._local.best[0].string == SPACE.embed(best)
    assert guided._controller._queue.best[0] == [1.0, list(SPACE.embed(best))]
    assert guided._controller.iteration == 1


def test_a_restored_one_knows_no_more_than_its_controller(tmp_path):
    """Steps that were recorded after it was saved are done again."""
    rules = [SPACE.decode(string) for string in ((0, 1, 0, 0, 2), (1, 0, 0, 0, 2), (2, 0, 0, 0, 2))]
    samples = [Sample(step, rule, 0.5, str(step)) for step, rule in enumerate(rules)]
    for saved in (0, 2):
        controller = Controller(SPACE, CONFIG, 0, tmp_path / str(saved))
        for _ in range(saved):
            learn(controller, Proposal(rules[:1]))
        if saved:
            controller.save()
        again = Controller(SPACE, CONFIG, 0, tmp_path / str(saved))
        guided = Guided(again, functools.partial(Local, SPACE, LOCAL, 0), samples)
        assert guided.restore() == saved
        assert guided._local._seen == {SPACE.encode(rule) for rule in rules[:saved]}


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_the_presets_are_those_of_ppo(preset):
    config = make_guided(SPACE, preset, 0)._controller.config
    assert (config.batch_size, config.queue_size) == (DRAWN_RULES, IMITATED)
    assert dataclasses.replace(config, batch_size=5, queue_size=0) == dataclasses.replace(
        CONTROLLERS["ppo"][preset], batch_size=5, queue_size=0
    )


@pytest.mark.parametrize(("size", "drawn"), [(2, 1), (9, 1), (10, DRAWN_RULES), (25, 5)])
def test_a_batch_of_another_size_has_the_same_share_of_both(size, drawn):
    proposal = make_guided(SPACE, "fast", 0, sizes=BatchSizes(size)).propose(0)
    assert (len(proposal.rules), proposal.drawn.count) == (size, drawn)


def test_one_rule_is_too_few_for_both(capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(["--algorithm", "guided", "--batch_size", "1"])
    assert (
        "argument --batch_size: must be at least 2 with --algorithm guided. Received: 1." in capsys.readouterr().err
    )
