"""What a search with PPO records depends neither on the number of its workers nor on where it was broken off."""

import functools

import marks
import pytest
from same_searches import Measured, Workers, broken, read, run

pytestmark = [pytest.mark.long, pytest.mark.slow]
# (workers, after how many measurements). A controller takes seconds to make.
BROKEN = [(1, 9), (2, 14), (4, 18)] if marks.LONG else [(3, 14)]


def test_any_number_of_workers_broken_off_anywhere(tmp_path):
    evaluator = Measured()
    run(tmp_path / "whole", "ppo", Workers(evaluator, 1))
    expected = read(tmp_path / "whole")
    assert expected["counts"]["alike"]
    for workers, point in BROKEN:
        make = functools.partial(Workers, evaluator, workers)
        for _, found in broken(tmp_path, "ppo", make, [point]):
            assert found == expected, (workers, point)
