"""What every task promises; one joins by its row in `TASKS`, or in `OWN`."""

import dataclasses
import functools
import pickle

import fakes
import numpy as np
import pytest
import tensorflow as tf
from data_dir import DATA_DIR, skip_without_cifar10

from neural_optimizer_search.tasks import TASKS, KerasTask, Task, cifar10
from neural_optimizer_search.tasks.child import Child, length, rows
from neural_optimizer_search.tasks.image_task import ImageTask
from neural_optimizer_search.tasks.protocol import Protocol

_X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
OWN = {
    "images": fakes.BLOBS,
    "keras": KerasTask(
        model=lambda: tf.keras.Sequential([tf.keras.layers.Dense(1)]),
        train=(_X[:40], _X[:40].sum(1)),
        validation=(_X[40:], _X[40:].sum(1)),
        loss="mse",
        steps=12,
        sizes=dict(batch_size=10),
    ),
}


@pytest.fixture(scope="module", params=[*TASKS, *OWN])
def task(request):
    return {**TASKS, **OWN}[request.param]


@pytest.fixture(scope="module")
def read_once():
    """Makes of what loads examples what reads them once: two tasks have those of CIFAR-10."""
    return functools.cache(functools.cache)


@pytest.fixture(scope="module")
def child(task, read_once):
    if isinstance(task, ImageTask):
        if task.load is cifar10.load:
            skip_without_cifar10()
        task = dataclasses.replace(task, load=read_once(task.load))
    return task.child(smallest(task), DATA_DIR)


def smallest(task):
    return task.protocols.get("reduced") or next(iter(task.protocols.values()))


def test_it_is_a_task(task):
    assert isinstance(task, Task) and task.name


def test_its_protocols_have_their_names(task):
    for name, protocol in task.protocols.items():
        assert isinstance(protocol, Protocol) and protocol.name == name


def test_a_child_has_what_its_protocol_says(task, child):
    protocol = smallest(task)
    assert isinstance(child, Child) and child.batch_size == protocol.batch_size
    assert length(child.train) == min(protocol.train_examples, length(child.train)) >= child.batch_size
    assert length(child.validation) == min(protocol.validation_examples, length(child.validation)) > 0


def test_its_reward_can_be_computed(task, child):
    assert (child.uniform_loss or 0) > 0 or smallest(task).reward != "mean_cross_entropy"


def train_once(child):
    """A model after one step, with which some make their weights."""
    model = child.make_model()
    model.optimizer = tf.keras.optimizers.SGD()
    loss = child.train_step(model, rows(child.train, 0, child.batch_size))
    assert np.isfinite(loss)
    return model


def test_each_model_has_weights_of_its_own(child):
    models = [train_once(child) for _ in range(2)]  # both are kept: a dead one's ids are given again
    first, second = ({id(variable) for variable in model.trainable_variables} for model in models)
    assert first and not first & second


def test_an_identity_tells_protocols_apart(task):
    protocol = smallest(task)
    identities = {task.identity(protocol), task.identity(dataclasses.replace(protocol, seeds=(7, 8, 9)))}
    if isinstance(task, KerasTask):  # its code may change between two searches
        assert identities == {None}
    else:
        assert len(identities) == 2 and all(isinstance(text, str) for text in identities)


@pytest.mark.parametrize("name", TASKS)
def test_a_shipped_task_goes_to_workers(name):
    assert pickle.loads(pickle.dumps(TASKS[name])) == TASKS[name]
    assert set(TASKS[name].protocols) == {"default", "reduced", "paper"}
