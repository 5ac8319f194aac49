"""What optimizers make of the same gradients: the exported ones of each framework, and `RuleOptimizer`.

A path is the weights after each step: for each tensor an array [step, *shape].
"""

import contextlib
import dataclasses
import importlib.util
import inspect
from typing import Any
from unittest import mock

import marks
import numpy as np

from neural_optimizer_search import RuleOptimizer
from neural_optimizer_search.dsl import vocabulary
from neural_optimizer_search.keras_versions import BACKEND, KERAS_3, keras

STEPS = 50 if marks.LONG else 6
SHAPES = ((13,), (2, 3), (), (2, 2, 3))
ARGUMENTS = dict(learning_rate=0.02, decay_steps=32, seed=-7)  # t / 32 is exact however it is computed
_RNG = np.random.default_rng(0)


# Framework -> whether its files can run here.
_CAN_RUN = {
    "keras": KERAS_3,
    "tensorflow": BACKEND == "tensorflow",
    "optax": importlib.util.find_spec("optax") is not None,
    "torch": importlib.util.find_spec("torch") is not None,
}
FRAMEWORKS = [name for name, can_run in _CAN_RUN.items() if can_run]
OF_KERAS = [name for name in FRAMEWORKS if name in ("keras", "tensorflow")]


def _draw_gradients(shape):
    """Of both signs and several magnitudes, some 0 and some with a cube that underflows to 0."""
    size = (STEPS, *shape)
    return (_RNG.normal(size=size) * _RNG.choice([0, 1e-16, 1e-2, 1, 5], size)).astype(np.float32)


GRADIENTS = [_draw_gradients(shape) for shape in SHAPES]
WEIGHTS = [_RNG.normal(size=shape).astype(np.float32) for shape in SHAPES]
_MOVED = [
    [(x * (1 + 2e-7 * _RNG.choice([-1, 1], x.shape))).astype(np.float32) for x in arrays]
    for arrays in (GRADIENTS, WEIGHTS)
]


def load(rule, framework, name="MyOptimizer") -> Any:
    """What an exported file defines, by name."""
    names = {"__name__": "exported"}
    exec(rule.to_source(name, framework), names)
    return names


def make(rule, framework, **arguments) -> Any:
    """An exported optimizer; it gets those of `ARGUMENTS` that it takes. That of torch must be given its `params`."""
    return call(load(rule, framework)["MyOptimizer"], **arguments)


def call(optimizer, **arguments):
    takes = inspect.signature(optimizer).parameters
    own = {name: value for name, value in ARGUMENTS.items() if name in takes}
    if "lr" in takes:
        arguments["lr"] = arguments.pop("learning_rate", ARGUMENTS["learning_rate"])
    return optimizer(**{**own, **arguments})


# -- Keras -----------------------------------------------------------------------------------------


def new_variable(value, dtype="float32"):
    if KERAS_3:
        return keras.Variable(value, dtype=dtype)
    import tensorflow as tf

    return tf.Variable(value, dtype=dtype)


def new_tensor(value, dtype="float32"):
    if KERAS_3:
        return keras.ops.convert_to_tensor(value, dtype=dtype)
    import tensorflow as tf

    return tf.constant(value, dtype)


def to_numpy(variable):
    return np.array(keras.ops.convert_to_numpy(variable) if KERAS_3 else variable.numpy())


def keras_path(optimizer, gradients=GRADIENTS, weights=WEIGHTS):
    """That of a Keras optimizer; a long one on TensorFlow as one compiled loop."""
    variables = [new_variable(w) for w in weights]
    optimizer.build(variables)
    if BACKEND == "tensorflow" and len(gradients[0]) > 10:
        return _tensorflow_path(optimizer, gradients, variables)
    path = []
    for step in range(len(gradients[0])):
        optimizer.apply_gradients([(new_tensor(g[step]), w) for g, w in zip(gradients, variables)])
        path.append([to_numpy(w) for w in variables])
    return [np.array(one) for one in zip(*path)]


def _tensorflow_path(optimizer, gradients, variables):
    import tensorflow as tf

    @tf.function
    def run(gradients):
        path = [tf.TensorArray(w.dtype, len(g), element_shape=w.shape) for g, w in zip(gradients, variables)]
        for step in tf.range(len(gradients[0])):
            optimizer.apply_gradients([(g[step], w) for g, w in zip(gradients, variables)])
            path = [array.write(step, tf.convert_to_tensor(w)) for array, w in zip(path, variables)]
        return [array.stack() for array in path]

    return [one.numpy() for one in run([tf.constant(g) for g in gradients])]


