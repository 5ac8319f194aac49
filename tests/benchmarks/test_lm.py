"""The language model and the texts that it reads."""

import codecs
import dataclasses
import json
import math
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from benchmarks import run
from benchmarks.data import text
from benchmarks.experiments import lm
from benchmarks.networks.lstm_lm import LSTMLanguageModel
from benchmarks.trials.contenders import read_contender

STRATEGY = tf.distribute.get_strategy()
SMALL = LSTMLanguageModel(units=6, state_reset=0.0)
UNDROPPED = LSTMLanguageModel(units=6, embedding_dropout=0.0, state_dropout=0.0, output_dropout=0.0, state_reset=0.0)
VOCABULARY = 11


def weights(model):
    return sum(math.prod(weight.shape) for weight in model.trainable_weights)


def piece(steps, begins, rows=2, seed=0):
    """A batch of made-up words."""
    words = np.random.default_rng(seed).integers(VOCABULARY, size=(rows, steps), dtype=np.int32)
    return words, np.full(rows, 0.0 if begins else 1.0, np.float32)


# -- The model -------------------------------------------------------------------------------------


@pytest.mark.parametrize("units, vocabulary", [(6, 11), (650, 10_000)])
def test_the_formula_counts_the_weights(units, vocabulary):
    config = LSTMLanguageModel(units)
    assert config.parameters(vocabulary) == weights(config(vocabulary, streams=2))


def test_the_papers_model_has_ten_million_parameters():
    assert 9.5e6 < lm.SETTINGS["paper"].model.parameters(10_000) < 10.5e6


def test_a_step_of_the_papers_model():
    setting = lm.SETTINGS["paper"]
    model = setting.model(10_000, streams=4)
    optimizer = read_contender("powersign", "cosine").make(0.1, setting.steps, global_clipnorm=setting.clipnorm)
    model.compile(optimizer, lm.summed_cross_entropy)
    tokens = np.random.default_rng(0).integers(10_000, size=1_000)
    before = model.get_weights()
    history = model.fit(text.make_batches(tokens, 4, setting.truncation, endless=True), steps_per_epoch=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(setting.truncation * math.log(10_000), rel=0.05)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert any((weight != old).any() for weight, old in zip(model.get_weights(), before))


def test_embedding_and_softmax_are_one_variable():
    model = SMALL(VOCABULARY, streams=2)
    assert [tuple(w.shape) for w in model.trainable_weights].count((VOCABULARY, 6)) == 1
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(piece(3, begins=True))[..., 0])
    gradient = tf.convert_to_tensor(tape.gradient(loss, model.embedding.embeddings)).numpy()
    assert gradient[0].any()  # as the row of the softmax; as an embedding the read words' rows
    model.embedding.embeddings.assign(tf.zeros_like(model.embedding.embeddings))
    assert not model(piece(3, begins=True)).numpy().any()


def test_the_state_goes_from_batch_to_batch():
    model = UNDROPPED(VOCABULARY, streams=2)
    words, begin = piece(10, begins=True)
    whole = model((words, begin)).numpy()
    parts = [model((words[:, :5], begin)), model((words[:, 5:], np.ones_like(begin)))]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-6)
    fresh = model((words[:, 5:], begin)).numpy()
    assert abs(fresh - whole[:, 5:]).max() > 1e-4


def test_evaluation_leaves_the_state_of_the_training():
    model = UNDROPPED(VOCABULARY, streams=2)
    model(piece(5, begins=True), training=True)
    expected = model(piece(5, begins=False, seed=1), training=True)
    model(piece(5, begins=True), training=True)
    model(piece(5, begins=True, seed=2), training=False)
    np.testing.assert_allclose(model(piece(5, begins=False, seed=1), training=True), expected, atol=1e-6)


def test_a_reset_of_probability_one_always_begins_anew():
    model = dataclasses.replace(UNDROPPED, state_reset=1.0)(VOCABULARY, streams=2)
    first = model(piece(5, begins=False), training=True).numpy()
    np.testing.assert_allclose(model(piece(5, begins=False), training=True), first, atol=1e-6)


def test_a_dropped_unit_is_dropped_at_all_steps():
    model = SMALL(VOCABULARY, streams=2)
    for layer in (model.input_dropout, model.output_dropout):
        kept = layer(tf.ones([50, 7, 6]), training=True).numpy() > 0
        assert (kept == kept[:, :1]).all()
        assert 0.3 < kept.mean() < 0.7
        assert (kept[0] != kept[1:]).any()  # each row has its own


