"""CIFAR-10: the networks at full size, the augmentation, and whole trainings on made-up images."""

import itertools
import math
import subprocess
import sys

import data_dir
import marks
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.data import cifar
from benchmarks.data.cifar import make_training_batches as make_batches
from benchmarks.experiments import cifar_decays, cifar_wrn, robustness, table6
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.trials import Trial
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.tasks.wide_resnet import WideResNet

SHAPE = (32, 32, 3)


def test_the_tests_find_the_images_in_tfds_or_beside_the_other_data(tmp_path, monkeypatch):
    tfds = tmp_path / "tfds"
    tfds.mkdir()
    for given, found in ((tmp_path, str(tfds)), (tfds, str(tfds)), ("", "")):
        monkeypatch.setenv("NOS_DATA_DIR", str(given))
        assert data_dir.find_data_dir() == found


def parameters(depth, width):
    """By hand, from Zagoruyko & Komodakis (2016), Table 1: convolutions, batch normalizations, the linear layer."""
    blocks, count, before = (depth - 4) // 6, 3 * 9 * 16, 16
    for filters in (16 * width, 32 * width, 64 * width):
        for block in range(blocks):
            count += 9 * (before + filters) * filters + 4 * (before + filters)
            if block == 0 and (before != filters or filters > 16 * width):
                count += before * filters
            before = filters
    return count + 4 * before + 10 * before + 10


@pytest.mark.parametrize(("depth", "width"), [(10, 1), (16, 2), (40, 4)])
def test_the_network_has_the_papers_size(depth, width):
    assert WideResNet(depth, width)(SHAPE, 10).count_params() == parameters(depth, width)


@marks.only_long("A step of it takes long.")
def test_at_paper_scale_it_has_nine_million_parameters_and_trains():
    setting = cifar_wrn.SETTINGS["paper"]
    model = setting.model(SHAPE, 10, 5e-4)
    assert 8.9e6 < model.count_params() < 9.1e6
    images, labels = tf.random.stateless_normal((4, *SHAPE), (0, 1)), tf.constant([0, 1, 2, 3])
    loss = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=read_contender("powersign-cd@linear_cosine").make(0.01, setting.steps), loss=loss)
    before = model.get_weights()
    model.train_on_batch(images, labels)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert sum((a != b).any() for a, b in zip(before, model.get_weights())) > 0.9 * len(before)


def test_weight_decay_is_a_part_of_the_loss():
    with_decay, without = (WideResNet(10, 1)(SHAPE, 10, decay) for decay in (0.1, 0.0))
    kernels = [weight for weight in with_decay.trainable_weights if "kernel" in weight.name]
    expected = 0.05 * sum(float(tf.reduce_sum(kernel**2)) for kernel in kernels)
    assert float(tf.add_n(with_decay.losses)) == pytest.approx(expected, rel=1e-4)
    assert not without.losses


def test_depth_is_checked():
    with pytest.raises(ValueError, match=r"6n \+ 4"):
        WideResNet(depth=12)


def test_only_the_common_optimizers_have_their_weight_decay_tuned():
    setting = cifar_wrn.SETTINGS["paper"]
    assert len(cifar_wrn.list_options(setting, "sgd@cosine")) == 3
    assert cifar_wrn.list_options(setting, "powersign@cosine") == ({"weight_decay": 0.0},)


def test_every_row_of_the_tables_is_run_at_paper_scale():
    assert len(cifar_wrn.PAPER) == 14 + 16
    contenders = [str(read_contender(name)) for name in cifar_wrn.SETTINGS["paper"].sweep.contenders]
    assert contenders == list(cifar_wrn.PAPER)


def test_table_6_has_its_rows_at_seven_rates_and_every_epoch_is_validated():
    rows = {row.name for row in CATALOGUE.values() if "Table 6" in row.source}
    assert set(table6.ROWS) == rows and len(rows) == 31
    # Mean of each column of the table, with both results of the row that it prints twice.
    printed = [*table6.PAPER.values(), dict(final=0.917, test_final=0.911, best=0.923, test=0.916)]
    means = {key: 100 * sum(row[key] for row in printed) / 32 for key in table6.COLUMNS}
    assert means == pytest.approx(dict(final=92.1813, test_final=91.7781, best=92.9813, test=92.1375), abs=1e-3)
    for scale, setting in table6.SETTINGS.items():
        examples = setting.training_examples or 45_000
        assert setting.steps // setting.evaluations == examples // setting.batch_size
        assert scale == "smoke" or setting.sweep.learning_rates == tuple(10.0**power for power in range(-5, 2))


