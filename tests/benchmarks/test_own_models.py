"""The study of own models: each arm at tiny size, and what is said of outcomes."""

import json
import math
import operator
import pathlib
import re
from types import SimpleNamespace

import fakes
import marks
import numpy as np
import pytest

from benchmarks.run import main
from benchmarks.studies import StudyFailed, own_models
from benchmarks.studies.archive.ranks import shorten_name
from benchmarks.studies.common.trainings import FRESH_SEED
from benchmarks.studies.own_models import (
    arms,
    markdown,
    pictures,
    report,
    searches,
    statistics,
    stock,
    trials,
    tuners,
)
from benchmarks.studies.own_models.pieces import Outcome, Piece, Winner, read_outcome, write_outcome
from benchmarks.studies.own_models.statistics import bootstrap_tasks, find_profile, find_step_ratio
from benchmarks.studies.own_tasks import EIGHT, HELD_OUT, splits
from benchmarks.studies.own_tasks.splits import name_split
from benchmarks.studies.stock_optimizers.kinds import draw
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.search.archive import read_archive
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.fresh import choose_seeds
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.trials.objective import Progress
from neural_optimizer_search.workers import describing
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = [pytest.mark.once, pytest.mark.slow]

STEPS = 12  # of a training of the tiny task


@pytest.fixture
def tiny(monkeypatch):
    """The split 0 of `table` is one that needs no data, and workers are in this process, as is what describes it."""
    for module in (arms, searches, trials):
        monkeypatch.setattr(module, "name_split", lambda task, split: f"tiny_own:task_{task}_{split}")
    monkeypatch.setitem(
        EXECUTORS, "local", lambda config, task, protocol, data_dir: InProcess(Evaluator(task, protocol))
    )
    monkeypatch.setattr(describing, "ProcessWorker", fakes.DescribesInThread)


# The others are these with other arguments.
@pytest.mark.parametrize(
    ("arm", "trainings"),
    [
        ("search", 140),
        ("optuna", 60),
        pytest.param("hyperband", 60, marks=marks.only_long("It is budgeted as Optuna's arm is.")),
        pytest.param("catalogue", 90, marks=marks.only_long("Optuna's arm tunes as this one does.")),
    ],
)
def test_each_arm_finds_a_winner_within_its_budget(tiny, tmp_path, arm, trainings):
    outcome = arms.measure(Piece("table", arm, trainings, 0), tmp_path, fresh_seeds=3)
    winner = outcome.winner
    assert 0.5 * trainings * STEPS < winner.steps <= trainings * STEPS
    assert len(outcome.scores) == len(outcome.metrics) == 3 and len(outcome.curve) == 3
    assert min(outcome.scores) >= 0.0 and winner.tried > 10 and outcome.seconds > 0
    assert read_outcome(json.loads(json.dumps(write_outcome(outcome)))) == outcome


def test_the_catalogue_stays_within_a_budget_that_is_too_small_for_it(tiny, monkeypatch, tmp_path):
    """A training ends at once here, and all are equally good."""
    trained = []

    def train(self, setting, begun=0):
        trained.append(setting)
        self.steps += self.objective.steps
        self._tried.append((0.5, setting))
        yield Progress(self.objective.steps, 0.5, True)

    monkeypatch.setattr(trials.Trials, "train", train)
    monkeypatch.setattr(trials.Trials, "_measure", lambda self, setting, seeds: [0.5] * len(seeds))
    winner = tuners.tune_catalogue(Piece("table", "catalogue", 30, 0), tmp_path)
    assert winner.tried == len(trained) > 10 and winner.steps <= 30 * STEPS


def test_an_arm_without_a_winner_says_which(tiny):
    with pytest.raises(StudyFailed, match=r"^optuna on table with 60 trainings and seed 0 trained no setting to its"):
        trials.Trials(Piece("table", "optuna", 60, 0)).choose_winner(3)


@pytest.mark.parametrize("kind", stock.STOCK)
def test_a_kind_as_tuners_see_it(kind):
    """Whatever is drawn is a rule; a weight decay may be off."""
    rng = np.random.default_rng(0)
    suggest = stock.Suggest(
        lambda name, values: values[rng.integers(len(values))],
        lambda name, low, high: float(np.exp(rng.uniform(*np.log([low, high])))),
    )
    settings = [stock.suggest_setting(kind, suggest) for _ in range(30)]
    assert len({str(one.schedule) for one in settings}) > 3
    assert all(one.learning_rate > 0 and one.weight_decay >= 0 for one in settings)
    if kind != "Muon":
        assert draw(rng, (kind,)).keys() - {"kind"} >= {"rate", "decay", "warmup"}


