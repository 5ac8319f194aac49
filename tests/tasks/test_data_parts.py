"""The names that messages give to the parts of data."""

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search.tasks.data_parts import name_parts

X = np.zeros([4, 2])
RAGGED = tf.ragged.constant([[1.0], [], [2.0], [3.0]])


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (X, ["inputs"]),
        ((X,), ["inputs"]),
        ((RAGGED, X, X), ["inputs", "targets", "sample weights"]),
        (({"b": X, "a": X}, X), ["inputs['b']", "inputs['a']", "targets"]),
        (((X, X), {"price": X}), ["inputs[0]", "inputs[1]", "targets['price']"]),
        (({"a": (X, {0: X})}, X), ["inputs['a'][0]", "inputs['a'][1][0]", "targets"]),
    ],
)
def test_each_part_has_a_name_of_its_own(data, names):
    assert [name for name, _ in name_parts(data)] == names
