"""What tells that a task is another one than before."""

import dataclasses
import json

import fakes
import pytest

from neural_optimizer_search.measuring.fingerprint import Fingerprint

BEFORE = Fingerprint({"mine.py": "a", "net.py": "b"}, {"train": "c", "validation": "d"}, 0.5, 0.25, "mae", 4.0, 0.0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, ""),
        ({"untrained": 0.5 * (1 + 5e-5)}, ""),
        ({"untrained": 0.75}, "the loss of the untrained model, from 0.5 to 0.75"),
        ({"code": {"mine.py": "z", "new.py": "b"}}, "the code of mine.py, the code of net.py, the code of new.py"),
        ({"data": {"train": "z", "validation": "d"}}, "the data of `train`"),
        ({"trained": 0.2}, "the loss after a training with Adam, from 0.25 to 0.2"),
        ({"metric": "loss"}, "the metric, from mae to loss"),
        ({"schedules": "linear"}, "the schedules of the learning rate, from constant to linear"),
        (
            {"worst": 3.0, "best": 1.0},
            "the metric's value with the score 0, from 4 to 3, the metric's value with the score 1, from 0 to 1",
        ),
        (
            {"data": {"train": "c", "validation": "z"}, "untrained": 0.0},
            "the data of `validation`, the loss of the untrained model, from 0.5 to 0",
        ),
    ],
)
def test_what_is_another(change, told):
    now = dataclasses.replace(BEFORE, **change)
    assert BEFORE.describe_change(now) == told
    assert (now.identity(fakes.BLOBS, fakes.TINY) == BEFORE.identity(fakes.BLOBS, fakes.TINY)) == (not told)


def test_a_protocol_is_in_the_identity():
    longer = dataclasses.replace(fakes.TINY, final_steps=16)
    assert BEFORE.identity(fakes.BLOBS, longer) != BEFORE.identity(fakes.BLOBS, fakes.TINY)


def test_as_json():
    assert Fingerprint.from_dict(json.loads(json.dumps(BEFORE.as_dict()))) == BEFORE


def test_one_of_an_earlier_release_is_of_a_constant_rate():
    recorded = {name: value for name, value in BEFORE.as_dict().items() if name != "schedules"}
    assert Fingerprint.from_dict(recorded) == BEFORE
    assert BEFORE.schedules == "constant"


@pytest.mark.parametrize(
    "change",
    [
        {"code": []}, {"code": {"a": 1}}, {"data": None}, {"untrained": True}, {"untrained": "1"}, {"metric": 3},
        {"worst": None}, {"best": "0"}, {"more": 1}, {"schedules": None},
    ],
)  # fmt: skip
def test_what_is_none(change):
    with pytest.raises(ValueError, match="its fingerprint of the task has"):
        Fingerprint.from_dict({**BEFORE.as_dict(), **change})
    for recorded in ([], {}):
        with pytest.raises(
            ValueError, match="its fingerprint of the task has other parts than code, data, untrained"
        ):
            Fingerprint.from_dict(recorded)
