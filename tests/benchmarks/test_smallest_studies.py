"""Every study that no other test runs, at its smallest size, from the command line to its figures."""

import json

import fakes
import marks
import pytest

from benchmarks import run
from benchmarks.studies import STUDIES, StudyFailed, same_steps
from neural_optimizer_search import parse_formula
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.ranking import Contender, Ranking

# Study -> its flags and a key of its figures.
SMALLEST = {
    "staged_sweep": ("--rules 1", "finalists"),
    "task_discrimination": ("--protocol reduced --repeats 2", "means"),
    "screen_rejections": ("--rules 1 --seeds_per_rule 1", "depths"),
    "evaluation_speed": ("--protocol reduced --repeats 1", "ratio"),
    "search_throughput": ("--workers 1 --seeds_per_rule 1 --budget 40 --repeats 1", "workers"),
    "real_search": (
        "--protocol reduced --algorithms random --seeds 1 --budget 1 --top 1 --fresh_seeds 2 --runs {out} "
        "--results {out}",
        "test",
    ),
    "same_steps": (
        "--tasks digits --algorithms random --seeds 1 --rules 6 --fresh_seeds 2 --depth 1 --workers 1 --runs {out}",
        "searches",
    ),
    "optimizer_step": ("--rounds 1", "optimizers"),
    "own_model_speed": ("--models mlp --repeats 1", "ratios"),
}


QUICK = ("staged_sweep", "own_model_speed")
LONG = [marks.only_long("It trains for a while."), pytest.mark.slow]
# The others, which have test files of their own.
ELSEWHERE = (
    "depth1_table", "search_algorithms", "alike_rules", "racing", "proposals", "own_models", "transfer", "archive",
    "leave_one_out", "learned_optimizers", "scaling", "backends", "worker_memory", "ledger_growth",
    "stock_optimizers", "tuning", "schedules_and_constants",
)  # fmt: skip


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=LONG) for name in SMALLEST])
def test_a_study_runs(name, tmp_path, capsys):
    flags, key = SMALLEST[name]
    assert run.main([name, *flags.format(out=tmp_path).split()]) == 0
    table, last = capsys.readouterr().out.rstrip().rsplit("\n", 1)
    assert table and json.loads(last)[key]


def test_a_search_that_found_nothing_is_one_sentence(tmp_path, monkeypatch):
    Ledger(tmp_path / LEDGER, {}).close()
    diverged = Contender("", fakes.fake_evaluation(parse_formula("log(g)"), 0.0), place=1)
    monkeypatch.setattr(same_steps, "read_ranking", lambda ledger: Ranking((diverged,), ()))
    with pytest.raises(StudyFailed, match="found no rule that trains to the end: give more --rules"):
        same_steps._read(tmp_path, None)


def test_no_study_is_left_out():
    assert sorted([*SMALLEST, *ELSEWHERE]) == sorted(STUDIES)
