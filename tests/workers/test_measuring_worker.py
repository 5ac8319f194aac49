"""Which errors before the first rule are told by their text alone."""

import pytest

from neural_optimizer_search.report import axes
from neural_optimizer_search.tasks.class_weights import weigh_classes
from neural_optimizer_search.workers.measuring_worker import explain
from neural_optimizer_search.workers.worker import Unmeasurable


def call_as_package(call):
    """The error of a call into the package, as if nobody else had called."""
    with pytest.raises(ValueError) as caught:
        call()
    return caught.value.with_traceback(caught.value.__traceback__.tb_next.tb_next)


def test_what_the_package_says_of_a_task_needs_no_traceback():
    error = call_as_package(lambda: weigh_classes("none", None, "train"))
    assert explain(error) == Unmeasurable(str(error)) and str(error).startswith("Argument `class_weight` must be")


def test_a_fault_of_the_package_keeps_its_traceback():
    told = explain(call_as_package(lambda: axes.count_decades([-1, 1])))
    assert told.message.startswith("ValueError: math domain error (axes.py:") and "count_decades" in told.traceback


def test_what_the_users_own_code_caused_keeps_its_traceback():
    with pytest.raises(ValueError) as caught:
        weigh_classes("none", None, "train")
    told = explain(caught.value)
    assert "(test_measuring_worker.py:" in told.message and "weigh_classes" in told.traceback
