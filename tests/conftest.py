"""For all tests, before any imports TensorFlow."""

import gc
import os

import pytest

# The kernels that the worker processes use (see `measuring_worker.py`).
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"


@pytest.fixture
def trains_nothing(monkeypatch):
    """Commands with `--executor local` train nothing: rewards are made up."""
    import fakes

    from neural_optimizer_search.workers.config import EXECUTORS

    monkeypatch.setitem(EXECUTORS, "local", fakes.open_nothing)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files with slow tests come first: else one process would still be at them when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter):
    """How commands ended on what was damaged: the sum of all `record_property("ending", [command, faults])`."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    told = [
        [ending for name, ending in report.user_properties if name == "ending"]
        for report in reports
        if getattr(report, "when", "") == "call"
    ]
    endings = [ending for one in told for ending in one]
    if endings:
        kinds = ("traceback", "hang", "foreign write", "message", "wrong result", "lost file")
        found = [kind for _, faults in endings for kind, _ in faults]
        counts = ", ".join(f"{found.count(kind)} {kind}{'' if found.count(kind) == 1 else 's'}" for kind in kinds)
        commands = len({command for command, _ in endings})
        terminalreporter.write_line(
            f"{sum(map(bool, told))} mutants, {len(endings)} runs of {commands} commands: {counts}"
        )


def pytest_collection_finish(session):
    """A collection of garbage looks at TensorFlow's 280,000 objects, for a third of a second; they stay anyway."""
    gc.collect()
    gc.freeze()
