"""The search over settings: what it proposes, what it learns, and a whole search with trainings that are made up."""

import collections
import contextlib
import dataclasses
import re

import fakes
import marks
import numpy as np
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.composed import ComposedSpace
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.report import run as report
from neural_optimizer_search.search import command, loop
from neural_optimizer_search.search.config import SearchConfig, choose_defaults
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.ranking import read_ranking
from neural_optimizer_search.search.registry import default_algorithm, find_algorithm, preferred_algorithm
from neural_optimizer_search.search.settings import Settings, name_trial
from neural_optimizer_search.search.settings_config import SettingsConfig
from neural_optimizer_search.workers.config import EXECUTORS

pytestmark = pytest.mark.once

SPACE, PROTOCOL = ComposedSpace(), fakes.TINY
ADAM, ROOT = KNOWN_OPTIMIZERS["Adam"], parse_formula("sqrt(|w|) * Adam, beta_2=0.99")


def known(reward=0.5):
    rewards = (reward, reward)
    made = dataclasses.replace(fakes.fake_evaluation(ADAM, reward), rewards=rewards, seeds=PROTOCOL.seeds)
    return [dataclasses.replace(made, learning_rate=0.1, schedule="linear")]


def make(*starts, seed=0, **config):
    return Settings(SPACE, PROTOCOL, SettingsConfig(**config), seed, known(), starts or [Start(ROOT)])


def measure(algorithm, proposal, scale=0.5, worth=lambda individual: 0.6):
    """What a worker answers whose updates have this scale; a number for each individual is all that it is worth."""
    answers = []
    for rule, trial, individual in zip(proposal.rules, proposal.trials, proposal.drawn):
        made = fakes.fake_evaluation(rule, worth(individual))
        rate = trial.learning_rate / scale if trial.centred else trial.learning_rate
        rewards = (made.reward,) * 2
        answers.append(dataclasses.replace(made, learning_rate=rate, rewards=rewards, sweep_reward=made.reward))
    algorithm.learn(proposal, answers)
    return answers


def parents(algorithm, is_known=False):
    return [one.individual for one in algorithm._parents[is_known].best]


def test_forms_are_tried_as_they_are_first():
    first = make(draws=0).propose(0)
    assert [rule.formula() for rule in first.rules] == [ROOT.formula(), "Adam"]
    assert [trial.learning_rate for trial in first.trials] == pytest.approx([0.02, 0.02])
    adam = next(one for one in first.trials if one.form)
    assert adam.form == known()[0].key and {one.form for one in first.trials} == {"", adam.form}
    assert all(one.centred and one.schedule == "constant" for one in first.trials)  # the protocol's own
    assert [one.string for one in first.drawn] == [(1, 2, 0, 0, 1, 0), (1, 2, 0, 0, 0, 0)]


def test_forms_are_tried_with_other_constants_next():
    """At any rate: what a form is worth shows in none of its settings alone."""
    proposals = [make(draws=30, batch_size=10).propose(number) for number in range(7)]
    first, drawn = proposals[0].drawn[0], [one for number in (1, 3, 5) for one in proposals[number].drawn]
    rates = sorted(one.values["rate"] for one in drawn)
    assert len(drawn) == 30 and 0.002 <= rates[0] < 0.006 and 0.06 < rates[-1] <= 0.2
    assert len({one.values["beta_1"] for one in drawn}) > 5
    assert {(one.form, one.string) for one in drawn} == {(ROOT, first.string)}


def test_children_come_between_what_starts_are_tried_with():
    """So that a small budget has some; when all starts were tried there are children alone."""
    algorithm = make(draws=8, batch_size=4, known_share=0.0, form_share=1.0)
    measure(algorithm, algorithm.propose(0), worth=lambda one: 0.9)
    is_draw = [{one.form for one in algorithm.propose(n).drawn} == {ROOT} for n in range(1, 6)]
    assert is_draw == [True, False, True, False, False]


def test_a_start_is_tried_with_the_rate_and_schedule_of_what_is_best():
    other = parse_formula("sign(m)")
    setting = 0.02, "cosine, warm-up 0.3", 0.5
    algorithm = make(Start(ROOT, setting), Start(other), draws=30, batch_size=10)
    measure(algorithm, algorithm.propose(0), scale=1.0, worth=lambda one: 0.3 if one.centred else 0.9)
    drawn = [one for n in (1, 3, 5) for one in algorithm.propose(n).drawn if one.form == other]
    rates = [one.values["rate"] for one in drawn]
    assert (
        0.01 < np.median(rates) < 0.04 and sum(one.values["schedule"] == "cosine" for one in drawn) > len(drawn) / 3
    )