def test_dropout_of_the_state_is_that_of_the_setting():
    assert SMALL(VOCABULARY, streams=2).lstm.recurrent_dropout == SMALL.state_dropout


# -- The text --------------------------------------------------------------------------------------


@pytest.fixture
def data_dir(tmp_path):
    (tmp_path / "ptb").mkdir()
    for part, words in dict(train=" a b a\n c <unk>\n", valid=" b c\n", test=" a\n").items():
        (tmp_path / "ptb" / f"ptb.{part}.txt").write_text(words)
    return tmp_path


def test_words_and_ends_of_lines_are_numbered(data_dir):
    corpus = text.load("ptb", data_dir)
    assert corpus.vocabulary == 5
    assert corpus.train.tolist() == [0, 2, 0, 1, 3, 4, 1]  # the frequent ones first: a <eos> b c <unk>
    assert corpus.valid.tolist() == [2, 3, 1]


def test_a_cut_vocabulary_has_the_frequent_words(data_dir):
    corpus = text.load("ptb", data_dir, vocabulary=3)
    assert corpus.vocabulary == 3
    assert corpus.train.tolist() == [1, 0, 1, 2, 0, 0, 2]  # <unk> a <eos>


def test_a_byte_order_mark_is_no_text(data_dir):
    plain = text.load("ptb", data_dir)
    path = data_dir / "ptb" / "ptb.train.txt"
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().lstrip())
    marked = text.load("ptb", data_dir)
    assert marked.vocabulary == plain.vocabulary
    for part in text.PARTS:
        np.testing.assert_array_equal(getattr(marked, part), getattr(plain, part))


@pytest.mark.parametrize(("end", "last"), [(b"\r\n", b"\r\n"), (b"\r", b"\r"), (b"\r", b"\r\n"), (b"\r\n", b"")])
def test_lines_end_as_any_system_ends_them(data_dir, end, last):
    plain = text.load("ptb", data_dir).train
    path = data_dir / "ptb" / "ptb.train.txt"
    path.write_bytes(path.read_bytes().removesuffix(b"\n").replace(b"\n", end) + last)
    np.testing.assert_array_equal(text.load("ptb", data_dir).train, plain)


@pytest.fixture
def own_dir(tmp_path):
    """A text of one's own, long enough for the smallest scale, with a word that is not in its training file."""
    for part, last in dict(train="", valid="new\n", test="").items():
        (tmp_path / f"{part}.txt").write_text("the cat sat on the mat\na dog ran\n" * 20 + last)
    return tmp_path


def test_words_that_the_training_file_of_ones_own_text_lacks_are_unknown(own_dir):
    corpus = text.load(text.OWN, own_dir)
    assert corpus.vocabulary == len({"the", "cat", "sat", "on", "mat", "a", "dog", "ran", text.END, text.UNKNOWN})
    assert corpus.valid[-2] == corpus.vocabulary - 1 and corpus.valid[-2] not in corpus.train


@pytest.mark.parametrize("scale", lm.SETTINGS)
def test_every_scale_takes_the_text_that_is_there(scale, own_dir, data_dir, tmp_path):
    """`data_dir` and `own_dir` are one directory here."""
    own, others = lm.SETTINGS[scale], tmp_path / "ptb"
    setting, name = lm.choose_data(own, own_dir, None)
    found = "ptb" if scale == "paper" else text.OWN
    assert (setting.text, name, setting.made_up) == (found, "" if scale == "paper" else found, False)
    for part in text.PARTS:
        (tmp_path / f"{part}.txt").unlink()
    assert lm.choose_data(own, own_dir, None)[0].text == "ptb"
    for path in others.iterdir():
        path.unlink()
    assert lm.choose_data(own, own_dir, None) == (own, "") == lm.choose_data(own, None, None)


def test_another_text_is_another_setting(own_dir):
    one, _ = lm.choose_data(lm.SETTINGS["small"], own_dir, None)
    assert lm.choose_data(lm.SETTINGS["small"], own_dir, None)[0] == one
    (own_dir / "test.txt").write_text("a dog ran")
    other, _ = lm.choose_data(lm.SETTINGS["small"], own_dir, None)
    assert other.digest != one.digest and dataclasses.replace(other, digest=one.digest) == one


def test_a_part_that_ones_own_text_lacks_is_named(own_dir):
    (own_dir / "valid.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"argument --data_dir: .*with valid\.txt\. Received: .*Put the missing"
    ):
        text.load(text.OWN, own_dir)


