"""The NASNet experiment and the photographs that it reads."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks.data import photos
from benchmarks.experiments import imagenet
from benchmarks.trials.contenders import read_contender

DATASET = "imagenette/320px-v2"
PAPER = imagenet.SETTINGS["paper"]
STRATEGY = tf.distribute.get_strategy()


@pytest.fixture(scope="module")
def builder():
    with tfds.testing.mock_data(num_examples=12):
        yield photos.open_builder(DATASET)


def of(data):
    return [(photographs.numpy(), labels.numpy()) for photographs, labels in data]


# -- Photographs -----------------------------------------------------------------------------------


def test_the_seed_sets_the_training_batches(builder):
    first, again, other = (
        of(photos.make_training_batches(builder, "train", 16, 4, seed=seed).take(4)) for seed in (1, 1, 2)
    )
    for (pixels, labels), (same, same_labels) in zip(first, again):
        np.testing.assert_array_equal(pixels, same)
        np.testing.assert_array_equal(labels, same_labels)
    assert first[0][0].shape == (4, 16, 16, 3)
    assert any((pixels != others).any() for (pixels, _), (others, _) in zip(first, other))
    assert -1 <= min(p.min() for p, _ in first) < max(p.max() for p, _ in first) <= 1


def test_each_round_crops_anew(builder):
    rounds = of(photos.make_training_batches(builder, "train", 16, 12, seed=1).take(2))
    assert sorted(rounds[0][1]) == sorted(rounds[1][1])  # twelve examples, each once
    assert {p.tobytes() for p in rounds[0][0]}.isdisjoint(p.tobytes() for p in rounds[1][0])


def test_evaluation_takes_each_image_once_in_order(builder):
    first, again = (of(photos.make_evaluation_batches(builder, "validation", 16, 5)) for _ in range(2))
    assert [len(labels) for _, labels in first] == [5, 5, 2]
    for (pixels, _), (same, _) in zip(first, again):
        np.testing.assert_array_equal(pixels, same)


def test_the_central_crop_is_the_centre():
    image = np.zeros([100, 200, 3], np.uint8)
    image[7:93, 57:143] = 255  # just inside of what is kept
    assert photos.central_crop(tf.constant(image), 32).numpy().min() > -1
    assert photos.central_crop(tf.constant(255 - image), 8)[1:-1, 1:-1].numpy().max() == -1


def test_a_missing_data_set_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"argument --data_dir: .*imagenet2012.*155 GB.*by hand"):
        photos.open_builder("imagenet2012", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"argument --data_dir: .*imagenette.*330 MB"):
        photos.open_builder(DATASET, tmp_path)


# -- The network -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network():
    return PAPER.model(PAPER.pixels, PAPER.classes)


def test_the_papers_network(network):
    assert network.count_params() == pytest.approx(5.3e6, rel=0.01)
    assert network.input_shape == (None, 224, 224, 3)


def test_a_step_of_the_papers_network(network):
    optimizer = read_contender("powersign-cd", "cosine").make(0.1, PAPER.steps)
    with tf.GradientTape() as tape:
        logits = network(tf.random.uniform([1, 224, 224, 3], -1, 1), training=True)
        loss = imagenet.smoothed_cross_entropy(1000, PAPER.label_smoothing)(tf.constant([3]), logits)
    optimizer.apply_gradients(zip(tape.gradient(loss, network.trainable_weights), network.trainable_weights))
    assert loss.numpy() == pytest.approx(np.log(1000), rel=0.5)
    assert all(np.isfinite(weight).all() for weight in network.get_weights())


def test_batch_normalization_has_the_settings_momentum(network):
    small = imagenet.SETTINGS["smoke"].model
    for model, momentum in ((network, 0.9997), (small(32, 10), small.batch_norm_momentum)):
        layers = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
        assert {layer.momentum for layer in layers} == {momentum}


def test_the_loss_is_smoothed():
    logits = tf.constant([[5.0, 0.0, 0.0, 0.0]])
    told = imagenet.smoothed_cross_entropy(4, 0.1)(tf.constant([0]), logits)
    expected = tf.tensordot(tf.constant([0.925, 0.025, 0.025, 0.025]), -tf.nn.log_softmax(logits[0]), 1)
    assert told.numpy() == pytest.approx([expected.numpy()], rel=1e-5)


# -- The experiment --------------------------------------------------------------------------------


def test_rmsprop_is_also_tried_as_nasnet_was_trained():
    setting = imagenet.SETTINGS["small"]
    assert imagenet.list_options(setting, "rmsprop@cosine") == imagenet.RMSPROP
    assert imagenet.list_options(setting, "powersign-cd@cosine") == ({},)
    for options in imagenet.RMSPROP:
        read_contender("rmsprop", "cosine").make(0.1, 10, **options)


def test_sizes_fit():
    for setting in imagenet.SETTINGS.values():
        assert setting.steps % setting.evaluations == 0
    assert PAPER.batch_size == 1600
