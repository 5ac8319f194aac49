"""For all tests, before any imports TensorFlow."""

import gc
import os
import signal

import marks
import pytest

LEFT_OUT = marks.find_left_out()
collect_ignore_glob = [f"{directory}/test_*.py" for directory in LEFT_OUT]
# The kernels that the worker processes use (see `measuring_worker.py`).
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
# Under `nohup`, or behind an & of a shell without job control, these are ignored, and so by all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
for name in ("SIGHUP", "SIGQUIT"):
    if hasattr(signal, name) and signal.getsignal(getattr(signal, name)) is signal.SIG_IGN:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


@pytest.fixture
def trains_nothing(monkeypatch):
    """Commands with `--executor local` train nothing: rewards are made up, and what is said of a task."""
    import fakes

    fakes.train_nothing(monkeypatch)


@pytest.fixture(scope="module")
def graphs_as_traced():
    """For all tests of a file, and what they share; see tests/graphs.py."""
    import graphs

    with graphs.as_traced():
        yield


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files with slow tests come first: else one process would still be at them when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """What `marks.only_long` marks: `make test-long` selects it by that mark, which by itself would skip nothing."""
    why = [mark.kwargs["only"] for mark in item.iter_markers("long") if "only" in mark.kwargs]
    if why and not marks.LONG:
        pytest.skip(f"{why[0]} make test-long has it.")


def pytest_terminal_summary(terminalreporter):
    """Says what was left out, which a header would not with -q; and what was damaged."""
    for directory, module in LEFT_OUT.items():
        terminalreporter.write_line(f"Left out: tests/{directory}, as {module} is not installed.")
    _sum_up_endings(terminalreporter)


def _sum_up_endings(terminalreporter):
    """Sums up `record_property("ending", [mutant, command, faults])`: how commands ended on what was damaged."""
    reports = [report for reports in terminalreporter.stats.values() for report in reports]
    called = [report for report in reports if getattr(report, "when", "") == "call"]
    endings = [ending for report in called for name, ending in report.user_properties if name == "ending"]
    if endings:
        mutants, commands, faults = zip(*endings)
        found = [kind for some in faults for kind, _ in some]
        kinds = ("tracebacks", "hangs", "foreign writes", "unclear messages", "wrong results", "lost files")
        counts = ", ".join(f"{found.count(kind)} {kind}" for kind in kinds)
        terminalreporter.write_line(
            f"{len(set(mutants))} mutants, {len(endings)} runs of {len(set(commands))} commands: {counts}"
        )


def pytest_collectstart():
    """Until all files are imported, little is garbage, and to look for it takes a fifth of the time."""
    gc.disable()


def pytest_collection_finish(session):
    """A collection of garbage looks at TensorFlow's 280,000 objects, for a third of a second; they stay anyway."""
    gc.collect()
    gc.freeze()
    gc.enable()
