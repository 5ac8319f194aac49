"""Searches of studies: they resume whatever a kill left, and what refuses one is the study's reason, too."""

import fakes
import pytest
from tiny_searches import trained

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.searches import run_search
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.workers.config import EXECUTORS

pytestmark = pytest.mark.once

GIVEN = dict(
    task="digits", protocol="reduced", space="signs", depth=1, algorithm="random", cache="none", start="none"
)
BUDGET = dict(budget=3, workers=1, fresh_seeds=0)


@pytest.fixture
def trains_fakes(monkeypatch, trains_nothing):
    monkeypatch.setitem(EXECUTORS, "local", fakes.open_fake(fakes.fake_evaluation))


@pytest.mark.parametrize("left", [None, "directory", "empty ledger"])
def test_a_search_begins_where_a_kill_left_nothing_of_use(trains_fakes, tmp_path, left):
    run = tmp_path / "run"
    if left:
        run.mkdir()
    if left == "empty ledger":
        (run / LEDGER).touch()
    run_search(run, GIVEN, BUDGET)
    assert trained(run) == 3
    run_search(run, GIVEN, dict(BUDGET, budget=5))
    assert trained(run) == 5


def test_a_search_that_is_refused(trains_fakes, tmp_path, capsys):
    with pytest.raises(StudyFailed, match=r"the search in .*run failed with exit code 2"):
        run_search(tmp_path / "run", dict(GIVEN, depth=0), BUDGET)
    assert "argument --depth" in capsys.readouterr().err


@pytest.mark.parametrize(
    "flag, begins, goes_on, message",
    [
        ("protocol", "reduced", "default", "--protocol reduced, not with default."),
        ("space", "signs", "modern", "--space signs, not with modern."),
        ("depth", 1, 2, "--depth 1, not with 2."),
        ("depth", 1, None, "--depth 1, not with left out."),
        ("start", "sgd", "adam", "--start sgd, not with adam."),
    ],
)
def test_a_search_that_began_with_other_flags_is_not_taken_for_this_one(
    trains_fakes, tmp_path, flag, begins, goes_on, message
):
    run = tmp_path / "run"
    of = {name: value for name, value in GIVEN.items() if name != "space" or goes_on is not None}
    run_search(run, {**of, flag: begins}, BUDGET)
    with pytest.raises(StudyFailed, match=f"run began with {message} Give another directory with --runs"):
        run_search(run, {**of, flag: goes_on}, BUDGET)


def test_a_search_goes_on_with_the_rules_that_it_began_with_wherever_their_file_is(trains_fakes, tmp_path):
    run, rules = tmp_path / "run", tmp_path / "rules.txt"
    rules.write_text("Adam * 2\n")
    run_search(run, dict(GIVEN, start=(rules, "sgd")), BUDGET)
    moved = rules.rename(tmp_path / "moved.txt")
    run_search(run, dict(GIVEN, start=(moved, "sgd")), dict(BUDGET, budget=5))
    assert trained(run) == 5
    rules.write_text("RMSProp * 2\n")
    with pytest.raises(StudyFailed, match=r"began with --start .*rules.txt sgd, which had other rules then\."):
        run_search(run, dict(GIVEN, start=(rules, "sgd")), BUDGET)