def test_better_starts_are_tried_with_more_constants():
    worth = {ROOT: 0.3, parse_formula("sign(m)"): 0.4, parse_formula("g"): 0.5}
    algorithm = make(*map(Start, worth), draws=6, batch_size=3)
    drawn = collections.Counter[str]()
    for number in range(12):
        proposal = algorithm.propose(number)
        measure(algorithm, proposal, worth=lambda one: worth.get(one.form, 0.1))
        if number in algorithm._draws:
            drawn.update(one.form.formula() for one in proposal.drawn)
    assert [drawn[rule.formula()] for rule in worth] == [1, 2, 6]


def test_a_known_optimizer_is_a_parent_as_it_was_measured():
    """A trial tells the scale of its updates; by that its rate is one as those of other forms are."""
    algorithm = make()
    measure(algorithm, algorithm.propose(0), worth=lambda one: 0.4)
    best, other = parents(algorithm, is_known=True)
    assert best.values["rate"] == pytest.approx(0.1 * 0.5) and best.values["schedule"] == "linear"
    assert other.values["rate"] == pytest.approx(0.02)


def test_what_another_run_tuned_is_tried_as_it_was():
    algorithm = make(Start(ROOT, (0.3, "cosine, warm-up 0.1", 0.02)))
    proposal = algorithm.propose(0)
    (trial,) = (one for one in proposal.trials if not one.centred)
    assert (trial.learning_rate, trial.schedule, trial.weight_decay) == (0.3, "cosine, warm-up 0.1", 0.02)
    measure(algorithm, proposal, worth=lambda one: 0.5 if one.centred else 0.9)
    values = parents(algorithm)[0].values
    assert (values["rate"], values["weight decay"]) == (0.15, 0.04) and parents(algorithm)[0].centred


def test_the_same_numbers_are_two_trials_if_one_is_for_updates_of_size_1():
    algorithm = make(Start(ROOT, (0.02, "constant", 0.0)))
    names = [name_trial(one) for one in algorithm.propose(0).drawn]
    assert len(set(names)) == len(names) == 3


def test_children_are_near_the_best():
    algorithm = make(known_share=0.0, form_share=0.0, change_share=1.0)
    measure(algorithm, algorithm.propose(0), worth=lambda one: 0.9 - 10 * abs(one.values["rate"] - 0.02))
    children = [one for number in range(1, 30) for one in algorithm.propose(number).drawn]
    rates = np.log([one.values["rate"] for one in children])
    assert np.abs(np.median(rates) - np.log(0.02)) < 1.0
    assert len({one.values["beta_1"] for one in children}) > 50
    assert {one.form for one in children} == {ROOT}


def test_children_have_other_forms_too():
    algorithm = make(known_share=0.0, form_share=1.0)
    measure(algorithm, algorithm.propose(0))
    children = [one for number in range(1, 20) for one in algorithm.propose(number).drawn]
    assert len({one.string for one in children}) > 20
    # What spells a known optimizer is one, with whatever constants.
    assert {one.known for one in children if one.string == SPACE.embed(ADAM)} == {known()[0].key}


def test_a_part_of_the_trials_is_of_known_optimizers():
    algorithm = make()
    measure(algorithm, algorithm.propose(0))
    drawn = [one for number in range(1, 100) for one in algorithm.propose(number).drawn]
    assert 0.08 < sum(bool(one.known) for one in drawn) / len(drawn) < 0.25
    assert {one.form for one in drawn if one.known} <= {ADAM}


def test_what_is_needed_is_what_the_middle_of_the_best_settings_has():
    """A seed that was kind to the first trials is kind to a child."""
    algorithm = make(parents=1, enough=1, early_share=0.5)
    proposal = algorithm.propose(0)
    assert proposal.trials[0].least == (0.0, 0.0)
    made = [fakes.fake_evaluation(rule, 0.6) for rule in proposal.rules]
    kind = [dataclasses.replace(e, rewards=(0.7, 0.5), sweep_reward=0.2) for e in made]
    algorithm.learn(proposal, kind)
    (least,) = {t.least for n in range(1, 9) for t in algorithm.propose(n).trials if not t.form}
    assert least == pytest.approx((0.2, 0.7))


def test_a_seed_is_not_kind_because_only_those_with_luck_had_the_others():
    algorithm = make(parents=1, draws=0, batch_size=2)
    measure(algorithm, algorithm.propose(0), worth=lambda one: 0.6)
    for number in range(1, 20):
        proposal = algorithm.propose(number)
        answers = [fakes.fake_evaluation(rule, 0.6) for rule in proposal.rules]
        algorithm.learn(proposal, [dataclasses.replace(e, rewards=(0.65, 0.55)) for e in answers])
    assert algorithm._effects.correct((0.65,)) == 0.65


