"""The study of memory, on a model that is small."""

import marks
import pytest

from benchmarks.studies import StudyFailed, worker_memory


@marks.only_long("It trains in three processes.")
def test_it_measures_each_process(capsys):
    found = worker_memory.run(worker_memory.Config(models=("digits",), workers=2, steps=4))
    (fit,), workers = found["megabytes"]["digits"].values()
    assert len(workers) == 2
    for one in (fit, *workers):
        assert 0 < one["private"] <= one["part"] <= one["peak"]
    assert found["ratios"]["digits"]["peak"] == max(one["peak"] for one in workers) / fit["peak"]
    assert "digits: a worker's peak is " in capsys.readouterr().out


def test_a_process_that_ends_is_named(tmp_path):
    config = worker_memory.Config(models=("cifar10",), steps=4, data_dir=str(tmp_path))
    with pytest.raises(StudyFailed, match=r"^fit of cifar10 ended: .*data_dir"):
        worker_memory.measure("fit", "cifar10", 1, config)


def test_a_process_that_is_killed_is_named(tmp_path, monkeypatch):
    killed = tmp_path / "python"
    killed.write_text("#!/bin/sh\nkill -KILL $$\n")
    killed.chmod(0o700)
    monkeypatch.setattr(worker_memory.sys, "executable", str(killed))
    with pytest.raises(StudyFailed, match=r"^fit of digits ended: code -9, and it wrote nothing$"):
        worker_memory.measure("fit", "digits", 1, worker_memory.Config(steps=4))
