"""A recipe is the paper's search: its values are the paper's, others may be given instead, and a run has them."""

import contextlib
import dataclasses
import re
import shlex

import fakes
import marks
import pytest
from refusals import refused
from tiny_searches import found

from neural_optimizer_search import flags, search_space
from neural_optimizer_search.dsl.presets import PRESETS
from neural_optimizer_search.measuring import description
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search import command
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.cost import LEAST_STEPS, find_divisor, shorten
from neural_optimizer_search.search.recipes import RECIPES
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.describing import Describer
from neural_optimizer_search.workers.executor import TaskFailed

pytestmark = [pytest.mark.once, pytest.mark.usefixtures("trains_nothing")]

TINY = ["--workers", "1", "--budget", "10"]


@pytest.fixture(params=RECIPES)
def name(request):
    return request.param


@pytest.fixture
def config(name):
    return SearchConfig(**RECIPES[name].flags)


def search(*words):
    return command.main([*TINY, *map(str, words)])


def read_config(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        return ledger.run.config


def _as_given(value):
    return tuple(value) if isinstance(value, list) else value


# -- The values ------------------------------------------------------------------------------------


def test_each_version_has_its_algorithm_and_its_words():
    versions = {name: (recipe.flags["algorithm"], recipe.flags["space"]) for name, recipe in RECIPES.items()}
    assert versions == {"arxiv2017": ("ppo", "arxiv2017"), "icml2017": ("trpo", "icml2017")}
    first, second = (PRESETS[versions[name][1]] for name in ("icml2017", "arxiv2017"))
    kinds = ("operands", "unaries", "binaries")
    added = [set(getattr(second, kind)) - set(getattr(first, kind)) for kind in kinds]
    assert added == [{"2", "ld", "cd", "cd_1", "rd_10", "rd_20", "eps_t"}, {"sqrt"}, {"pow"}]
    assert [len(getattr(first, kind)) for kind in kinds] == [16, 11, 5]


def test_children_are_trained_as_in_section_4_2(config):
    ((task, protocol),) = config.find_each()
    assert task.name == "cifar10" and protocol.batch_size == 100 and protocol.validation_examples == 5_000
    assert protocol.learning_rates == pytest.approx([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 10])
    assert protocol.sweep_steps * 100 == 10_000 and protocol.final_steps * 100 == 5 * (50_000 - 5_000)
    assert protocol.reward == "final_accuracy" and protocol.racing is None and len(protocol.seeds) == 1
    assert not protocol.centred and protocol.finalists is None


def test_the_controller_is_that_of_section_4_2(config):
    pytest.importorskip("tf_agents")
    from tf_agents_env.controller_config import CONTROLLERS

    controller = CONTROLLERS[config.algorithm][config.preset]
    assert (controller.units, controller.batch_size, controller.entropy) == (150, 5, 0.0015)
    assert config.batch_size is None and config.algorithm == type(controller.algorithm).__name__.lower()
    # What is paid is the reward, in full.
    assert (controller.rank_power, controller.repeat_share, controller.queue_size) == (0, 1, 0)
    if config.algorithm == "ppo":
        assert controller.algorithm.learning_rate == 1e-5


def test_only_at_this_depth_all_words_make_as_many_rules_as_the_paper_searched(config):
    depths = range(1, 4 if config.space == "icml2017" else 5)
    assert [depth for depth in depths if 1e6 <= search_space(config.space, depth).size <= 1e11] == [config.depth]
    space = config.make_space()
    assert space.distinct_operands and space.no_final_addition and space.reuse_outputs


def test_what_the_paper_does_not_have_is_off(config):
    assert not config.screens and not config.joins_alike and config.starts_with == ("none",)
    assert config.tuning.share == 0 and config.fresh_seeds == 0 and config.cache == "none"
    assert config.batches_ahead == 0 and not config.asynchronous
    assert list(config.known_optimizers) == ["SGD", "Momentum", "RMSProp", "Adam"]
    # With the fast preset too: nothing hangs on what that turns off.
    fast = dataclasses.replace(config, preset="fast")
    assert not fast.screens and not fast.joins_alike and fast.starts_with == ("none",)


# -- The command -----------------------------------------------------------------------------------


@marks.only_long("Its parts are tested above.")
def test_it_runs_and_goes_on_without_the_recipe(name, tmp_path, capfd):
    pytest.importorskip("tf_agents")
    whole, out = tmp_path / "whole", tmp_path / "run"
    assert search("--recipe", name, "--out", whole) == 0
    printed = capfd.readouterr().out
    assert search("--recipe", name, "--budget", "5", "--out", out) == 0
    recorded = read_config(out)
    assert {field: _as_given(recorded[field]) for field in RECIPES[name].flags} == RECIPES[name].flags
    assert "recipe" not in recorded
    capfd.readouterr()
    assert command.main(["--resume", str(out), "--budget", "10"]) == 0
    assert found(out) == found(whole) and len(found(out)) >= 10
    assert RECIPES[name].paper not in capfd.readouterr().out

    # The line that is printed first is the recipe.
    words = shlex.split(printed.splitlines()[0].removeprefix(f"{RECIPES[name].paper}: "))
    assert vars(flags.build_parser(words[0], None, SearchConfig).parse_args(words[1:])) == RECIPES[name].flags
    assert "Overridden by your flags" not in printed
    for told in ("the paper leaves it open: depth 2 ", "Differences that no flag turns off: known optimizers "):
        assert told in printed


def test_what_is_given_beside_it_counts(name, tmp_path, capfd):
    recipe, others = RECIPES[name], dict(algorithm="evolution", depth=1, screen="on", fresh_seeds=2)
    given = [word for field, value in others.items() for word in (f"--{field}", value)]
    assert search("--recipe", name, *given, "--preset", "paper", "--out", tmp_path / "run") == 0
    (line,) = re.findall(r"^Overridden by your flags: (.*)\.$", capfd.readouterr().out, re.MULTILINE)
    expected = [f"--{field} {value} in place of {recipe.flags[field]}" for field, value in others.items()]
    assert sorted(line.split("; ")) == sorted(expected)
    recorded = read_config(tmp_path / "run")
    assert {field: _as_given(recorded[field]) for field in recipe.flags} == {**recipe.flags, **others}


def test_composed_forms_need_no_other_depth(tmp_path, capfd):
    given = ["--space", "composed", "--algorithm", "random"]
    assert search("--recipe", "arxiv2017", *given, "--out", tmp_path / "run") == 0
    assert read_config(tmp_path / "run")["depth"] is None


def test_where_it_is_refused(tmp_path, capfd):
    told = refused(command.main, ["--recipe", "arxiv2017", "--resume", "run"], capfd)
    assert told.startswith("nos-search: argument --recipe: not allowed with --resume: a resumed run keeps the flags ")
    assert "argument --check: no other flag" in refused(
        command.main, ["--recipe", "arxiv2017", "--check", "run"], capfd
    )
    told = refused(command.main, ["--recipe", "arxiv2018"], capfd)
    assert "argument --recipe: must be one of: arxiv2017, icml2017. Received: 'arxiv2018'." in told


# -- The cost --------------------------------------------------------------------------------------


def test_the_cost_is_told_before_anything_is_measured(name, tmp_path, capfd, monkeypatch):
    asked = []

    def describe(describer, task, protocol, data_dir=None):
        asked.append(protocol)
        assert not read_evaluations(tmp_path / "run")
        return fakes.describe_nothing(describer, task, protocol, data_dir)

    monkeypatch.setattr(Describer, "__call__", describe)
    assert search("--recipe", name, "--algorithm", "random", "--out", tmp_path / "run") == 0
    # The fake task has 64 steps in half a second, and of a child of the paper a fiftieth is timed.
    (short,) = asked
    assert short.sweep_steps * 50 == 100 and short.final_steps * 50 == 2250
    printed = capfd.readouterr().out
    rows = dict(re.findall(r"^(a rule|known|budget|constants|fresh seeds|in all|the paper) {2,}(.*)$", printed, re.M))
    assert rows["a rule"] == "at most 3,200 steps, about 25 s with Adam on one core"
    assert rows["known"] == "4 known optimizers: 49 s to 4 min"
    assert rows["budget"] == "10 rules: 2 to 10 min"
    assert rows["constants"] == rows["fresh seeds"] == "none"
    assert rows["in all"] == "3 to 15 min with 1 worker"
    assert rows["the paper"] == RECIPES[name].cost and "100 CPUs" in rows["the paper"]
    # Not where it is known what the search is.
    assert command.main(["--resume", str(tmp_path / "run")]) == 0
    assert len(asked) == 1


def test_where_the_cost_cannot_be_known_workers_may_still_measure(tmp_path, capfd, monkeypatch):
    def fail(*task):
        raise TaskFailed("no such data")

    monkeypatch.setattr(Describer, "__call__", fail)
    assert search("--recipe", "icml2017", "--algorithm", "random", "--out", tmp_path / "run") == 0
    assert "the cost is unknown, because the task cannot be trained here: no such" in capfd.readouterr().err


def read_evaluations(out):
    with contextlib.closing(Ledger(out / "ledger.sqlite", read_only=True)) as ledger:
        return ledger.evaluations()


@pytest.mark.parametrize(
    "protocol", [protocol for task in TASKS.values() for protocol in task.protocols.values()], ids=lambda p: p.name
)
def test_a_short_training_is_a_part_of_a_whole_one(protocol):
    by = find_divisor(protocol)
    short = shorten(protocol, by)
    assert description._count_steps(short) * by == description._count_steps(
        dataclasses.replace(protocol, centred=False)
    )
    assert by == 1 or short.final_steps >= LEAST_STEPS
    assert short.validation_examples <= protocol.validation_examples