def test_what_is_proposed_again_is_learned_once():
    algorithm = make()
    proposal = algorithm.propose(0)
    answers = measure(algorithm, proposal)
    count = len(algorithm._parents[False].best)
    algorithm.learn(proposal, answers)
    assert len(algorithm._parents[False].best) == count


def test_children_are_new():
    """Many of those with unchanged constants would be their parents again."""
    algorithm = make(known_share=0.0, form_share=0.0, model_share=0.0, change_share=0.3, draws=0)
    for number in range(30):
        measure(algorithm, algorithm.propose(number))
    names = [name_trial(one) for number in range(30, 60) for one in algorithm.propose(number).drawn]
    assert not algorithm._learned.intersection(names)


@pytest.mark.parametrize("more", [(), (Start(ROOT),)])
def test_forms_vary_although_the_best_one_is_outside_the_space(more):
    outside = parse_formula("0.3 * sign(g) + 0.7 * sqrt(|m|)")
    assert SPACE.embed_form(outside) is None
    algorithm = make(Start(outside), *more, known_share=0.0, form_share=0.5, draws=0, parents=1)
    measure(algorithm, algorithm.propose(0), worth=lambda one: 0.9 if one.form == outside else 0.1)
    assert {one.form for one in parents(algorithm)} == {outside}
    children = [one for number in range(1, 40) for one in algorithm.propose(number).drawn]
    other = [one for one in children if one.form != outside]
    assert 0.3 < len(other) / len(children) < 0.7 and all(one.string for one in other)
    near = [sum(a != b for a, b in zip(one.string, SPACE.embed_form(ROOT))) for one in other]
    assert not more or np.median(near) == 1


def test_a_tuned_start_becomes_a_parent_as_soon_as_its_scale_is_known():
    algorithm = make(Start(ROOT, (0.3, "cosine", 0.02)), batch_size=10)
    proposal = algorithm.propose(0)
    answers = measure(make(Start(ROOT, (0.3, "cosine", 0.02)), batch_size=10), proposal, worth=lambda one: 0.9)
    late = [not one.centred for one in proposal.drawn]
    for wanted in (True, False):
        chosen = [i for i, one in enumerate(late) if one == wanted]
        part = proposal._replace(
            **{name: [getattr(proposal, name)[i] for i in chosen] for name in ("rules", "drawn", "trials")}
        )
        algorithm.learn(part, [answers[i] for i in chosen])
    assert sorted(one.values["rate"] for one in parents(algorithm)) == pytest.approx([0.02, 0.15])


def test_it_is_the_default_of_a_task_of_ones_own():
    assert preferred_algorithm("fast", ("mine:task",)) == default_algorithm("fast", ("mine:task",)) == "settings"
    assert (
        preferred_algorithm("fast", ("mine:task", "digits")) != "settings" != preferred_algorithm("fast", ("digits",))
    )
    defaults = choose_defaults({"task": ("mine:task",)}, find_algorithm("settings"))
    assert (defaults["budget"], defaults["constants"], defaults["space"]) == (500, 0.0, "composed")
    assert choose_defaults({"steps": 100}, find_algorithm("settings"))["budget"] is None
    assert SearchConfig.algorithm != "settings"


@pytest.mark.parametrize(
    "change",
    [
        dict(batch_size=0),
        dict(known_share=2.0),
        dict(largest_step=0.0),
        dict(rates=(0.4, 0.004)),
        dict(most_parents=5),
    ],
)
def test_values_that_are_no_configuration(change):
    with pytest.raises(ValueError, match=f"`{next(iter(change))}`"):
        SettingsConfig(**change)


# -- Whole searches --------------------------------------------------------------------------------

FLAGS = ["--protocol", "reduced", "--workers", "1", "--fresh_seeds", "2", "--cache", "none"]
FLAGS += ["--algorithm", "settings", "--start", str(ROOT), "--budget", "60"]


@pytest.fixture
def workers(monkeypatch, trains_nothing):
    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake())


