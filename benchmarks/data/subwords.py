"""A joint subword vocabulary of two languages by sentencepiece, and batches of subwords."""

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
from neural_optimizer_search.user_error import UserError

PAD, UNKNOWN, START, END = 0, 1, 2, 3
SPECIAL = {"pad_id": PAD, "unk_id": UNKNOWN, "bos_id": START, "eos_id": END}
VOCABULARY_SENTENCES = 2_000_000  # most sentences, of both languages; more would change few subwords and take hours
ENCODED = 100_000  # sentences at a time, because Python's integers take many times the memory of NumPy's
SHUFFLED = 1_000_000  # largest shuffle buffer, in pairs
BUCKETS = 6
# Pattern of sentencepiece's error for unsuitable sentences -> the problem, and what to do about it.
_MISFITS = {
    r"value <= (\d+)": "give {} at most. Take more sentences",
    r"required_chars\. \d+ vs (\d+)": "have {} different characters alone. Take a larger --scale",
    r"sentences_\.empty": "are all too long. Write one sentence a line",
}


def make_vocabulary(
    pairs: Pairs, size: int, directory: Optional[pathlib.Path] = None
) -> sentencepiece.SentencePieceProcessor:
    """Learns the subwords of both languages by byte-pair encoding.

    They depend only on the sentences and the size; the model is cached in a file whose name is a digest of these.

    Args:
      pairs: The training sentences.
      size: Number of subwords, including four special ones.
      directory: Directory of the file; None for the system's temporary directory.

    Raises:
      UserError: If the sentences are unsuitable for this size, or the file does not hold such a model.
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
                raise UserError(
                    f"argument --data_dir: the training sentences must give {size} subwords at this --scale. "
                    f"Received: {len(sentences)} sentences of both languages, which {words.format(*found.groups())}"
                ) from None
        raise
    return model.getvalue()


def _write(path, content):
    # Written under another name and renamed, because other trainings may open it at any time.
    handle, name = tempfile.mkstemp(dir=path.parent)
    with open(handle, "wb") as file:
        file.write(content)
    os.replace(name, path)


def _load(path, size):
    try:
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except RuntimeError:
        raise UserError(f"{path} must be a model of sentencepiece; delete it, and it will be recreated") from None
    special = {name: getattr(model, name)() for name in SPECIAL}
    if (len(model), special) != (size, SPECIAL):
        raise UserError(
            f"{path} must hold {size} subwords, among them {SPECIAL}; delete it, and it will be recreated. "
            f"Received: {len(model)} subwords, {special}"
        )
    return model


def encode(pairs: Pairs, subwords: sentencepiece.SentencePieceProcessor) -> Pairs:
    """Encodes sentences as `Pairs` of ragged tensors of subword ids, each sentence with `END`."""
    return Pairs(*(_encode(sentences, subwords) for sentences in pairs))


def _encode(sentences, subwords):
    flat, lengths = [], []
    for start in range(0, len(sentences), ENCODED):
        sequences = subwords.encode(list(sentences[start : start + ENCODED]), add_eos=True)
        flat.append(np.fromiter(itertools.chain.from_iterable(sequences), np.int32))
        lengths.extend(map(len, sequences))
    return tf.RaggedTensor.from_row_lengths(np.concatenate(flat), lengths)


def make_training_batches(pairs: Pairs, size: int, longest: int, seed: int) -> tf.data.Dataset:
    """Endless batches ((source, target so far), target) in random order, bucketed by length.

    Args:
      pairs: Sentences as subwords.
      size: Pairs per batch.
      longest: Length limit in subwords; pairs with a longer sentence are left out.
      seed: Seed of the order.

    Raises:
      UserError: If no pair is left.
    """
    short = tf.math.maximum(*(sentences.row_lengths() for sentences in pairs)) <= longest
    kept = Pairs(*(tf.ragged.boolean_mask(sentences, short) for sentences in pairs))
    count = int(kept.source.nrows())
    if not count:
        raise UserError(f"The setting's `longest` = {longest} subwords leaves no training sentence")
    examples = _make_examples(kept).shuffle(min(count, SHUFFLED), seed=seed).repeat()
    width = -(-longest // BUCKETS)
    return examples.bucket_by_sequence_length(
        lambda inputs, target: tf.maximum(tf.size(inputs[0]), tf.size(target)),
        bucket_boundaries=[width * i + 1 for i in range(1, BUCKETS)],
        bucket_batch_sizes=[size] * BUCKETS,
    ).prefetch(2)


def make_batches(pairs: Pairs, size: int) -> tf.data.Dataset:
    """Batches of all pairs, once each, the shortest targets first."""
    order = tf.argsort(pairs.target.row_lengths(), stable=True)
    return _make_examples(Pairs(*(tf.gather(sentences, order) for sentences in pairs))).padded_batch(size)


def _make_examples(pairs):
    def shift(source, target):
        return (source, tf.concat([[START], target[:-1]], axis=0)), target

    return tf.data.Dataset.from_tensor_slices(tuple(pairs)).map(shift)
