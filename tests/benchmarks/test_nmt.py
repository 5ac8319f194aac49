"""The translation experiment: the network, its loss, its decoding and whole runs, at tiny sizes."""

import dataclasses
import math
import tempfile

import marks
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks.data.subwords import END, PAD, START, make_batches
from benchmarks.experiments import nmt
from benchmarks.networks.fused_lstm import FusedLSTM
from benchmarks.networks.gnmt import GNMT
from benchmarks.networks.translation import Beam, make_search, translate
from benchmarks.trials.contenders import read_contender
from benchmarks.trials.trials import Trial

TINY = GNMT(vocabulary=60, layers=3, units=8, initial=0.5)
# A gigabyte of weights, and as much of their gradients and averages.
LONG = marks.only_long("Large.")
WORK = dict(
    loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD),
    metrics=[tf.keras.metrics.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PAD, name="nats")],
)


@pytest.fixture(scope="module")
def data():
    return nmt.load("made_up", TINY.vocabulary, None)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    return TINY()


# -- The network -----------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [TINY, GNMT(50, 2, 4), GNMT(30, 8, 6)])
def test_the_number_of_weights_is_the_formula(sizes):
    assert sizes().count_params() == sizes.parameters()


def test_the_full_network_has_277_million_weights():
    embeddings, softmax, attention = 2 * 32_000 * 1024, 32_000 * 1025, 2 * 1024**2 + 1024
    one, joined = 4 * 1024 * 2049, 4 * 1024 * 3073  # an LSTM that reads 1024 numbers, or 2048
    full = nmt.SETTINGS["paper"].network
    assert full.parameters() == embeddings + softmax + attention + 9 * one + 8 * joined == 276_664_576


def test_a_network_of_one_layer_is_refused():
    with pytest.raises(ValueError, match="`layers` must be at least 2"):
        GNMT(layers=1)


@pytest.mark.slow
@pytest.mark.parametrize("units", [64, pytest.param(1024, marks=LONG)])
def test_a_step_of_the_full_network(units):
    setting = nmt.SETTINGS["paper"]
    network = dataclasses.replace(setting.network, units=units)
    full = network()
    assert full.count_params() == network.parameters()
    optimizer = read_contender("powersign").make(0.1, setting.steps, global_clipnorm=setting.clipnorm)
    full.compile(optimizer=optimizer, loss=WORK["loss"])
    source = np.array([[5, 6, 7, END], [8, END, PAD, PAD]], np.int32)
    target_in, target = np.array([[START, 31_999], [START, 9]]), np.array([[31_999, END], [9, END]])
    before = full.trainable_variables[-1].numpy()
    assert full.train_on_batch((source, target_in), target) == pytest.approx(math.log(32_000), abs=0.1)
    assert np.abs(full.trainable_variables[-1].numpy() - before).max() > 0


def test_the_fused_lstm_is_the_lstm_of_keras():
    fused, keras = FusedLSTM(3, "glorot_uniform"), tf.keras.layers.LSTM(3, return_sequences=True, return_state=True)
    x, state = tf.random.normal([2, 5, 4]), [tf.random.normal([2, 3]), tf.random.normal([2, 3])]
    outputs, _ = fused(x, state)
    keras(x)
    gates = [0, 1, 2, 6, 7, 8, 3, 4, 5, 9, 10, 11]  # of three units
    np.testing.assert_array_equal(keras.cell.bias, tf.gather(fused.bias, gates))
    kernel, bias = (tf.gather(weight, gates, axis=-1) for weight in fused.weights)
    keras.set_weights([kernel[:4], kernel[4:], bias])
    counts = tf.random.normal(outputs.shape)

    def results(call, weights):
        with tf.GradientTape() as tape:
            tape.watch([x, state])
            outputs, *after = call()
            loss = tf.reduce_sum(outputs * counts) + tf.reduce_sum(after[1])
        return [outputs, *after, *tape.gradient(loss, [x, *state, *weights])]

    found = results(lambda: tf.nest.flatten(fused(x, state)), fused.weights)
    *expected, input_kernel, state_kernel, bias = results(lambda: keras(x, initial_state=state), keras.weights)
    found[-2:] = [tf.gather(gradient, gates, axis=-1) for gradient in found[-2:]]
    for one, other in zip(found, [*expected, tf.concat([input_kernel, state_kernel], axis=0), bias]):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing(model):
    model.compile(**WORK)
    source, target = [[5, 6, 7, END]], [[9, 8, END]]
    plain = model.evaluate(*_batch(source, target), verbose=0, return_dict=True)
    padded = model.evaluate(*_batch(source, target, padding=3), verbose=0, return_dict=True)
    assert padded == pytest.approx(plain, rel=1e-5)


