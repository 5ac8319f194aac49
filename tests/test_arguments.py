"""The checks of arguments: what is allowed, and what the error says."""

import dataclasses

import numpy as np
import pytest

from neural_optimizer_search.arguments import check_fields


@dataclasses.dataclass(frozen=True)
class Settings:
    count: int = 3
    share: float = 0.5

    def __post_init__(self):
        check_fields(self, "above 0", "count")
        check_fields(self, "in [0, 1]", "share")


@pytest.mark.parametrize("changes", [{}, {"count": np.int64(1)}, {"share": 1}, {"share": np.float32(0.25)}])
def test_fields_that_are_allowed(changes):
    made = Settings(**changes)
    assert dataclasses.asdict(made) == {"count": 3, "share": 0.5, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "Argument `count` must be a whole number above 0. Received: 0."),
        ({"count": 2.5}, "Argument `count` must be a whole number above 0. Received: 2.5."),
        ({"count": True}, "Argument `count` must be a whole number above 0. Received: True."),
        ({"count": "3"}, "Argument `count` must be a whole number above 0. Received: '3'."),
        ({"count": float("inf")}, "Argument `count` must be a whole number above 0. Received: inf."),
        ({"share": 1.5}, "Argument `share` must be a finite number in [0, 1]. Received: 1.5."),
        ({"share": float("nan")}, "Argument `share` must be a finite number in [0, 1]. Received: nan."),
        ({"share": False}, "Argument `share` must be a finite number in [0, 1]. Received: False."),
        ({"share": 10**400}, f"Argument `share` must be a finite number in [0, 1]. Received: {10**400}."),
        ({"share": "half"}, "Argument `share` must be a finite number in [0, 1]. Received: 'half'."),
    ],
)
def test_fields_that_are_not(changes, message):
    with pytest.raises(ValueError) as caught:
        Settings(**changes)
    assert str(caught.value) == message


class Environment:
    """No dataclass: its defaults are those of its arguments."""

    def __init__(self, horizon: int = 5, bound: float = 10.0):
        self.horizon, self.bound = horizon, bound
        check_fields(self, "above 0", "horizon", "bound")


def test_fields_of_any_class():
    assert Environment(bound=2).bound == 2
    with pytest.raises(ValueError, match=r"Argument `horizon` must be a whole number above 0. Received: 5.0."):
        Environment(horizon=5.0)
    with pytest.raises(ValueError, match=r"Argument `bound` must be a finite number above 0. Received: inf."):
        Environment(bound=float("inf"))
