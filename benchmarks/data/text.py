"""Text for language models, word by word: the Penn Treebank, WikiText-2 or one's own, in parallel streams.

A text is its words, split at white space, with a token at the end of each line. The vocabulary is that of the
training file. A perplexity says how many words of the vocabulary a model is undecided among, so perplexities with
different vocabularies are not comparable.
"""

import collections
import itertools
import pathlib
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from benchmarks.data.text_files import hash_files, read_lines

PARTS = ("train", "valid", "test")
END, UNKNOWN = "<eos>", "<unk>"


class TextSource(NamedTuple):
    """Where a text is.

    Attributes:
      file: A part's file in the data directory, DATA_DIR.
      obtain: What a message says of the size, and of how to get the files into DATA_DIR.
      closed: Whether every word is in the training file; else the others become "<unk>".
    """

    file: str
    obtain: str
    closed: bool = True

    def path(self, part: str, data_dir: pathlib.Path) -> pathlib.Path:
        """The file of a part."""
        return data_dir / self.file.format(part=part)


OWN = "own"
TEXTS = {
    "ptb": TextSource(
        "ptb/ptb.{part}.txt",
        "To download it (35 MB): mkdir -p DATA_DIR/ptb && curl -L "
        "http://www.fit.vutbr.cz/~imikolov/rnnlm/simple-examples.tgz"
        " | tar -xz -C DATA_DIR/ptb --strip-components=3 ./simple-examples/data",
    ),
    "wikitext2": TextSource(
        "wikitext2/wiki.{part}.tokens",
        "To download it (4 MB): mkdir -p DATA_DIR/wikitext2 && "
        "curl -LO https://wikitext.smerity.com/wikitext-2-v1.zip && unzip -j wikitext-2-v1.zip -d DATA_DIR/wikitext2",
    ),
    OWN: TextSource("{part}.txt", "Put the missing part of your text there, a sentence a line", closed=False),
}


class TokenizedText(NamedTuple):
    """The three parts of a text as int32 arrays of tokens, numbers less than `vocabulary`."""

    vocabulary: int
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def find_text(name: str, data_dir: Optional[pathlib.Path]) -> Optional[str]:
    """The name of the text that a directory has: the given one, else one's own, else any of `TEXTS`, else None."""
    order = (name, OWN, *TEXTS) if data_dir else ()
    return next((one for one in order if TEXTS[one].path("train", data_dir).is_file()), None)


def hash_text(name: str, data_dir: pathlib.Path) -> str:
    """16 hexadecimal digits that tell this text from others."""
    return hash_files(_find(name, data_dir, part) for part in PARTS)


def load(name: str, data_dir: Optional[pathlib.Path], vocabulary: Optional[int] = None) -> TokenizedText:
    """Reads a text.

    Args:
      name: A name of `TEXTS`.
      data_dir: The directory; None is an error that says what to download.
      vocabulary: The number of words that are kept, the most frequent ones; the others become "<unk>". None: all.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file is not UTF-8, is empty, or has a word that a vocabulary of all words lacks.
    """
    paths = {part: _find(name, data_dir, part) for part in PARTS}
    lines = {part: _read(path) for part, path in paths.items()}
    index = _number_words(lines["train"], vocabulary)
    cut = vocabulary is not None or not TEXTS[name].closed
    unknown = index.setdefault(UNKNOWN, len(index)) if cut else None
    return TokenizedText(len(index), *(_encode(lines[part], index, unknown, paths[part]) for part in PARTS))


def _find(name, data_dir, part):
    source = TEXTS[name]
    if data_dir is None or not source.path(part, data_dir).is_file():
        own = "" if name == OWN else f"; or with a text of your own, {', '.join(f'{part}.txt' for part in PARTS)}"
        raise FileNotFoundError(
            f"argument --data_dir: must be a directory with {source.file.format(part=part)}{own}. "
            f"Received: {data_dir}. " + source.obtain.replace("DATA_DIR", str(data_dir or "DATA_DIR"))
        )
    return source.path(part, data_dir)


def _read(path):
    """The words of each line."""
    lines = [[*line.split(), END] for line in read_lines(path)]
    if not any(len(words) > 1 for words in lines):
        raise ValueError(f"{path}: must have words. It has none; download the file again, or write some")
    return lines


def _number_words(lines, vocabulary):
    """Word -> its number; the most frequent words come first, those of one frequency in the order of the text."""
    words = [word for word, _ in collections.Counter(itertools.chain.from_iterable(lines)).most_common()]
    if vocabulary is not None:
        words = [UNKNOWN, *(word for word in words if word != UNKNOWN)][:vocabulary]
    return {word: number for number, word in enumerate(words)}


def _encode(lines, index, unknown, path):
    tokens = []
    for number, words in enumerate(lines, 1):
        found = [index.get(word, unknown) for word in words]
        if None in found:
            raise ValueError(
                f"{path}, line {number}: must have the training file's words alone. "
                f"Received: {words[found.index(None)]!r}. The files are of different texts; download them again"
            )
        tokens += found
    return np.array(tokens, np.int32)


def make_batches(tokens: np.ndarray, streams: int, steps: int, endless: bool = False) -> tf.data.Dataset:
    """A text in parallel streams, for truncated backpropagation through time.

    The text is cut into as many equal streams as a batch has rows: a row goes on where the same row of the batch
    before ended. The remainder at the text's end, fewer tokens than there are streams, is left out.

    Args:
      tokens: Int array [number of tokens].
      streams: Rows of a batch.
      steps: Columns of a batch. The last batch has fewer, so that every token counts; but `endless` leaves it out.
      endless: After the end the text begins again.

    Returns:
      A `tf.data.Dataset` of ((words, continued), targets): int32 [streams, steps]; float32 [streams], 0 where the
      text begins, else 1; and the words that follow, int32 [streams, steps].

    Raises:
      ValueError: If the text is too short.
    """
    length = len(tokens) // streams
    if length <= steps:
        raise ValueError(
            f"{streams} streams of {steps} steps need {streams * (steps + 1)} words. Received: {len(tokens)}. Take a "
            "longer text, or a smaller --scale"
        )
    rows = tf.constant(tokens[: streams * length].reshape(streams, length))
    last = length - 1  # it has no word to predict

    def cut(start):
        end = tf.minimum(start + steps, last)
        continued = tf.fill([streams], tf.cast(start > 0, tf.float32))
        return (rows[:, start:end], continued), rows[:, start + 1 : end + 1]

    starts = tf.data.Dataset.range(0, last - last % steps if endless else last, steps)
    return (starts.repeat() if endless else starts).map(cut).prefetch(tf.data.AUTOTUNE)
