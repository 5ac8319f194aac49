"""The gradients of a task's child as a ledger has them, which may come from a stranger."""

import json

import pytest

from neural_optimizer_search.measuring.recording import make_descent

WHOLE = dict(gradients=[[1.0, 2.0]] * 3, weights=[[3.0, 4.0]] * 3, shapes=[[2], []], sizes=[5, 1])


def test_a_recording_is_made_a_descent():
    descent = make_descent({**WHOLE, "gradients": [[1.0, 2.0, 3.0]] * 3, "weights": [[3.0, 4.0, 5.0]] * 3})
    assert descent.g.shape == (3, 3) and [tensor.tolist() for tensor in descent.tensors] == [[0, 1], 2]
    assert descent.shares.tolist() == [2.5**0.5, 2.5**0.5, 1.0]


@pytest.mark.parametrize(
    "change",
    [
        dict(gradients="text"),
        dict(gradients=[[1.0, float("nan")]] * 3),
        dict(gradients=[]),
        dict(gradients=[[1.0, 2.0], [1.0]]),
        dict(weights=[[3.0, 4.0]]),
        dict(shapes=None),
        dict(shapes=[[10**9], [10**9]]),  # 16 GB, if arrays were made of it
        dict(shapes=[[-1], [3]]),
        dict(shapes=[[0.5], [1.5]]),
        dict(shapes=[[[1]], [1]]),
        dict(shapes=[[2]]),
        dict(sizes=[5]),
        dict(sizes=[5, 0]),
        dict(sizes=[5, float("nan")]),
        dict(sizes=[5, float("inf")]),
        dict(sizes=[5, 10**400]),
        dict(sizes=[5, "1"]),
    ],
    ids=json.dumps,
)
def test_what_is_no_recording_is_one_sentence(change):
    whole = {**WHOLE, "shapes": [[1], [1]]}
    make_descent(whole)
    with pytest.raises(ValueError, match=r"^the recorded gradients are damaged: "):
        make_descent({**whole, **change})