def _batch(source, target, padding=0):
    source, target = (np.pad(np.array(x, np.int32), ((0, 0), (0, padding))) for x in (source, target))
    target_in = np.concatenate([np.full([len(target), 1], START), target[:, :-1]], axis=1).astype(np.int32)
    return (source, target_in), target


def test_a_later_word_does_not_change_an_earlier_prediction(model):
    source = tf.constant([[5, 6, END]])
    one, other = (model((source, tf.constant([[START, 7, word]]))) for word in (8, 9))
    np.testing.assert_allclose(one[:, :2], other[:, :2], rtol=1e-5)
    assert np.abs(one - other).max() > 1e-4


# -- Perplexity ------------------------------------------------------------------------------------


def test_perplexity_averages_over_subwords_and_the_loss_over_those_of_its_batch(model, data):
    model.compile(**WORK)
    nats, in_batch = [], []
    for inputs, target in make_batches(data.validation, 7):
        terms = tf.nn.sparse_softmax_cross_entropy_with_logits(target, model(inputs)).numpy()[target.numpy() != PAD]
        nats.extend(terms)
        in_batch.append(terms.mean())
        assert model.test_on_batch(inputs, target, return_dict=True)["loss"] == pytest.approx(terms.mean(), rel=1e-5)
    logs = model.evaluate(make_batches(data.validation, 7), verbose=0, return_dict=True)
    assert nmt.read_perplexity(logs) == pytest.approx(math.exp(np.mean(nats)), rel=1e-5)
    assert np.mean(nats) != pytest.approx(np.mean(in_batch), rel=1e-4)
    assert nmt.read_perplexity({"nats": 1e6}) == math.inf


# -- Translation -----------------------------------------------------------------------------------


def test_a_beam_of_one_is_greedy(model, data):
    beam, sources = Beam(width=1, stretch=1), data.test.source[:3]
    for source, found in zip(sources, translate(make_search(model, beam), sources, batch_size=5)):
        greedy, length = [START], int(tf.size(source))
        while len(greedy) <= length and greedy[-1] != END:
            logits = model((source[tf.newaxis], tf.constant([greedy])))[0, -1].numpy()
            greedy.append(1 + int(logits[1:].argmax()))  # never padding
        assert [word for word in found if word != PAD] == greedy[1:]


def test_sentences_do_not_disturb_each_other(model, data):
    sources, beam = data.test.source[:6], Beam(width=3, stretch=1)
    together, alone = (translate(make_search(model, beam), sources, batch_size) for batch_size in (6, 1))
    for one, other in zip(together, alone):
        assert [word for word in one if word != PAD] == [word for word in other if word != PAD]


# -- The whole -------------------------------------------------------------------------------------


def test_the_setting_of_the_paper_runs_on_its_data_with_a_tiny_network(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    network = dataclasses.replace(TINY, vocabulary=30)
    setting = dataclasses.replace(nmt.SETTINGS["paper"], network=network, batch_size=4, steps=2, evaluations=1)
    trial = Trial("powersign@constant", 0.1, (), seed=0)
    with tfds.testing.mock_data(num_examples=12):
        result = nmt.run_trial(setting, trial, read_contender("powersign"), tmp_path, tf.distribute.get_strategy())
    assert [step for step, _ in result["curve"]] == [2]
