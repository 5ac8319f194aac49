"""The study of learned optimizers: its margins, tables and curves, and the trainings that it starts."""

import collections
import csv
import dataclasses
import json
import subprocess
import threading

import marks
import numpy as np
import pytest
from waiting import wait_until

from benchmarks.studies import StudyFailed, learned_optimizers
from benchmarks.studies.learned_optimizers import comparison as comparing
from benchmarks.studies.learned_optimizers import digits, learning, pictures, tables
from benchmarks.studies.learned_optimizers.margins import has_diverged, margins, share_ahead
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.l2o import PredictedStepDescent, saved
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig, Training
from neural_optimizer_search.l2o.named_family import find_family
from neural_optimizer_search.l2o.presets import PRESETS
from neural_optimizer_search.l2o.step_policy import new_policy
from neural_optimizer_search.l2o.trajectories import Trajectories, cap
from neural_optimizer_search.objectives import FAMILIES

SETTINGS = {
    "gradient descent": dict(step=1.0),
    "momentum": dict(step=1.0, alpha=0.5),
    "conjugate gradient": dict(step=0.1),
    "l-bfgs": dict(step=1.0, memory=5),
    "adam": dict(learning_rate=0.1),
}


def test_margins_by_hand():
    """Two functions, three optimizers, one iteration."""
    values = {"a": np.array([[1.0], [4.0]]), "b": np.array([[2.0], [2.0]]), "c": np.array([[5.0], [np.inf]])}
    found = margins(values)
    assert found["a"][0] == pytest.approx((1.0 - 2.0) / 2)  # first by 1, then behind by 2
    assert found["b"][0] == pytest.approx((-1.0 + 2.0) / 2)
    assert found["c"][0] == pytest.approx((-4.0 + (2.0 - 1000.0)) / 2)  # what diverged counts as the cap


def test_share_leaves_out_the_start():
    assert share_ahead(np.array([9.0, 1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.0, 1.0, 1.0, 4.0])) == 0.5


def test_diverged():
    values = np.array([[1.0, 0.5], [1.0, 2.0], [1.0, np.nan], [1.0, 1.0]])
    np.testing.assert_array_equal(has_diverged(values), [False, True, True, False])


@pytest.fixture
def comparison(monkeypatch):
    monkeypatch.setattr(comparing, "HELD_OUT", 6)
    seen = np.random.default_rng(0).normal(size=(50, 125))
    policies = {seed: new_policy(seen, 4, seed, 25)._replace(second=np.zeros([50, 4])) for seed in (0, 2)}
    family = FAMILIES["logistic"]
    return comparing.compare_on_family("logistic", family, policies, comparing.run_baselines(family, SETTINGS))


def test_a_policy_that_stays_loses(comparison):
    found = comparing.summarize_comparison(comparison, SETTINGS)
    ours = found[comparing.LEARNED]
    assert ours["values"][1] == ours["values"][100]
    assert found["gradient descent"]["share"] == [0.0, 0.0]
    lead, low, high = found["adam"]["lead"]
    assert low <= lead <= high < 0
    assert ours["evaluations"] == found["gradient descent"]["evaluations"] == 1.0
    json.dumps(found)


def test_the_deviation_over_seeds_has_n_minus_1_and_one_seed_has_none(comparison):
    at_end = np.array([0.5, 0.7])
    two = dataclasses.replace(
        comparison,
        values={**comparison.values, comparing.LEARNED: np.broadcast_to(at_end[:, None, None], (2, 6, 101))},
    )
    alone = {**two.values, comparing.LEARNED: two.values[comparing.LEARNED][:1]}
    one = dataclasses.replace(two, values=alone, seeds=(0,))
    cells = []
    for each in (two, one):
        figures = comparing.summarize_comparison(each, SETTINGS)
        json.dumps(figures)
        (row,) = [
            line for line in tables.make_comparison_table("", figures).splitlines() if comparing.LEARNED in line
        ]
        cells.append(row.split(" | ")[5])
    assert cells == ["0.6 ± 0.14", "0.5"]


def test_the_table_has_a_row_each(comparison):
    text = tables.make_comparison_table("logistic", comparing.summarize_comparison(comparison, SETTINGS))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 1 + len(SETTINGS)
    assert len({row.count("|") for row in rows}) == 1