@pytest.mark.parametrize(
    ("name", "rate"), [("lion", 1e-4), ("powersign", 0.04 / 0.5), ("normuon", 0.04 / 0.5), ("muon-drop0.1", 0.172)]
)
def test_a_catalogue_row_without_a_usual_rate_gets_one_for_the_scale_of_its_updates(name, rate):
    objective = SimpleNamespace(find_scale=lambda rule: 0.5)
    setting = tuners.recommend_setting(CATALOGUE[name], objective, centred_rate=0.04)
    assert setting.learning_rate == pytest.approx(rate) and str(setting.schedule) == "linear"
    objective = SimpleNamespace(find_scale=lambda rule: None)
    failed = tuners.recommend_setting(CATALOGUE[name], objective, centred_rate=0.04)
    assert (failed is None) == (CATALOGUE[name].learning_rate is None)


@pytest.mark.parametrize("task", EIGHT)
def test_no_search_starts_with_what_was_found_on_its_data(tmp_path, task):
    path, *others = searches._choose_start(task, tmp_path)
    rules = pathlib.Path(path).read_text().splitlines()
    assert ("archive", *others) == SearchConfig(task=(searches.full_name(task),)).starts_with
    archive = read_archive()
    of = {one.rule.formula(): shorten_name(archive.searches[one.search]["task"]) for one in archive.rules}
    same = {name: {"images"} for name in ("images", "resnet", "separable", "autoencoder")}
    words = {"text", "table"}  # both read WikiText-2
    same.update(transformer=words, table=words)
    assert set(rules) == {rule for rule, found_on in of.items() if found_on not in same.get(task, ())}
    assert (len(rules) == len(of)) == (task in ("capitals", "characters"))


# -- What is said of outcomes ----------------------------------------------------------------------


def outcome(score, spread=0.01, seed=0):
    scores = (score + spread * np.random.default_rng(seed).normal(size=20)).tolist()
    winner = Winner("Adam", 0.1, "linear", 0.0, score, 5000, 70)
    return Outcome(winner, scores, scores, [score / 2, score * 0.8, score], 60.0, 61.0)


@pytest.fixture
def outcomes(monkeypatch):
    """The search is better on one task, worse on another, and level on a third. Intervals are rough, and quick."""
    monkeypatch.setattr(statistics, "RESAMPLES", 100)
    found = {}
    for task, gain in (("images", 0.1), ("table", -0.1), ("capitals", 0.0)):
        for seed in range(3) if task != "images" else range(1, 4):  # its seed 0 was seen by the defaults
            base = 0.6 + 0.01 * seed
            for arm, score in (("search", base + gain), ("optuna", base), ("adamw", base - 0.05)):
                found[Piece(task, arm, 480, seed)] = outcome(score, seed=len(found))
    return found


def test_wins_and_losses(outcomes, capsys):
    figures = report.summarize_tasks(outcomes, 480)
    assert figures["wins_vs_optuna"] == ["images"] and figures["losses_vs_optuna"] == ["table"]
    assert "wins images; losses table; between capitals" in capsys.readouterr().out
    assert report.compare(outcomes, "images", "optuna", 480).probability > 0.99
    assert figures["step_ratio_geomean"] > 1.0
    mean, low, high = figures["iqm"]["optuna"]
    assert low <= mean <= high and mean == pytest.approx(0.05 / 0.45, abs=0.02)


def test_tables_show_losses(outcomes, capsys):
    figures = report.summarize(outcomes, 480)
    said = capsys.readouterr().out
    assert "capitals (held out)" in said and "table" in said and HELD_OUT == ("capitals", "autoencoder")
    assert figures["table"]["optuna"]["improvement"]["probability"] < 0.01
    assert figures["images"]["search"]["step_ratio"] > 1.0 > figures["table"]["search"]["step_ratio"]


