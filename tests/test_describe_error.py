"""What is told of an error in somebody's code: their words and line, whatever TensorFlow and Keras put around."""

import importlib

import numpy as np
import pytest
import tensorflow as tf

from neural_optimizer_search import parse_formula
from neural_optimizer_search.describe_error import describe_error, format_traceback, is_of_this_package


def read_shard(*_):
    raise OSError("my data: cannot read shard 7")


def raise_nothing_said(*_):
    raise RuntimeError()


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no")


def raise_unspeakable(*_):
    raise Unspeakable()


def graph(function):
    """Calls a function while a graph is traced, as a child's training is, and then runs it."""
    traced = tf.function(lambda x: function(x), autograph=False)
    return traced.get_concrete_function(tf.TensorSpec([None, 2]))(tf.ones([3, 2]))


@tf.function
def branch(x):
    if tf.reduce_sum(x) > 0:
        read_shard()
    return x


class Layer(tf.keras.layers.Layer):
    """Calls a function where its model is trained."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, inputs, training=None):
        return self.function(inputs) if training else inputs


def train(function, eager=False):
    model = tf.keras.Sequential([Layer(function)])
    model(tf.ones([3, 2]))

    def step(x):
        return model(x, training=True)

    return step(tf.ones([3, 2])) if eager else graph(step)


def in_python(function):
    return lambda x: tf.ensure_shape(tf.numpy_function(function, [x], tf.float32), [None, 2])


def generate():
    yield np.ones(2, np.float32)
    read_shard()


def read_dataset():
    return list(tf.data.Dataset.from_generator(generate, output_signature=tf.TensorSpec([2])))


SHARD = "OSError: my data: cannot read shard 7", read_shard
# What is called -> (what is told, the function whose first line raises it).
CASES = {
    "as it is": (read_shard, *SHARD),
    "while tracing": (lambda: graph(read_shard), *SHARD),
    "while tracing, autograph": (lambda: branch(tf.ones([2])), *SHARD),
    "at run time, numpy_function": (lambda: graph(in_python(read_shard)), *SHARD),
    "at run time, py_function": (lambda: graph(lambda x: tf.py_function(read_shard, [x], tf.float32)), *SHARD),
    "in a generator": (read_dataset, *SHARD),
    "in a mapped dataset": (lambda: tf.data.Dataset.range(3).map(lambda x: branch(x)), *SHARD),
    "in a layer": (lambda: train(read_shard, eager=True), *SHARD),
    "in a layer, while tracing": (lambda: train(read_shard), *SHARD),
    "in a layer, autograph": (lambda: train(branch), *SHARD),
    "in a layer, at run time": (lambda: train(in_python(read_shard)), *SHARD),
    "in a layer, eager numpy_function": (lambda: train(in_python(read_shard), eager=True), *SHARD),
    "without text": (raise_nothing_said, "RuntimeError", raise_nothing_said),
    "without text, while tracing": (lambda: graph(raise_nothing_said), "RuntimeError", raise_nothing_said),
    "without text, at run time": (lambda: graph(in_python(raise_nothing_said)), "RuntimeError", raise_nothing_said),
    "whose text raises": (raise_unspeakable, "Unspeakable", raise_unspeakable),
}


def catch(call):
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


@pytest.mark.parametrize("name", list(CASES))
def test_their_words_and_their_line(name):
    call, told, where = CASES[name]
    error = catch(call)
    assert (
        describe_error(error)
        == f"{told} (test_describe_error.py:{where.__code__.co_firstlineno + 1}, in {where.__name__})"
    )
    assert "Traceback (most recent call last)" in format_traceback(error)


def test_of_an_op_that_fails_later_the_line_that_made_it_is_told():
    text = (
        "Graph execution error:\n\nDetected at node while/layer/GatherV2 defined at (most recent call last):\n"
        '  File "/usr/lib/site-packages/keras/src/engine/base_layer.py", line 1149, in __call__\n\n'
        '  File "/home/mine/their_module.py", line 7, in call\n\n'
        "indices = 77 is not in [0, 10)\n\t [[{{node while/layer/GatherV2}}]] [Op:__inference__training_2153]"
    )
    told = describe_error(tf.errors.InvalidArgumentError(None, None, text))
    assert told == "InvalidArgumentError: indices = 77 is not in [0, 10) (their_module.py:7, in call)"


def test_of_tensorflows_own_errors_their_line_is_told():
    error = catch(lambda: graph(lambda x: tf.reshape(x, [5, 7]) + tf.ones([3])))
    assert "test_describe_error.py" in describe_error(error)


@pytest.mark.parametrize("code", ["x = (", "import there_is_none_such", "raise SystemExit('enough')"])
def test_what_a_module_raises_when_it_is_imported(code, tmp_path, monkeypatch):
    (tmp_path / "their_module.py").write_text(f"\n\n{code}\n")
    monkeypatch.syspath_prepend(tmp_path)
    error = catch(lambda: __import__("their_module"))
    told = describe_error(error)
    assert told.startswith(type(error).__name__) and told.endswith("(their_module.py:3)") and told.count("(") <= 2


@pytest.mark.parametrize("text", [
    "two\nlines", "\n\n", "x" * 10_000, "name with \udce9", 'File "a.py", line 3', "in user code:",
    "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    x\n", "\x1b[1m", "\0", "{{function_node",
    "Exception encountered when calling layer", "Detected at node x defined at (most recent call last):\n  File \"",
])  # fmt: skip
def test_any_text_gives_one_line(text):
    for error in (ValueError(text), OSError(5, text), tf.errors.UnknownError(None, None, text)):
        told = describe_error(error)
        assert told.startswith(type(error).__name__) and len(told.splitlines()) == 1 and len(told) < 1000
        told.encode()
        format_traceback(error).encode()


def test_whose_error_it_is():
    with pytest.raises(ValueError) as caught:
        parse_formula("no such rule")
    assert not is_of_this_package(caught.value)  # this file is in between
    below = caught.value.with_traceback(caught.value.__traceback__.tb_next)
    assert is_of_this_package(below)
    assert not is_of_this_package(ValueError("never raised"))


def test_this_package_is_no_code_of_the_users_where_it_is_installed(monkeypatch):
    place = "/environment/site-packages/neural_optimizer_search/"
    monkeypatch.setattr(importlib.import_module(describe_error.__module__), "_THIS_PACKAGE", place)
    scope = {}
    exec(compile("def load():\n    raise FileNotFoundError('no data')", f"{place}tasks/cifar10.py", "exec"), scope)
    with pytest.raises(FileNotFoundError) as caught:
        scope["load"]()
    assert is_of_this_package(caught.value.with_traceback(caught.value.__traceback__.tb_next))
