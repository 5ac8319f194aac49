"""What `benchmarks.trials.experiment.Experiment` says, of every experiment."""

import dataclasses
import pathlib

import pytest

from benchmarks.experiments import EXPERIMENTS, load_experiment
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.experiment import SCALES, Experiment
from benchmarks.trials.records import Records
from benchmarks.trials.trials import Metric, Sweep

# At scale "small"; their results are to be measured.
NOT_MEASURED = ()
RESULTS = pathlib.Path(__file__).parents[2] / "benchmarks" / "results"


@pytest.fixture(params=EXPERIMENTS)
def name(request):
    return request.param


@pytest.fixture
def experiment(name):
    return load_experiment(name)


def test_it_has_all_that_an_experiment_has(experiment):
    assert isinstance(experiment, Experiment)
    assert isinstance(experiment.METRIC, Metric)
    assert experiment.TITLE and "\n" not in experiment.TITLE
    assert experiment.SCALED_DOWN.endswith(".")
    assert experiment.REFERENCE in {text.partition("@")[0] for text in experiment.SETTINGS["small"].sweep.contenders}


def test_it_has_a_frozen_setting_with_a_sweep_at_each_scale(experiment):
    scales = tuple(scale for scale in SCALES if scale in experiment.SETTINGS)
    assert tuple(experiment.SETTINGS) == scales and set(SCALES) - set(scales) <= {"medium"}
    for setting in experiment.SETTINGS.values():
        assert isinstance(setting.sweep, Sweep)
        with pytest.raises(dataclasses.FrozenInstanceError):
            setting.sweep = None


@pytest.mark.parametrize("name", [one for one in EXPERIMENTS if "medium" in load_experiment(one).SETTINGS])
def test_medium_is_small_with_ten_times_the_updates(name):
    settings = load_experiment(name).SETTINGS
    small, medium = settings["small"], settings["medium"]
    assert medium.steps == 10 * small.steps and set(medium.sweep.contenders) <= set(small.sweep.contenders)
    assert dataclasses.replace(small, steps=0, evaluations=0, sweep=None) == dataclasses.replace(
        medium, steps=0, evaluations=0, sweep=None
    )


def test_its_contenders_exist_and_have_options(experiment):
    for setting in experiment.SETTINGS.values():
        for text in setting.sweep.contenders:
            contender = read_contender(text, setting.sweep.schedule)
            options = experiment.list_options(setting, str(contender))
            assert options and all(isinstance(one, dict) for one in options)


def test_the_papers_numbers_are_of_known_contenders_and_columns(experiment):
    for contender, numbers in experiment.PAPER.items():
        assert str(read_contender(contender)) == contender
        assert set(numbers) <= set(experiment.COLUMNS)


def test_its_columns_and_pictures_have_names(experiment):
    assert all(heading and format(0.5, form) for heading, form in experiment.COLUMNS.values())
    assert all(word.isidentifier() and callable(plot) for word, plot in experiment.PICTURES.values())


def test_its_kept_results_are_resumed(name, experiment):
    """Also a setting's fields are keys of the records: a renamed one would make them results of another setting."""
    setting = experiment.SETTINGS["small"]
    if name in NOT_MEASURED:
        assert not (RESULTS / f"{name}-small.jsonl").exists()
        return
    records = Records(RESULTS / f"{name}-small.jsonl", setting, reads_only=True)
    expected = [str(read_contender(text, setting.sweep.schedule)) for text in setting.sweep.contenders]
    assert set(records.contenders) >= set(expected)