def test_budgets(outcomes, capsys):
    more = {piece._replace(trainings=1600): one for piece, one in outcomes.items()}
    assert report.summarize_budgets({**outcomes, **more}, "images")["pays_from"] == 480
    assert report.summarize_budgets({**outcomes, **more}, "table")["pays_from"] is None
    assert "With no budget the search wins against each tuner (with a" in capsys.readouterr().out


def test_a_search_that_is_only_level_does_not_pay(outcomes, capsys):
    """On `capitals` the difference is noise; and a tuner that was not measured with a budget says nothing there."""
    ahead = {
        p: one._replace(scores=[s + 1e-6 for s in one.scores]) for p, one in outcomes.items() if p.arm != "adamw"
    }
    assert report.summarize_budgets(ahead, "capitals")["pays_from"] is None
    more = {p._replace(trainings=1600): one for p, one in outcomes.items() if p.arm != "optuna"}
    assert report.summarize_budgets({**outcomes, **more}, "images")["pays_from"] is None
    assert capsys.readouterr().out.count("With no budget ") == 2


def test_budgets_are_compared_on_the_outer_seeds_that_all_have(outcomes, tmp_path):
    piece = Piece("table", "search", 160, 0)
    few = {
        piece: outcome(0.7),
        piece._replace(arm="optuna"): outcome(0.6),
        piece._replace(trainings=480, seed=9): outcome(0.9),
    }
    both = {**outcomes, **few}
    means = report.find_means_by_budget(both, "table")
    assert means["search"] == {
        160: np.mean(few[piece].scores),
        480: np.mean(outcomes[piece._replace(trainings=480)].scores),
    }
    head, _, first, second = markdown.write_budgets(both, "table").splitlines()
    assert head == "| trainings | `nos-search` | Optuna | AdamW alone |"
    assert re.match(rf"\| 160 \| {np.mean(few[piece].scores):.4f} \(1\) \| \+0\.\d+, P 1\.00 \(1\) \|  \|$", first)
    assert re.match(r"\| 480 \| 0\.\d+ \(1\) \| -0\.\d+, P 0\.00 \(1\) \| ", second)
    pictures.draw(both, [480], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"own_models-480.png", "own_models-table-budgets.png"}


def test_a_curve_that_never_rose():
    assert find_step_ratio([0.0, 0.0], [0.5, 0.6]) == 0.5
    assert find_step_ratio([0.5, 0.6], [0.0, 0.0]) == 2.0


@pytest.mark.parametrize("curve", [[0.3, 0.3], [0.5, 0.6, 0.55], [0.1, 0.2], [0.0, 0.0]])
def test_equal_curves_need_as_many_steps(curve):
    assert find_step_ratio(curve, curve) == 1.0


def test_profiles_and_means():
    assert find_profile([0.1, 0.2, 0.3], np.array([0.0, 0.2, 0.4])).tolist() == pytest.approx([1.0, 2 / 3, 0.0])
    mean, low, high = bootstrap_tasks({"a": [1.0, 1.0], "b": [2.0, 2.0]}, np.random.default_rng(0))
    assert mean == low == high == 1.5


def test_what_was_measured_is_reported_and_not_measured_again(outcomes, tmp_path, monkeypatch, capsys):
    kept = own_models.Kept(tmp_path / "outcomes.jsonl")
    for piece, one in outcomes.items():
        kept.add(dict(piece._asdict(), fresh_seeds=20, first_fresh_seed=FRESH_SEED), write_outcome(one))
    flags = ["--tasks", "images", "table", "capitals", "--arms", "search", "optuna", "adamw", "--seeds", "3"]
    places = ["--runs", str(tmp_path), "--pictures", str(tmp_path)]
    assert main(["own_models", *flags, *places]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["wins_vs_optuna"], last["losses_vs_optuna"], last["tasks"]) == (1, 1, 3)
    assert last["step_ratio_geomean"] > 1 and (tmp_path / "own_models-480.png").stat().st_size > 10_000


