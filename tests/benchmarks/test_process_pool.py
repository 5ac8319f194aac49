"""Processes that compute at the same time."""

import multiprocessing
import os
import time
from concurrent.futures.process import BrokenProcessPool

import pytest

from benchmarks.trials.processes import process_pool, set_environment

pytestmark = [pytest.mark.once, pytest.mark.slow]


def test_an_interrupt_ends_what_the_pool_computes_and_no_other_process():
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(60,))
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), process_pool(1) as pool:
            assert pool.submit(os.getppid).result() == os.getpid()
            computing = pool.submit(time.sleep, 60)
            raise KeyboardInterrupt
        assert multiprocessing.active_children() == [other]
        # A pool that waits for its processes would have a result.
        assert isinstance(computing.exception(), BrokenProcessPool)
    finally:
        other.kill()
        other.join()


def test_the_environment_of_the_user_stays(monkeypatch):
    monkeypatch.setattr(os, "environ", dict(OMP_NUM_THREADS="3"))
    set_environment()
    assert os.environ["OMP_NUM_THREADS"] == "3" and os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