def read(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        found = [dataclasses.replace(e, seconds=0.0, worker="") for e in ledger.evaluations("search")]
        return sorted(found, key=lambda e: e.key), ledger.samples(), ledger.counts(), read_ranking(ledger)


def test_a_search(workers, tmp_path, capfd):
    out = tmp_path / "run"
    assert command.main([*FLAGS, "--out", str(out)]) == 0
    said = capfd.readouterr().out
    assert "Search for settings over composed forms" in said and "Starts from 1 rule." in said
    found, samples, counts, ranking = read(out)
    assert counts["trained"] == len(found) == 60 and counts["stopped"] > 0
    of_known = [e for e in found if e.form]
    assert of_known and all(not sample.tuned for sample in samples)
    assert all(one.evaluation.form == "" for one in ranking.found)
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        before = {e.key: e.reward for e in ledger.evaluations("baseline")}
    best = {
        e.form: max(o.reward for o in of_known if o.form == e.form and o.status == "ok")
        for e in of_known
        if e.status == "ok"
    }
    tuned = {one.evaluation.form for one in ranking.known if one.evaluation.form}
    # A known optimizer is shown with the better of its settings.
    assert tuned == {form for form, reward in best.items() if reward > before[form]}
    assert command.main(["--check", str(out)]) == 0
    page = report.read(out).ranking
    for own, other in ((page.known, ranking.known), (page.found[:5], ranking.found[:5])):
        assert [(one.name, one.last) for one in own] == [(one.name, one.last) for one in other]
    assert re.search(r"\d gradient steps: .* on the search", said)


def test_it_goes_on_as_if_it_had_not_been_stopped(workers, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "STEPS_PER_SAVE", 3)
    assert command.main([*FLAGS, "--out", str(tmp_path / "whole")]) == 0
    for budget in ("13", "37", "60"):
        place = ["--resume", str(tmp_path / "parts"), "--budget", budget]
        if not (tmp_path / "parts").exists():
            place = [*FLAGS[:-1], budget, "--out", str(tmp_path / "parts")]
        assert command.main(place) == 0
    assert read(tmp_path / "parts")[:3] == read(tmp_path / "whole")[:3]


@marks.only_long("The contract of algorithms has it.")
def test_another_batch_size_changes_nothing_that_was_proposed(workers, tmp_path):
    """All proposals are made again, also those of before a second stop."""
    for name, budgets in (("whole", ("60",)), ("parts", ("37", "60"))):
        out = tmp_path / name
        assert command.main([*FLAGS[:-1], "13", "--out", str(out)]) == 0
        before = read(out)[1]
        for budget in budgets:
            assert command.main(["--resume", str(out), "--budget", budget, "--batch_size", "7"]) == 0
        assert read(out)[1][: len(before)] == before
        assert command.main(["--check", str(out)]) == 0
    assert read(tmp_path / "parts")[:3] == read(tmp_path / "whole")[:3]
    sizes = collections.Counter(sample.step for sample in read(out)[1])
    assert {sizes[sample.step] for sample in before} <= {2, 4} and sizes[max(sizes) - 1] == 7


def test_a_change_of_the_batch_size_survives_a_stop_while_proposals_are_made_again(workers, tmp_path):
    """The ledger has forgotten their samples by then."""
    for name in ("whole", "stopped"):
        out = tmp_path / name
        assert command.main([*FLAGS[:-1], "30", "--out", str(out)]) == 0
        if name == "stopped":
            with contextlib.closing(Ledger(out / "ledger.sqlite")) as ledger:
                ledger.drop_samples(1)
        assert command.main(["--resume", str(out), "--budget", "60", "--batch_size", "7"]) == 0
    assert read(tmp_path / "stopped")[:3] == read(tmp_path / "whole")[:3]


def test_several_tasks_have_one_setting(trains_nothing, tmp_path, capfd):
    """The best one is told once, bad trials end after the first task, and a stop changes nothing."""
    several, whole, parts = ["--task", "digits", "digits_mlp"], tmp_path / "whole", tmp_path / "parts"
    assert command.main([*FLAGS, *several, "--out", str(whole)]) == 0
    said = capfd.readouterr().out
    found, _, counts, ranking = read(whole)
    assert counts["trained"] == 60 and counts["stopped"] > 5
    stopped, whole_ones = (
        [e for e in found if (e.status == "stopped") == is_stopped] for is_stopped in (True, False)
    )
    assert {len(e.parts) for e in stopped} == {1}
    assert np.mean([e.parts[0].score for e in stopped]) < np.median([e.parts[0].score for e in whole_ones])
    assert all(e.has_one_setting for e in found) and {len(e.parts) for e in found} == {1, 2}
    best = ranking.found[0].last
    # Known optimizers have a rate for each task; the best rule's code stands last, whether it beats them or not.
    code = said[said.rindex("from neural_optimizer_search.optimizers import RuleOptimizer") :]
    assert best.has_one_setting and best.reward > 1.0 and "# as on digits" not in code
    assert command.main([*FLAGS[:-1], "23", *several, "--out", str(parts)]) == 0
    assert command.main(["--resume", str(parts), "--budget", "60"]) == 0
    assert read(parts)[:3] == read(whole)[:3]
