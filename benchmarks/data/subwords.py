"""Subwords of two languages together, by sentencepiece, and batches of them."""

import hashlib
import io
import itertools
import os
import pathlib
import re
import tempfile
from typing import Optional

import numpy as np
import sentencepiece
import tensorflow as tf

from benchmarks.data.parallel_text import Pairs

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIAL = {"pad_id": PAD, "unk_id": UNKNOWN, "bos_id": START, "eos_id": END}
VOCABULARY_SENTENCES = 2_000_000  # at most, of both languages: more change few subwords and cost hours
ENCODED = 100_000  # sentences at a time: Python's numbers take many times the memory of NumPy's
SHUFFLED = 1_000_000  # pairs that wait to be drawn
BUCKETS = 6
# What sentencepiece says of sentences that do not fit, beside a line of C++ -> what a person can do about it.
_MISFITS = {
    r"value <= (\d+)": "give {} at most. Take more sentences",
    r"required_chars\. \d+ vs (\d+)": "have {} different characters alone. Take a larger --scale",
    r"sentences_\.empty": "are all too long. Write one sentence a line",
}


def make_vocabulary(
    pairs: Pairs, size: int, directory: Optional[pathlib.Path] = None
) -> sentencepiece.SentencePieceProcessor:
    """The subwords of both languages by byte-pair encoding, as a `SentencePieceProcessor`.

    They follow from the sentences and the size alone; the model is kept in a file and found again by these.

    Args:
      pairs: The training sentences.
      size: Number of subwords, with four special ones.
      directory: Where the file is; None: the system's directory of temporary files.

    Raises:
      ValueError: If the sentences have too few subwords, or the file is not what it should be.
    """
    sentences = [*pairs.source, *pairs.target]
    sentences = sentences[:: -(-len(sentences) // VOCABULARY_SENTENCES)]
    digest = hashlib.sha256(f"{size} {sentencepiece.__version__} {len(sentences)}".encode())
    for sentence in sentences:
        digest.update(f"{sentence}\n".encode())
    path = pathlib.Path(directory or tempfile.gettempdir(), f"nos-subwords-{digest.hexdigest()[:16]}.model")
    if not path.exists():
        _write(path, _train(sentences, size))
    return _load(path, size)


def _train(sentences, size):
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            character_coverage=1.0,
            minloglevel=2,
            **SPECIAL,
        )
    except RuntimeError as error:
        for pattern, words in _MISFITS.items():
            if found := re.search(pattern, str(error)):
                raise ValueError(
                    f"argument --data_dir: the training sentences must give {size} subwords at this --scale. "
                    f"Received: {len(sentences)} sentences of both languages, which {words.format(*found.groups())}"
                ) from None
        raise
    return model.getvalue()


def _write(path, content):
    # Renamed when it is whole: other trainings may look for it meanwhile.
    handle, name = tempfile.mkstemp(dir=path.parent)
    with open(handle, "wb") as file:
        file.write(content)
    os.replace(name, path)


def _load(path, size):
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except RuntimeError:
        raise ValueError(f"{path} must be a model of sentencepiece; delete it, and it is made again") from None
    special = {name: getattr(model, name)() for name in SPECIAL}
    if (len(model), special) != (size, SPECIAL):
        raise ValueError(
            f"{path} must hold {size} subwords, of these {SPECIAL}; delete it, and it is made again. "
            f"Received: {len(model)} subwords, {special}"
        )
    return model


def encode(pairs: Pairs, subwords: sentencepiece.SentencePieceProcessor) -> Pairs:
    """`Pairs` of ragged tensors: the sentences as numbers of subwords, each with the end."""
    return Pairs(*(_encode(sentences, subwords) for sentences in pairs))


def _encode(sentences, subwords):
    flat, lengths = [], []
    for start in range(0, len(sentences), ENCODED):
        sequences = subwords.encode(list(sentences[start : start + ENCODED]), add_eos=True)
        flat.append(np.fromiter(itertools.chain.from_iterable(sequences), np.int32))
        lengths.extend(map(len, sequences))
    return tf.RaggedTensor.from_row_lengths(np.concatenate(flat), lengths)


def make_training_batches(pairs: Pairs, size: int, longest: int, seed: int) -> tf.data.Dataset:
    """Batches ((source, target so far), target) without end, each of sentences of like length, in a random order.

    Args:
      pairs: Sentences as subwords.
      size: Pairs of a batch.
      longest: Pairs with a sentence of more subwords are left out.
      seed: Seed of the order.

    Raises:
      ValueError: If no pair is left.
    """
    short = tf.math.maximum(*(sentences.row_lengths() for sentences in pairs)) <= longest
    kept = Pairs(*(tf.ragged.boolean_mask(sentences, short) for sentences in pairs))
    count = int(kept.source.nrows())
    if not count:
        raise ValueError(f"The setting's `longest` = {longest} subwords leaves no training sentence")
    examples = _make_examples(kept).shuffle(min(count, SHUFFLED), seed=seed).repeat()
    width = -(-longest // BUCKETS)
    return examples.bucket_by_sequence_length(
        lambda inputs, target: tf.maximum(tf.size(inputs[0]), tf.size(target)),
        bucket_boundaries=[width * i + 1 for i in range(1, BUCKETS)],
        bucket_batch_sizes=[size] * BUCKETS,
    ).prefetch(2)


def make_batches(pairs: Pairs, size: int) -> tf.data.Dataset:
    """All pairs of subwords once, the short ones first, in batches."""
    order = tf.argsort(pairs.target.row_lengths(), stable=True)
    return _make_examples(Pairs(*(tf.gather(sentences, order) for sentences in pairs))).padded_batch(size)


def _make_examples(pairs):
    def shift(source, target):
        return (source, tf.concat([[START], target[:-1]], axis=0)), target

    return tf.data.Dataset.from_tensor_slices(tuple(pairs)).map(shift)