@pytest.mark.slow
def test_a_text_of_ones_own_is_trained_on_and_reported(own_dir, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["lm", "--scale", "smoke", "--data_dir", str(own_dir), "--out", str(out), "--optimizers", "sgd"]
    assert run.main(arguments) == 0
    assert "scale smoke, data own" in capsys.readouterr().out
    assert json.loads((out / "lm-smoke-own.jsonl").read_text().splitlines()[0])["setting"]["text"] == text.OWN
    assert run.main(["report", "--out", str(out)]) == 0
    command = "python -m benchmarks.run lm --scale smoke --data_dir DATA --optimizers sgd@cosine\n"
    assert command in (out / "README.md").read_text()


def test_a_missing_text_says_how_to_get_it(tmp_path):
    for received in (None, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"argument --data_dir: .*ptb\.train\.txt.*35 MB.*curl"):
            text.load("ptb", received)


def test_an_unknown_word_names_file_and_line(data_dir):
    (data_dir / "ptb" / "ptb.test.txt").write_text("a\nb strange\n")
    with pytest.raises(ValueError, match=r"ptb\.test\.txt, line 2: .*'strange'"):
        text.load("ptb", data_dir)


def test_a_wrong_encoding_names_file_and_line(data_dir):
    (data_dir / "ptb" / "ptb.valid.txt").write_bytes("b\nCaf\u00e9\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"ptb\.valid\.txt, line 2: must be UTF-8"):
        text.load("ptb", data_dir)


def test_an_empty_file_is_an_error(data_dir):
    (data_dir / "ptb" / "ptb.train.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"ptb\.train\.txt: must have words"):
        text.load("ptb", data_dir)


def test_streams_go_on_from_batch_to_batch():
    first, second = text.make_batches(np.arange(13, dtype=np.int32), 2, 3)
    for batch, start, end in ((first, 0, 3), (second, 3, 5)):
        (words, continued), targets = batch
        assert words.numpy().tolist() == [list(range(start, end)), list(range(6 + start, 6 + end))]
        assert targets.numpy().tolist() == (words.numpy() + 1).tolist()
        assert continued.numpy().tolist() == [float(start > 0)] * 2


def test_a_training_begins_the_text_again():
    data = text.make_batches(np.arange(13, dtype=np.int32), 2, 2, endless=True)
    seen = [(words.numpy()[0].tolist(), float(continued[0])) for (words, continued), _ in data.take(3)]
    assert seen == [([0, 1], 0.0), ([2, 3], 1.0), ([0, 1], 0.0)]


def test_a_text_that_is_too_short_is_an_error():
    with pytest.raises(ValueError, match=r"2 streams of 3 steps need 8 words\. Received: 7"):
        text.make_batches(np.arange(7), 2, 3)


# -- The experiment --------------------------------------------------------------------------------


def test_each_word_counts_the_same_in_the_perplexity():
    """The last batch is shorter: a mean over batches would be another number."""
    model = UNDROPPED(VOCABULARY, streams=2)
    model.compile(loss=lm.summed_cross_entropy, metrics=lm.make_nats_per_word())
    tokens = np.random.default_rng(0).integers(VOCABULARY, size=17, dtype=np.int32)
    model.embedding.embeddings.assign(np.random.default_rng(1).normal(size=(VOCABULARY, 6)))
    told = model.evaluate(text.make_batches(tokens, 2, 5), verbose=0, return_dict=True)["nats"]
    (words, begin), targets = next(iter(text.make_batches(tokens, 2, 7)))
    probabilities = tf.nn.softmax(model((words, begin))).numpy()
    nats = -np.log(np.take_along_axis(probabilities, targets.numpy()[..., None], axis=2))
    assert nats.size == 14
    assert told == pytest.approx(nats.mean(), rel=1e-5)


def test_perplexity():
    assert lm.perplexity(math.log(50)) == pytest.approx(50)
    assert lm.perplexity(1e6) == math.inf


def test_sizes_fit():
    for setting in lm.SETTINGS.values():
        assert setting.steps % setting.evaluations == 0
        assert setting.clipnorm == 5
    assert {str(read_contender(name, "cosine")) for name in lm.CONTENDERS} == set(lm.PAPER)


def test_a_stream_stays_with_its_replica():
    setting = lm.SETTINGS["small"]

    class Replicas(NamedTuple):
        num_replicas_in_sync: int

    assert lm.count_rows(setting, Replicas(2)) == setting.streams // 2
    with pytest.raises(ValueError, match=r"argument --strategy: .*must divide 20.*Replicas, 3"):
        lm.count_rows(setting, Replicas(3))
