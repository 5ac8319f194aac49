"""The study of long searches, on short ones."""

import json

import marks
import pytest

from benchmarks import run
from benchmarks.studies.ledger_growth.made_up import make_run
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS


def test_a_made_up_run_has_what_a_real_one_has(tmp_path):
    make_run(tmp_path / "run", 45)
    ledger = Ledger(tmp_path / "run" / LEDGER, read_only=True)
    counts, found = ledger.counts(), ledger.evaluations("search")
    assert counts["trained"] == ledger.trained == len(found) == len({e.key for e in found}) == 45
    assert counts["repeated"] == counts["screened"] == 50 and counts["diverged"] > 0
    assert len(ledger.evaluations("baseline")) == len(KNOWN_OPTIMIZERS)
    ledger.close()


@pytest.mark.slow
@marks.only_long("It measures for half a minute.")
def test_the_study_runs(capsys):
    assert run.main(["ledger_growth", "--evaluations", "10", "40", "--steps", "2"]) == 0
    table, _, last = capsys.readouterr().out.rstrip().rpartition("\n")
    assert "ms a step" in table
    figures = json.loads(last)
    assert {"step_ms_1e1", "step_ms_40", "report_s_40", "report_mb_40", "resume_s_40", "resume_mb_40"} <= set(figures)
    assert all(value > 0 for value in figures.values())
    assert figures["page_mb_40"] < 1