def test_the_middle_budget_is_the_same_in_any_order(outcomes, tmp_path, capsys):
    """With the smallest one, Optuna has the better results."""
    kept = own_models.Kept(tmp_path / "outcomes.jsonl")
    for piece, one in outcomes.items():
        exchanged = dict(search="optuna", optuna="search").get(piece.arm, piece.arm)
        for trainings, arm in ((160, exchanged), (480, piece.arm), (1600, piece.arm)):
            of = piece._replace(arm=arm, trainings=trainings)._asdict()
            kept.add(dict(of, fresh_seeds=20, first_fresh_seed=FRESH_SEED), write_outcome(one))
    flags = ["--tasks", "images", "--arms", "search", "optuna", "adamw", "--seeds", "3", "--runs", str(tmp_path)]
    assert main(["own_models", *flags, "--trainings", "1600", "160", "480"]) == 0
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["trainings"], last["wins_vs_optuna"], last["losses_vs_optuna"]) == (480, 1, 0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda result: result.update(scores=[math.nan, 0.5]), "its scores and its rate must be finite"),
        (lambda result: result["winner"].update(rate=math.inf), "its scores and its rate must be finite"),
        (lambda result: result.update(walls=3), "unexpected keyword argument 'walls'"),
        (lambda result: result.pop("winner"), "it has no 'winner'"),
        (lambda result: result.update(scores=["a"]), "must be real number"),
    ],
)
def test_damaged_results_are_named(outcomes, tmp_path, change, told, capsys):
    lines = []
    for piece, one in list(outcomes.items())[:2]:
        result = json.loads(json.dumps(write_outcome(one)))
        lines.append(dict(of=dict(piece._asdict(), fresh_seeds=20, first_fresh_seed=FRESH_SEED), result=result))
    change(lines[1]["result"])
    path = tmp_path / "outcomes.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    with pytest.raises(Damaged, match=f"line 2 is damaged: .*{told}"):
        markdown.read_outcomes(path)
    with pytest.raises(SystemExit, match="2"):
        main(["own_models", "--runs", str(tmp_path)])
    assert "outcomes.jsonl, line 2 is damaged" in capsys.readouterr().err


def test_documents_show_what_was_measured(outcomes, tmp_path):
    """Losses too, and what is not there is left out."""
    kept = own_models.Kept(tmp_path / "outcomes.jsonl")
    for piece, one in outcomes.items():
        kept.add(dict(piece._asdict(), fresh_seeds=20, first_fresh_seed=FRESH_SEED), write_outcome(one))
    read = markdown.read_outcomes(tmp_path / "outcomes.jsonl")
    assert read == outcomes
    head, _, *rows, gains, saved, steps, times = markdown.write_table(read, 480).splitlines()
    assert head == "| model | `nos-search` | Optuna | AdamW alone |"
    assert [row.split()[1] for row in rows] == ["images", "table", "capitals"] and "capitals (held out)" in rows[-1]
    compared = [report.compare(outcomes, task, "optuna", 480) for task in ("images", "table", "capitals")]
    shown = [
        f"{one.difference:+.4f}, P {one.probability:.2f} ({one.low:.2f} to {one.high:.2f}, 3)" for one in compared
    ]
    assert [re.search(r"[+-]\d\.\d{4}, P [^)]*\)", row)[0] for row in rows] == shown
    assert re.match(r"\| part of AdamW's error that it removes \| [+-]\d.*% \(.*\d to \d.*\) \| .*\) \|  \|$", gains)
    ratios = [
        report.geometric_mean(report.find_step_ratios(read, task, "search", 480))
        for task in ("images", "table", "capitals")
    ]
    assert saved.startswith(
        f"| steps of AdamW to the same score, as a multiple | {np.prod(ratios) ** (1 / 3):.2f} | "
    )
    assert saved.endswith(" |  |")
    assert steps == "| gradient steps of `nos-search`, as a multiple |  | 1.00 | 1.00 |"
    some = {piece: one for piece, one in read.items() if (piece.task, piece.arm) != ("table", "optuna")}
    assert markdown.write_table(some, 480).splitlines()[-4].endswith(") |  |  |")  # Optuna lacks a model
    assert times == "| processor time of `nos-search`, as a multiple |  | 1.00 | 1.00 |"
    said = markdown.write_result(read, 480)
    assert said.startswith("`nos-search` and other methods looked for an optimizer for each of 3 models, all with ")
    assert "| Optuna, over stock optimizers and Muon | 1 | 1 | 1 | 3 |\n" in said
    assert "| the same, on the held-out models only (1 model) | 0 | 1 | 0 | 3 |\n" in said
    assert "| AdamW alone, tuned | 2 | 0 | 1 | 3 |\n" in said and "catalogue" not in said
    also = {piece._replace(arm="catalogue"): one for piece, one in read.items() if piece.arm == "optuna"}
    said = markdown.write_result({**read, **also}, 480)
    assert "| the rules of the catalogue, each trained once, the best tuned | 1 | 1 | 1 | 3 |\n" in said


