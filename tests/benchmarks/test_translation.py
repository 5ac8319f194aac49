"""What translation rests on: beam search, parallel text, and its subwords."""

import codecs
import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds

from benchmarks.data.parallel_text import CORPORA, Pairs
from benchmarks.data.subwords import (
    END,
    PAD,
    START,
    encode,
    make_batches,
    make_training_batches,
    make_vocabulary,
)
from benchmarks.experiments import nmt
from benchmarks.networks.translation import Beam, beam_search, measure_bleu


@pytest.fixture(scope="module")
def data():
    return nmt.load("made_up", 60, None)


# -- Beam search -----------------------------------------------------------------------------------


VOCABULARY = 6


def hand_made(random):
    """Log-probabilities of the next subword that depend on the last two: (last, before last) -> [vocabulary]."""
    logits = random.normal(scale=2.0, size=(VOCABULARY, VOCABULARY, VOCABULARY))
    return tf.constant(logits - np.log(np.exp(logits).sum(-1, keepdims=True)), tf.float32)


def searched(table, longest, beam, sentences=1):
    def step(last, states):
        (before,) = states
        return tf.gather_nd(table, tf.stack([last, before], axis=1)), [last]

    states = [tf.fill([sentences * beam.width], PAD)]
    return beam_search(step, states, sentences, tf.fill([sentences], longest), beam)


def scored(table, sequence, beam):
    states = [PAD, START, *sequence]
    total = sum(float(table[last, before, after]) for before, last, after in zip(states, states[1:], states[2:]))
    return total / float(beam.penalty(len(sequence)))


@pytest.mark.parametrize("alpha", [0.0, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_what_brute_force_finds(seed, alpha):
    table, longest, words = hand_made(np.random.default_rng(seed)), 4, [1, 2, 4, 5]
    beam = Beam(width=VOCABULARY**3, alpha=alpha)
    sequences = [(*stem, END) for n in range(longest) for stem in itertools.product(words, repeat=n)]
    sequences += itertools.product(words, repeat=longest)  # cut off
    best = max(sequences, key=lambda sequence: scored(table, sequence, beam))
    hypotheses = searched(table, longest, beam)
    found = [word for word in hypotheses.subwords[0, 0].numpy() if word != PAD]
    assert found == list(best)
    score = hypotheses.log_probability[0, 0] / beam.penalty(hypotheses.length[0, 0])
    assert float(score) == pytest.approx(scored(table, best, beam), rel=1e-4)


def test_longer_sequences_pay_less_with_length_normalization():
    beam = Beam(alpha=0.2)
    assert float(beam.penalty(1)) == 1.0
    assert float(beam.penalty(7)) == pytest.approx(2.0**0.2)


# -- Subwords --------------------------------------------------------------------------------------


def test_batches_begin_and_end_sentences_and_pad_them(data):
    (source, target_in), target = next(iter(make_batches(data.test, 8)))
    for row_in, row_out in zip(target_in.numpy(), target.numpy()):
        length = (row_out != PAD).sum()
        assert row_in[0] == START and row_out[length - 1] == END
        np.testing.assert_array_equal(row_in[1:length], row_out[: length - 1])
    assert source.dtype == target.dtype == tf.int32


def test_all_pairs_come_once_for_validation_and_translate_each_other(data):
    rows = [row.numpy() for _, target in make_batches(data.validation, 7) for row in target]
    assert sorted(tuple(row[row != PAD]) for row in rows) == sorted(map(tuple, data.validation.target.to_list()))


def test_training_batches_are_of_like_length_and_follow_the_seed(data):
    def some(seed):
        return [target.numpy() for _, target in make_training_batches(data.train, 4, 20, seed).take(30)]

    one, again, other = some(0), some(0), some(1)
    assert all(np.array_equal(a, b) for a, b in zip(one, again))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other))
    assert {len(batch) for batch in one} == {4}
    assert max(batch.shape[1] for batch in one) <= 20
    with pytest.raises(ValueError, match="`longest` = 1 subwords leaves no training sentence"):
        make_training_batches(data.train, 4, 1, seed=0)