def rule_optimizer_path(rule, gradients=GRADIENTS, weights=WEIGHTS):
    return keras_path(RuleOptimizer(rule, **ARGUMENTS), gradients, weights)


def moved_paths(rule):
    """Four of the ways in which a path can be rounded."""
    return [_move_path(rule, np.random.default_rng(seed)) for seed in range(4)]


def _move_path(rule, rng):
    """The path with every number and what every word makes of it rounded in another way."""

    def move(value):
        factor = 1 + rng.choice([-1, 1]) * rng.uniform(2e-7, 4e-7)  # of different sizes, not to cancel
        return lambda *arguments: value(*arguments) * factor

    def shift(decay):  # 1 + cos(...) is as exact as the 1
        return lambda *arguments: decay(*arguments) + 6e-8

    decays = {name: shift(getattr(vocabulary, name)) for name in ("linear", "cyclical", "restart")}
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.multiple(vocabulary, **decays))
        for table in (vocabulary.OPERANDS, vocabulary.UNARIES, vocabulary.BINARIES):
            moved = {name: dataclasses.replace(word, value=move(word.value)) for name, word in table.items()}
            patches.enter_context(mock.patch.dict(table, moved))
            patches.enter_context(_without_members(table))
        return rule_optimizer_path(rule, *_MOVED)


@contextlib.contextmanager
def _without_members(table):
    """Members of families are made anew, of the rows that are there, and forgotten."""
    table.find.cache_clear()
    yield
    table.find.cache_clear()


# -- Others ----------------------------------------------------------------------------------------


def optax_path(optimizer, gradients=GRADIENTS, weights=WEIGHTS):
    """That of a `GradientTransformation`; not compiled, as XLA takes exp(x)^0 for exp(x * 0)."""
    import jax.numpy as jnp
    import optax

    weights, path = [jnp.asarray(w) for w in weights], []
    state = optimizer.init(weights)
    for step in range(len(gradients[0])):
        updates, state = optimizer.update([jnp.asarray(g[step]) for g in gradients], state, weights)
        weights = optax.apply_updates(weights, updates)
        path.append([np.array(w) for w in weights])
    return [np.array(one) for one in zip(*path)]


def torch_path(make_optimizer, gradients=GRADIENTS, weights=WEIGHTS):
    """That of a `torch.optim.Optimizer`, which `make_optimizer` gives for parameters.

    The first axis of PyTorch's kernels is that of the outputs, which is the last of the given arrays and of the path.
    """
    import torch

    def to_torch(x):
        return torch.tensor(np.moveaxis(x, -1, 0) if np.ndim(x) > 1 else x)

    def from_torch(w):
        x = w.detach().numpy().copy()
        return np.moveaxis(x, 0, -1) if x.ndim > 1 else x

    parameters = [torch.nn.Parameter(to_torch(w)) for w in weights]
    optimizer, path = make_optimizer(parameters), []
    for step in range(len(gradients[0])):
        for w, g in zip(parameters, gradients):
            w.grad = to_torch(g[step])
        optimizer.step()
        path.append([from_torch(w) for w in parameters])
    return [np.array(one) for one in zip(*path)]


def path_of(rule, framework, gradients=GRADIENTS, weights=WEIGHTS, **arguments):
    """That of the exported optimizer of a framework."""
    if framework == "torch":
        return torch_path(lambda params: make(rule, framework, params=params, **arguments), gradients, weights)
    run = optax_path if framework == "optax" else keras_path
    return run(make(rule, framework, **arguments), gradients, weights)


# -- Comparison ------------------------------------------------------------------------------------


def difference(path, expected, moved=()) -> float:
    """The largest difference of two paths, relative to the weights, beyond what rounding explains.

    That is twice as much as `expected` differs so far from the paths `moved`, which are rounded in other ways.
    """
    worst = 0.0
    for i, (a, b) in enumerate(zip(path, expected)):
        with np.errstate(all="ignore"):
            scale = np.maximum.accumulate(np.maximum(np.nan_to_num(abs(b)), 1.0))
            explained = [2 * np.maximum.accumulate(_distance(b, other[i])) for other in moved]
            beyond = _distance(a, b) - np.max([np.zeros(b.shape), *explained], axis=0)
            worst = max(worst, float(np.max(np.fmax(beyond, 0.0) / scale)))
    return worst


def _distance(a, b):
    """|a - b|; 0 where both are NaN or the same infinity, infinite where only one of them is."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.nan_to_num(abs(a.astype(float) - b), nan=np.inf, posinf=np.inf))