def test_curves_and_pictures(comparison, tmp_path):
    tables.write_comparisons(tmp_path / "curves.csv", [comparison])
    rows = list(csv.DictReader((tmp_path / "curves.csv").read_text().splitlines()))
    assert len(rows) == 6 * 2 * 101
    assert {row["seed"] for row in rows} == {"0", "2"}  # that with the seed 1 may have failed
    pictures.draw_comparisons([comparison], comparing.LEARNED, comparing.FIXED, tmp_path)
    assert (tmp_path / "learned_optimizers-logistic.png").stat().st_size > 10_000


def test_curves_come_back(comparison, tmp_path):
    path = tmp_path / "curves.csv"
    tables.write_comparisons(path, [comparison, dataclasses.replace(comparison, preset="paper")])
    (family,) = found = tables.read_curves(path)
    assert family == comparison.name and set(found[family]) == set(comparison.values)
    for name, values in found[family].items():
        expected = cap(comparison.values[name]).mean(axis=-2)
        np.testing.assert_allclose(values, np.broadcast_to(expected, values.shape), rtol=1e-5)
        assert values.shape == (2, 101)


def test_curves_of_other_families_and_presets_are_kept(comparison, tmp_path):
    path, other = tmp_path / "curves.csv", dataclasses.replace(comparison, name="robust")
    for one in (comparison, other, dataclasses.replace(comparison, preset="paper"), other):
        tables.write_comparisons(path, [one])
    rows = list(csv.DictReader(path.read_text().splitlines()))
    places = [("logistic", "steady"), ("logistic", "paper"), ("robust", "steady")]
    assert collections.Counter((row["family"], row["preset"]) for row in rows) == dict.fromkeys(places, 6 * 2 * 101)


def test_more_is_not_replaced_by_less(comparison, monkeypatch, tmp_path):
    tables.write_comparisons(tmp_path / learned_optimizers.CURVES, [comparison])
    monkeypatch.setattr(learned_optimizers, "learn_all", lambda *arguments: pytest.fail("it has begun to learn"))
    for how, lost in ((dict(seeds=1), "2 seeds"), (dict(baselines=()), "adam"), (dict(seeds=1, baselines=()), "2 s")):
        config = learned_optimizers.Config(
            **dict(dict(families=("logistic",), seeds=2), **how), out=tmp_path, results=tmp_path
        )
        with pytest.raises(StudyFailed, match=f"--results: .* has more on logistic .* lose it: {lost}"):
            learned_optimizers.run(config)


def test_a_training_with_other_settings_is_not_taken_for_this_one(tmp_path):
    job = learning.Job("logistic", "steady", 0)
    (tmp_path / job.name).mkdir()
    config = GuidedPolicySearchConfig(functions=90, iterations=12, **PRESETS["steady"])
    saved.save_config(tmp_path / job.name, Training(family="logistic"), config)
    with pytest.raises(StudyFailed, match="iterations = 12, and this study learns with 24: move it"):
        learning.learn_policy(job, tmp_path, [])