def test_subwords_are_kept_found_again_and_checked(tmp_path):
    pairs = Pairs(["one two three", "two three four"], ["eins zwei drei", "zwei drei vier"])
    model = make_vocabulary(pairs, 30, tmp_path)
    assert model.decode(encode(pairs, model).target.to_list()) == list(pairs.target)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    assert make_vocabulary(pairs, 30, tmp_path).encode("two") == model.encode("two")
    assert path.stat().st_mtime_ns == written
    make_vocabulary(pairs, 28, tmp_path)
    (other,) = set(tmp_path.iterdir()) - {path}
    path.write_bytes(other.read_bytes())
    with pytest.raises(ValueError, match=rf"{path.name} must hold 30 subwords.*Received: 28"):
        make_vocabulary(pairs, 30, tmp_path)
    path.write_bytes(b"no model")
    with pytest.raises(ValueError, match=rf"{path.name} must be a model of sentencepiece"):
        make_vocabulary(pairs, 30, tmp_path)


@pytest.mark.parametrize(
    ("sentence", "size", "message"),
    [
        (
            "one two three",
            5000,
            r"must give 5000 subwords.*Received: 2 sentences.*give \d+ at most\. Take more sentences",
        ),
        (
            "".join(map(chr, range(0x4E00, 0x4E80))),
            40,
            r"have \d+ different characters alone\. Take a larger --scale",
        ),
        ("one two " * 1000, 30, "are all too long. Write one sentence a line"),
    ],
)
def test_sentences_that_give_too_few_subwords_are_one_sentence(tmp_path, sentence, size, message):
    with pytest.raises(ValueError, match=f"argument --data_dir: .*{message}$"):
        make_vocabulary(Pairs([sentence], [sentence]), size, tmp_path)