def test_a_search_that_took_more_steps_is_seen_to(outcomes):
    def spend_half(one):
        return one._replace(winner=one.winner._replace(steps=one.winner.steps // 2))

    half = {piece: spend_half(one) if piece.arm == "optuna" else one for piece, one in outcomes.items()}
    assert report.compare(half, "table", "optuna", 480).steps == 2.0
    assert markdown.write_table(half, 480).splitlines()[-2].endswith(" |  | 2.00 | 1.00 |")


def test_a_search_that_was_continued_has_no_time(outcomes, capsys):
    without = {p: one._replace(seconds=None, wall=None) if p.arm == "search" else one for p, one in outcomes.items()}
    assert np.isnan(report.compare(without, "table", "optuna", 480).time)
    assert "processor time" not in markdown.write_table(without, 480)
    assert np.isnan(report.summarize(without, 480)["table"]["search"]["minutes"])
    (slow,) = (p for p in outcomes if p[:2] == ("table", "search") and p.seed == 0)
    one_known = {**without, slow: outcomes[slow]}
    assert markdown.write_table(one_known, 480).splitlines()[-1].endswith("|  | 1.00 | 1.00 |")


def test_arms_are_compared_on_the_outer_seeds_that_both_have(outcomes):
    """The level of a score depends on the outer seed, so the other seeds of an arm must not count."""
    piece = Piece("table", "search", 480, 0)
    slow = outcomes[piece]._replace(seconds=240.0)
    compared = report.compare(
        {**outcomes, piece: slow, piece._replace(seed=7): outcome(0.99)}, "table", "optuna", 480
    )
    assert compared.splits == 3 and compared.difference == pytest.approx(-0.1, abs=0.01)
    assert compared.time == pytest.approx(4 ** (1 / 3))


def test_no_winner_is_reported_with_a_seed_by_which_it_was_chosen(monkeypatch):
    asked = []
    monkeypatch.setattr(arms, "train_once", lambda one, seeds: asked.append(one) or one)
    winner = Winner("g", 0.1, "linear", 0.0, 0.5, 1, 1)
    arms.train_winner(Piece("table", "search", 10**6, 3), winner, 20)
    reported = {one.seed for one in asked}
    assert len(reported) == 20 and all(one.on_test for one in asked)
    # With the most fresh seeds that a search measures its best rules with.
    assert reported.isdisjoint(choose_seeds(1000, used=range(9, 12)))
    assert max(reported) < trials.FIRST_SEED and max(reported) > max(
        find_task(asked[0].task).protocols["default"].seeds
    )


def test_an_outer_seed_by_which_the_defaults_were_chosen_is_not_reported():
    pieces = own_models.list_pieces(own_models.Config())
    seeds = {task: {p.seed for p in pieces if (p.task, p.arm) == (task, "search")} for task in EIGHT}
    assert seeds["images"] == seeds["resnet"] == seeds["separable"] == {1, 2, 3, 4, 5}
    assert seeds["table"] == seeds["capitals"] == {0, 1, 2, 3, 4}
    assert {p.seed for p in pieces if (p.task, p.arm) == ("images", "random")} == {1, 2, 3}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_outer_seeds_of_hyperband_propose_other_settings(tmp_path):
    """And the same again with the same one, even 0."""

    def draw_settings(seed, name):
        oracle = tuners.make_oracle(Piece("table", "hyperband", 60, seed), 6, str(tmp_path / name))
        trials = [oracle.create_trial(f"tuner {i}") for i in range(20)]
        return [json.dumps(trial.hyperparameters.values, sort_keys=True) for trial in trials]

    first, again, second, third = map(draw_settings, (0, 0, 1, 2), "abcd")
    assert first == again and len({*first, *second, *third}) == 3 * len(set(first)) > 30


def test_splits_have_names():
    assert name_split("images", 3) == "benchmarks.studies.own_tasks.splits:task_images_3"
    with pytest.raises(AttributeError, match="has no attribute 'task_nothing_3'"):
        operator.attrgetter("task_nothing_3")(splits)
