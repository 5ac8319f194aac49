"""The shipped tasks and protocols: their splits, their rewards, and their checks."""

import dataclasses
import functools
from types import SimpleNamespace

import fakes
import numpy as np
import pytest
from data_dir import DATA_DIR, skip_without_cifar10

from neural_optimizer_search.tasks import TASKS, cifar10, digits
from neural_optimizer_search.tasks.config import TaskConfig
from neural_optimizer_search.tasks.protocol import make_reward
from neural_optimizer_search.tasks.small_networks import MLP, ConvNet
from neural_optimizer_search.tasks.wide_resnet import WideResNet


def test_splits_are_fixed_disjoint_and_of_the_right_size():
    splits = fakes.BLOBS.splits(fakes.TINY)
    again = fakes.BLOBS.splits(fakes.TINY)
    np.testing.assert_array_equal(splits.train.images, again.train.images)
    assert len(splits.train.labels) == 40
    assert len(splits.measured.labels) == 20
    rows = np.concatenate([splits.train.images, splits.measured.images]).reshape(60, -1)
    assert len(np.unique(rows, axis=0)) == 60


def test_more_examples_than_there_are():
    greedy = dataclasses.replace(fakes.TINY, train_examples=41)
    with pytest.raises(ValueError, match=r"wants 61 examples .* 'blobs' has 60"):
        fakes.BLOBS.splits(greedy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(reward="best"), "`reward` must be one of: final_accuracy, .* Received: 'best'"),
        (dict(validate_every=3), "`validate_every` must divide final_steps=8. Received: 3"),
        (dict(batch_size=41), "`batch_size` must be 1 to train_examples=40. Received: 41"),
        (dict(seeds=()), r"Argument `seeds` must be a tuple of different ints of at least 0. Received: \(\)"),
        (dict(seeds=(0, 0, 1)), r"different ints of at least 0. Received: \(0, 0, 1\)"),
        (dict(seeds=(-1, 2)), r"different ints of at least 0. Received: \(-1, 2\)"),
        (dict(seeds=(0, 2.5)), r"different ints of at least 0. Received: \(0, 2.5\)"),
        (dict(learning_rates=()), r"above 0 in increasing order. Received: \(\)"),
        (
            dict(learning_rates=(0.1, 0.01)),
            r"Argument `learning_rates` must be a tuple of different finite numbers above 0 in increasing order. "
            r"Received: \(0.1, 0.01\)",
        ),
        (dict(learning_rates=(0.1, 0.1)), r"in increasing order. Received: \(0.1, 0.1\)"),
        (dict(learning_rates=(0.0, 0.1)), r"in increasing order. Received: \(0.0, 0.1\)"),
        (dict(learning_rates=(0.1, float("inf"))), r"in increasing order. Received: \(0.1, inf\)"),
        (dict(learning_rates=(float("nan"),)), r"in increasing order. Received: \(nan,\)"),
        (dict(learning_rates=[0.01, 0.1]), r"must be a tuple of .* Received: \[0.01, 0.1\]"),
        (dict(train_examples=0), "Argument `train_examples` must be an int > 0. Received: 0"),
        (dict(validation_examples=-1), "Argument `validation_examples` must be an int > 0. Received: -1"),
        (dict(sweep_steps=0), "Argument `sweep_steps` must be an int > 0. Received: 0"),
        (dict(final_steps=0), "Argument `final_steps` must be an int > 0. Received: 0"),
        (dict(probe_steps=2.5), "Argument `probe_steps` must be an int > 0. Received: 2.5"),
        (dict(validate_every=0), "Argument `validate_every` must be an int > 0. Received: 0"),
        (dict(validate_every=4.0), "Argument `validate_every` must be an int > 0. Received: 4.0"),
        (dict(batch_size=0), "Argument `batch_size` must be None or an int > 0. Received: 0"),
        (dict(batch_size=10.5), "Argument `batch_size` must be None or an int > 0. Received: 10.5"),
        (dict(validation_batch_size="5"), "`validation_batch_size` must be None or an int > 0. Received: '5'"),
        (dict(finalists=1.5), "Argument `finalists` must be None or an int > 0. Received: 1.5"),
        (dict(finalists=True), "Argument `finalists` must be None or an int > 0. Received: True"),
    ],
)
def test_protocol_checks(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(fakes.TINY, **change)


@pytest.mark.parametrize(
    ("own", "count", "used"),
    [((0, 1, 2), 2, (0, 1)), ((0, 1, 2), 5, (0, 1, 2, 3, 4)), ((10, 1), 1, (10,)), ((10, 1), 4, (10, 1, 0, 2))],
)
def test_seeds_per_rule_begin_with_the_own_ones(monkeypatch, own, count, used):
    protocol = dataclasses.replace(fakes.TINY, name="default", seeds=own)
    monkeypatch.setitem(TASKS, "blobs", SimpleNamespace(protocols={"default": protocol}))
    ((_, found),) = TaskConfig(task="blobs", seeds_per_rule=count).find_each()
    assert found.seeds == used


def test_a_reward_that_the_loss_does_not_allow():
    with pytest.raises(
        ValueError, match=r"`reward` must be one of: final_accuracy, .* Received: 'mean_cross_entropy'"
    ):
        make_reward("mean_cross_entropy", None)
    assert make_reward("mean_cross_entropy", 2.0)([0.1], [0.5]) == make_reward("mean_accuracy", None)([0.75], [9.0])


def test_digits_are_the_digits_without_the_test_split():
    from sklearn.datasets import load_digits

    examples = digits.load()
    assert examples.images.shape == (1700, 8, 8, 1)
    np.testing.assert_allclose(examples.images[3, :, :, 0] * 16, load_digits().images[3])


def test_the_test_split_is_the_last_digits_and_no_search_sees_it():
    from sklearn.datasets import load_digits

    protocol = digits.DIGITS.protocols["default"]
    searched = digits.DIGITS.splits(protocol)
    final = dataclasses.replace(digits.DIGITS, on_test=True).splits(protocol)
    np.testing.assert_array_equal(final.train.images, searched.train.images)
    np.testing.assert_array_equal(final.measured.labels, load_digits().target[-97:])
    with pytest.raises(ValueError, match="`on_test` must be False: the task 'blobs' has no `load_test`"):
        dataclasses.replace(fakes.BLOBS, on_test=True)


def test_every_task_has_the_three_protocols():
    for task in TASKS.values():
        assert set(task.protocols) == {"default", "reduced", "paper"}


def test_the_papers_protocol():
    """Section 4.2."""
    p = TASKS["cifar10"].protocols["paper"]
    assert TASKS["cifar10"].networks["paper"] == ConvNet(filters=32, strides=1)
    assert p.learning_rates == pytest.approx([10.0**i for i in range(-5, 2)])
    assert (p.batch_size, p.validation_examples) == (100, 5000)
    assert p.sweep_steps * p.batch_size == 10_000
    assert p.final_steps * p.batch_size == 5 * p.train_examples
    assert p.reward == "final_accuracy"
    assert not p.centred


def test_conv_net_is_the_papers():
    model = ConvNet()((32, 32, 3), 10)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == ["Conv2D", "ReLU", "BatchNormalization"] * 2 + ["Flatten", "Dense"]
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [32, 32]
    assert model.output_shape == (None, 10)


def test_mlp():
    assert MLP(20)((8, 8, 1), 10).count_params() == 64 * 20 + 20 + 20 * 10 + 10


def test_cifar10_reads_real_images():
    skip_without_cifar10()
    task = dataclasses.replace(TASKS["cifar10"], load=functools.cache(cifar10.load))
    protocol = task.protocols["reduced"]
    splits = task.splits(protocol, DATA_DIR)
    assert splits.train.images.shape == (5000, 32, 32, 3)
    assert splits.train.images.dtype == np.float32
    assert 0.0 <= splits.train.images.min() < 0.1 < 0.9 < splits.train.images.max() <= 1.0
    assert set(splits.measured.labels) == set(range(10))
    test = dataclasses.replace(task, on_test=True).splits(protocol, DATA_DIR)
    assert test.measured.images.shape == (10_000, 32, 32, 3)
    assert test.measured.images.max() <= 1.0


def test_cifar10_without_data(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    with pytest.raises(FileNotFoundError, match=r"--data_dir must be .* holds cifar10\. Received: .*162 MiB"):
        cifar10.load(str(tmp_path))
    (tmp_path / "cifar10" / "3.0.2").mkdir(parents=True)  # what a download leaves that was stopped
    with pytest.raises(FileNotFoundError, match="--data_dir must be"):
        cifar10.load(str(tmp_path))


def test_cifar10_that_cannot_be_downloaded(monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")

    def fail(*arguments, **named):
        raise ConnectionError("no route to the host")

    monkeypatch.setattr(tfds, "load", fail)
    with pytest.raises(OSError, match=r"cannot be downloaded \(ConnectionError\)\. Give --data_dir DIR, "):
        cifar10.load()


def test_the_wide_resnet_is_measured_on_the_images_of_cifar10():
    task = TASKS["cifar10_wrn"]
    assert (task.load, task.load_test) == (TASKS["cifar10"].load, TASKS["cifar10"].load_test)
    p = task.protocols["paper"]
    assert task.networks["paper"] == WideResNet(depth=40, width=4)
    assert p.final_steps * p.batch_size == pytest.approx(300 * p.train_examples, rel=0.01)


def test_a_wide_resnet_may_see_smaller_images():
    sizes = [WideResNet(10, 1, pool=pool)((32, 32, 3), 10).layers[-3].output.shape[1:3] for pool in (1, 2)]
    assert sizes == [(8, 8), (4, 4)]