# -- Text ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "german, message",
    [
        ("eins\nzwei\n", "received: 3 and 2, so that line 3 stands alone"),
        ("eins\n \ndrei\n", r"train\.de, line 2, is empty"),
        (b"eins\nzwei\n\xff\n", r"train\.de, line 3: must be UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_is_named_with_its_line(tmp_path, german, message):
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "train.en").write_text("one\ntwo\nthree\n")
    (tmp_path / "made_up" / "train.de").write_bytes(german if isinstance(german, bytes) else german.encode())
    with pytest.raises(ValueError, match=f"(?i){message}"):
        CORPORA["made_up"].read("train", tmp_path)


PERFECT = ["ein hund läuft über die straße", "zwei katzen schlafen auf dem sofa", "drei vögel singen im baum"]


def test_a_perfect_translation_has_a_bleu_of_100_with_a_byte_order_mark_too(tmp_path):
    (tmp_path / "made_up").mkdir()
    for language in "en", "de":
        text = "".join(f"{sentence}\n" for sentence in PERFECT).encode()
        (tmp_path / "made_up" / f"test.{language}").write_bytes(codecs.BOM_UTF8 + text)
    assert CORPORA["made_up"].read("test", tmp_path) == Pairs(PERFECT, PERFECT)
    assert measure_bleu(PERFECT, CORPORA["made_up"].read("test", tmp_path).target)["bleu"] == pytest.approx(100)


def test_where_no_line_feed_is_carriage_returns_end_lines(tmp_path):
    (tmp_path / "made_up").mkdir()
    for language in "en", "de":
        (tmp_path / "made_up" / f"test.{language}").write_bytes("\r".join([*PERFECT, ""]).encode())
    assert CORPORA["made_up"].read("test", tmp_path) == Pairs(PERFECT, PERFECT)


def write_own(data_dir, languages):
    for split in "train", "validation", "test":
        for language in languages:
            (data_dir / f"{split}.{language}").write_text(f"{split} {language}\n")


def test_other_languages_are_read_and_sentences_of_ones_own(tmp_path):
    setting = nmt.SETTINGS["small"]
    write_own(tmp_path, ["en", "fr"])
    (tmp_path / "train.txt").write_text("a text for language models\n")
    chosen, name = nmt.choose_data(setting, tmp_path, ("fr", "en"))
    assert (chosen.corpus, chosen.languages, name) == ("own", ("fr", "en"), "own-fr-en")
    pairs = CORPORA[chosen.corpus].read("train", tmp_path, chosen.languages)
    assert pairs == Pairs(["train fr"], ["train en"])
    (tmp_path / "test.en").write_text("other\n")
    assert nmt.choose_data(setting, tmp_path, ("fr", "en"))[0].digest != chosen.digest
    (tmp_path / "multi30k").mkdir()
    chosen, name = nmt.choose_data(setting, tmp_path, ("fr", "en"))
    assert (chosen.corpus, name) == ("multi30k", "multi30k-fr-en")
    assert nmt.choose_data(setting, tmp_path, None) == (setting, "")


def test_sentences_of_ones_own_are_read_at_every_scale(tmp_path):
    write_own(tmp_path, ["en", "de"])
    for name, setting in nmt.SETTINGS.items():
        chosen, corpus = nmt.choose_data(setting, tmp_path, None)
        assert corpus == "own-en-de" and chosen.network.vocabulary >= 300, name
        assert nmt.choose_data(setting, None, None) == (setting, ""), name


def test_languages_that_are_not_there_are_named_with_those_that_are(tmp_path):
    write_own(tmp_path, ["en", "fr"])
    with pytest.raises(
        FileNotFoundError, match=r"with train\.en and train\.de.* in en, fr: say which with --languages"
    ):
        CORPORA["own"].read("train", tmp_path)


def test_only_line_feeds_end_lines(tmp_path):
    (tmp_path / "made_up").mkdir()
    (tmp_path / "made_up" / "test.en").write_bytes("one\u2028two\r\nthree".encode())
    (tmp_path / "made_up" / "test.de").write_bytes("eins\u0085zwei\ndrei\n".encode())
    assert CORPORA["made_up"].read("test", tmp_path).source == ["one\u2028two", "three"]


@pytest.mark.parametrize("corpus, words", [("multi30k", r"\(1.3 MB.*curl"), ("wmt14", r"\(1.7 GB.*tfds build")])
def test_a_missing_corpus_is_explained(tmp_path, corpus, words):
    for data_dir, directory in ((None, "DATA_DIR"), (tmp_path, str(tmp_path))):
        message = f"argument --data_dir: must be a directory with .*{words}.*{directory}/"
        with pytest.raises(FileNotFoundError, match=message):
            CORPORA[corpus].read("train", data_dir)
    with pytest.raises(FileNotFoundError, match=r"\.\{en,fr\}; do|wmt14_translate/fr-en --data_dir"):
        CORPORA[corpus].read("train", None, ("en", "fr"))


def test_wmt_is_read_from_tfds_or_from_text_files(tmp_path):
    with tfds.testing.mock_data(num_examples=5):
        pairs = CORPORA["wmt14"].read("train", tmp_path)
        french = CORPORA["wmt14"].read("train", tmp_path, ("en", "fr"))
        with pytest.raises(FileNotFoundError, match=r"wmt14_translate/xx-en"):
            CORPORA["wmt14"].read("train", tmp_path, ("en", "xx"))
    assert len(french.source) == 5
    assert len(pairs.source) == len(pairs.target) == 5
    assert all(isinstance(text, str) for text in (*pairs.source, *pairs.target))
    (tmp_path / "wmt14").mkdir()
    (tmp_path / "wmt14" / "train.en").write_text("one\n")
    (tmp_path / "wmt14" / "train.de").write_text("eins\n")
    assert CORPORA["wmt14"].read("train", tmp_path) == Pairs(["one"], ["eins"])