def test_only_so_many_examples_are_trained_on(monkeypatch):
    seen = []
    monkeypatch.setattr(cifar, "make_training_batches", lambda examples, *rest: seen.append(examples) or 1 / 0)
    setting, trial = table6.SETTINGS["smoke"], Trial("sgd@constant", 0.1, (("weight_decay", 0.0),), seed=1)
    with pytest.raises(ZeroDivisionError):
        table6.run_trial(setting, trial, read_contender("sgd"), None, tf.distribute.get_strategy())
    (train, _, _), ((images, labels),) = cifar.load(setting.side, setting.validation_examples, True, None), seen
    np.testing.assert_array_equal(images, train[0][:20])
    np.testing.assert_array_equal(labels, train[1][:20])


def test_every_optimizer_has_every_decay():
    crossed = cifar_decays.SETTINGS["small"].sweep.contenders
    read = [read_contender(name) for name in crossed]
    assert {(one.optimizer, one.schedule) for one in read} == set(
        itertools.product(cifar_decays.OPTIMIZERS, cifar_decays.DECAYS)
    )
    assert len(crossed) == 30 and len(cifar_decays.PAPER) == 10


def test_one_constant_of_the_sign_optimizers_at_a_time_is_another():
    made = {name: read_contender(name).make(0.1, 10) for name in robustness.CONTENDERS if "sign" in name}
    own = {name: (getattr(one, one.own_argument), one.beta) for name, one in made.items()}
    for family, usual, others in (("powersign", math.e, (2, 10)), ("addsign", 1, (2, 4))):
        found = [constants for name, constants in own.items() if name.startswith(family)]
        assert sorted(found) == sorted(
            [(usual, 0.9), *((other, 0.9) for other in others), *((usual, beta) for beta in (0.5, 0.8, 0.95, 0.99))]
        )


def test_an_image_is_shifted_by_an_eighth_at_most_and_mirrored_or_not():
    image = np.arange(1.0, 8 * 8 * 3 + 1, dtype=np.float32).reshape(8, 8, 3)
    padded = np.pad(image, [(1, 1), (1, 1), (0, 0)])
    possible = {
        padded[top : top + 8, left : left + 8][:, ::step].tobytes()
        for top in range(3)
        for left in range(3)
        for step in (1, -1)
    }
    seen = {i.tobytes() for i in cifar._augment(tf.constant([image] * 300), tf.constant([1, 2], tf.int64)).numpy()}
    assert seen == possible


def test_batches_depend_on_the_seed_alone():
    setting = cifar_wrn.SETTINGS["smoke"]
    examples, _, _ = cifar.load(setting.side, setting.validation_examples, True, None)
    first, again, other = (
        [images.numpy() for images, _ in make_batches(examples, setting.batch_size, setting.augment, seed).take(2)]
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])


def test_what_diverges_ends_at_once():
    setting = cifar_wrn.SETTINGS["smoke"]
    trial = Trial("sgd@constant", 1e38, (("weight_decay", 0.0),), seed=1)
    result = cifar_wrn.run_trial(setting, trial, read_contender("sgd"), None, tf.distribute.get_strategy())
    assert result["diverged"] and result["final"] is None and result["test"] is None


def test_missing_images_are_named_with_the_flag(tmp_path):
    setting = cifar_wrn.SETTINGS["small"]
    with pytest.raises(FileNotFoundError, match="--data_dir must be a tensorflow_datasets directory"):
        cifar.load(setting.side, setting.validation_examples, setting.made_up, tmp_path)


MIRRORED = """
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from benchmarks.experiments import cifar_wrn
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.strategies import STRATEGIES
from benchmarks.trials.trials import Trial
strategy = STRATEGIES["mirrored"]()
assert strategy.num_replicas_in_sync == 2, strategy.num_replicas_in_sync
trial = Trial("powersign-cd@cosine", 1e-2, (("weight_decay", 0.0),), 1)
contender = read_contender("powersign-cd@cosine")
result = cifar_wrn.run_trial(cifar_wrn.SETTINGS["smoke"], trial, contender, None, strategy)
assert len(result["curve"]) == 2 and 0 <= result["test"] <= 1
"""


@marks.only_long("The contract of optimizers has two replicas.")
def test_it_trains_on_two_mirrored_devices():
    subprocess.run([sys.executable, "-c", MIRRORED], check=True)