def test_there_is_no_picture_of_rules_without_the_usual_preset(tmp_path):
    pictures.draw_rules({}, comparing.LEARNED, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_failed_is_left_out_and_named(monkeypatch, tmp_path, capsys):
    def learn_policy(job, out, running):
        if job.seed == 1 or job.family == "robust":
            raise subprocess.CalledProcessError(1, "nos-learn")
        return out / f"{job.name}.npz"

    monkeypatch.setattr(learning, "learn_policy", learn_policy)
    jobs = [learning.Job("logistic", "paper", seed) for seed in range(3)]
    assert list(learning.learn_all(jobs, tmp_path, workers=2)) == [jobs[0], jobs[2]]
    assert "left out, because its training failed" in capsys.readouterr().out
    with pytest.raises(StudyFailed, match="all trainings failed of robust steady; the reasons"):
        learning.learn_all([*jobs, learning.Job("robust", "steady", 0)], tmp_path, workers=2)


def test_rules_and_learned_optimizers_are_on_the_same_axes(comparison, monkeypatch, tmp_path):
    curves = {comparison.name: {comparing.LEARNED: np.full([2, 101], 0.5), "adam": np.full([2, 101], 0.7)}}
    drawn = []
    monkeypatch.setattr(pictures, "save_figure", lambda figure, path: drawn.append(figure))
    pictures.draw_rules({**curves, "logistic, 5 more": curves[comparison.name]}, comparing.LEARNED, tmp_path)
    (axis,) = drawn[0].axes
    assert [line.get_label() for line in axis.lines] == [comparing.LEARNED, "adam"]
    assert axis.lines[0].get_xdata()[0] == 1 and set(axis.lines[1].get_ydata()) == {0.7}


@pytest.mark.parametrize("name", digits.NAMES)
def test_pairs_of_digits(name):
    """Images of two digits, of which there are equally many, in the form that `nos-learn` takes."""
    family = find_family(learned_optimizers.NAMES[name])
    assert f"digits_{family.dimension}" == name
    inputs, labels = family.draw(np.random.default_rng(0))
    assert inputs.shape == (100, family.dimension - 1) and labels.sum() == 50
    again, _ = family.draw(np.random.default_rng(0))
    assert np.array_equal(inputs, again) and len(np.unique(inputs, axis=0)) == 100
    variances = family.sample(100, seed=0).data[0].reshape(-1, family.features).var(axis=0)
    assert variances[0] > 3 * variances[-1]
    job = learning.Job(name, "steady", 0)
    assert job.flags[1] == digits.NAMES[name] and job.name == f"{name}-seed0"


def test_trajectories(tmp_path):
    rng = np.random.default_rng(0)
    iterates = rng.normal(size=(4, 1, 5, 2))
    way = Trajectories(iterates, rng.uniform(0.1, 1.0, size=(4, 1, 5)), iterates)
    pictures.draw_ways(FAMILIES["logistic_2d"].sample(4, 0), {"one": way}, tmp_path)
    assert (tmp_path / "learned_optimizers-trajectories.png").stat().st_size > 10_000


def test_what_policies_are_tried_on():
    found = {name: learned_optimizers.list_kinds(name, family) for name, family in FAMILIES.items()}
    assert {name: len(kinds) for name, kinds in found.items()} == {
        "logistic": 1,
        "robust": 1,
        "classifier": 5,
        "logistic_2d": 1,
    }
    assert found["classifier"]["classifier, 12 Gaussians"].gaussians == 12


def test_a_problem_has_its_curve_beside_its_trajectories(monkeypatch, tmp_path):
    """Pairs of axes, whose lines are the values and the iterates of every optimizer."""
    policy = new_policy(np.random.default_rng(0).normal(size=(50, 75)), 2, 0, 25)._replace(second=np.zeros([50, 2]))
    functions, ways = learned_optimizers.find_ways({"steady": policy}, SETTINGS)
    drawn = []
    monkeypatch.setattr(pictures, "save_figure", lambda figure, path: drawn.append(figure))
    pictures.draw_ways(functions, ways, tmp_path)
    pairs = np.reshape(drawn[0].axes, [4, 2])
    for number, (curve, contours) in enumerate(pairs):
        assert [len(axis.lines) for axis in (curve, contours)] == [5, 5]
        for i, way in enumerate(ways.values()):
            np.testing.assert_array_equal(curve.lines[i].get_ydata(), way.values[number, 0])
            np.testing.assert_array_equal(np.transpose(contours.lines[i].get_data()), way.iterates[number, 0])


def test_ways_of_two_numbers():
    policy = new_policy(np.random.default_rng(0).normal(size=(50, 75)), 2, 0, 25)._replace(second=np.zeros([50, 2]))
    functions, ways = learned_optimizers.find_ways({"steady": policy, "paper": policy}, SETTINGS)
    ours = comparing.LEARNED, f"{comparing.LEARNED}, paper"
    assert len(functions) == 4 and set(ways) == {*ours, *comparing.FIXED}
    assert all(way.iterates.shape == (4, 1, 101, 2) for way in ways.values())


def test_baselines_are_tuned_once_for_as_many_functions(monkeypatch, tmp_path):
    tuned = []

    def tune(name, functions, start, iterations):
        tuned.append(name)
        return dict(step=1.0, memory=5)

    monkeypatch.setattr(learning, "tune", tune)
    path, family = tmp_path / "baselines.jsonl", FAMILIES["logistic_2d"]
    found = learning.tune_baselines(family, 2, path, ("momentum", "l-bfgs"))
    path.write_bytes(path.read_bytes()[:-5])  # a kill cut off the last one
    assert learning.tune_baselines(family, 2, path, ("l-bfgs", "momentum")) == found
    assert tuned == ["momentum", "l-bfgs", "l-bfgs"]
    learning.tune_baselines(family, 3, path, ("momentum",))
    assert tuned[3:] == ["momentum"]
    path.write_text("{}\n")
    with pytest.raises(Damaged, match=r"baselines\.jsonl, line 1 is damaged"):
        learning.tune_baselines(family, 2, path)


# -- Presets ---------------------------------------------------------------------------------------


def test_each_preset_has_trainings_of_its_own():
    config = learned_optimizers.Config(families=("logistic", "logistic_2d"), presets=("steady", "paper"), seeds=2)
    jobs = learned_optimizers.list_jobs(config)
    assert [job.name for job in jobs] == [
        "logistic-seed0",
        "logistic-seed1",
        "logistic-paper-seed0",
        "logistic-paper-seed1",
        "logistic_2d-seed0",
        "logistic_2d-paper-seed0",
    ]
    assert " ".join(jobs[3].flags) == "--family logistic --preset paper --seed 1"


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(comparing, "HELD_OUT", 6)
    monkeypatch.setattr(learned_optimizers, "tune_baselines", lambda *arguments: SETTINGS)

    def learn_all(jobs, out, workers):
        seen = np.random.default_rng(0).normal(size=(50, 125))
        for job in jobs:
            policy = new_policy(seen, 4, 0, 25)  # one that stays, and one that takes no reasonable step
            policy = policy._replace(second=np.full([50, 4], 0.0 if job.preset == "steady" else 1.0))
            PredictedStepDescent(policy).save(out / f"{job.name}.npz")
        return {job: out / f"{job.name}.npz" for job in jobs}

    monkeypatch.setattr(learned_optimizers, "learn_all", learn_all)


@marks.only_long("It trains policies.")
def test_presets_are_reported_side_by_side(small, tmp_path, capsys):
    config = learned_optimizers.Config(
        families=("logistic",), presets=("steady", "paper"), seeds=2, out=tmp_path, results=tmp_path
    )
    figures = learned_optimizers.run(config)
    assert {title: rows[comparing.LEARNED]["preset"] for title, rows in figures.items()} == {
        "logistic": "steady",
        "logistic, preset paper": "paper",
    }
    assert figures["logistic"]["adam"]["values"] == figures["logistic, preset paper"]["adam"]["values"]
    ours = [rows[comparing.LEARNED]["values"] for rows in figures.values()]
    assert ours[0] != ours[1]
    said = capsys.readouterr().out
    assert all(f"| {preset} | {one[1][0]:.4g} ± 0 |" in said for preset, one in zip(config.presets, ours))
    rows = list(csv.DictReader((tmp_path / "learned_optimizers.csv").read_text().splitlines()))
    assert {row["preset"] for row in rows} == {"steady", "paper"}
    assert (tmp_path / "learned_optimizers-logistic-preset_paper.png").exists()


def test_one_preset_has_no_table_beside_others(small, tmp_path, capsys):
    results = tmp_path / "new" / "results"
    config = learned_optimizers.Config(families=("logistic",), seeds=1, out=tmp_path, results=results)
    assert list(learned_optimizers.run(config)) == ["logistic"]
    assert "presets" not in capsys.readouterr().out


def test_whoever_stops_the_trainings_leaves_none(monkeypatch, tmp_path):
    class Training:
        def __init__(self, *arguments, **named):
            self.ended = threading.Event()
            begun.append(self)

        def wait(self):
            assert self.ended.wait(60)
            return 143

        def terminate(self):
            self.ended.set()

    def stop(futures):
        wait_until(lambda: len(begun) >= 2)
        raise KeyboardInterrupt

    begun = []
    monkeypatch.setattr(learning.subprocess, "Popen", Training)
    monkeypatch.setattr(learning.concurrent.futures, "as_completed", stop)
    with pytest.raises(KeyboardInterrupt):
        learning.learn_all([learning.Job("logistic", "steady", seed) for seed in range(3)], tmp_path, workers=2)
    assert len(begun) == 2
