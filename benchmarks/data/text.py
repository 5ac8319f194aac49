"""Text for word-level language models: the Penn Treebank, WikiText-2 or the user's own, in parallel streams.

A text is split into words at white space, and each line ends with a special token. The vocabulary is that of the
training file. A perplexity is the number of words that a model is effectively undecided among, so perplexities with
different vocabularies are not comparable.
"""

import collections
import itertools
import pathlib
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from benchmarks.data.text_files import hash_files, read_lines
from neural_optimizer_search.user_error import UserError

PARTS = ("train", "valid", "test")
END, UNKNOWN = "<eos>", "<unk>"


class TextSource(NamedTuple):
    """The location of a text.

    Attributes:
      file: Path of a part in the data directory, DATA_DIR.
      obtain: Text for error messages: the size, and how to get the files into DATA_DIR.
      closed: Whether the training file contains every word; if not, other words become "<unk>".
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
    """The three parts of a text as int32 arrays of tokens less than `vocabulary`."""

    vocabulary: int
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def find_text(name: str, data_dir: Optional[pathlib.Path]) -> Optional[str]:
    """The name of the text in a directory: the given one, else the user's own, else any of `TEXTS`, else None."""
    order = (name, OWN, *TEXTS) if data_dir else ()
    return next((one for one in order if TEXTS[one].path("train", data_dir).is_file()), None)


def hash_text(name: str, data_dir: pathlib.Path) -> str:
    """A digest of 16 hexadecimal digits that identifies a text."""
    return hash_files(_find(name, data_dir, part) for part in PARTS)


def load(name: str, data_dir: Optional[pathlib.Path], vocabulary: Optional[int] = None) -> TokenizedText:
    """Reads a text.

    Args:
      name: A name of `TEXTS`.
      data_dir: The data directory; None raises an error that says what to download.
      vocabulary: Number of most frequent words to keep; other words become "<unk>". None keeps all.

    Raises:
      FileNotFoundError: If a file is missing.
      UserError: If a file is not UTF-8, has no words, or has a word outside a closed vocabulary.
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
        raise UserError(f"{path}: must have words. It has none; download the file again, or write some")
    return lines


def _number_words(lines, vocabulary):
    """Numbers the words by descending frequency; equally frequent words by their order in the text."""
    words = [word for word, _ in collections.Counter(itertools.chain.from_iterable(lines)).most_common()]
    if vocabulary is not None:
        words = [UNKNOWN, *(word for word in words if word != UNKNOWN)][:vocabulary]
    return {word: number for number, word in enumerate(words)}


def _encode(lines, index, unknown, path):
    tokens = []
    for number, words in enumerate(lines, 1):
        found = [index.get(word, unknown) for word in words]
        if None in found:
            raise UserError(
                f"{path}, line {number}: must have only words of the training file. "
                f"Received: {words[found.index(None)]!r}. The files belong to different texts; download them again"
            )
        tokens += found
    return np.array(tokens, np.int32)


def make_batches(tokens: np.ndarray, streams: int, steps: int, endless: bool = False) -> tf.data.Dataset:
    """Batches of a text in parallel streams, for truncated backpropagation through time.

    The text is cut into as many equal streams as a batch has rows; each row continues the same row of the previous
    batch. The remainder at the end of the text, fewer tokens than streams, is dropped.

    Args:
      tokens: Int array [number of tokens].
      streams: Rows of a batch.
      steps: Columns of a batch. The last batch may have fewer, so that every token counts; `endless` drops it.
      endless: Whether the text starts again after its end.

    Returns:
      A `tf.data.Dataset` of ((words, continued), targets): words, int32 [streams, steps]; continued, float32
      [streams], 0 at the start of the text, else 1; targets, the next words, int32 [streams, steps].

    Raises:
      UserError: If the text is too short.
    """
    length = len(tokens) // streams
    if length <= steps:
        raise UserError(
            f"{streams} streams of {steps} steps need {streams * (steps + 1)} words. Received: {len(tokens)}. Take a "
            "longer text, or a smaller --scale"
        )
    rows = tf.constant(tokens[: streams * length].reshape(streams, length))
    last = length - 1  # the last word has no next word to predict

    def cut(start):
        end = tf.minimum(start + steps, last)
        continued = tf.fill([streams], tf.cast(start > 0, tf.float32))
        return (rows[:, start:end], continued), rows[:, start + 1 : end + 1]

    starts = tf.data.Dataset.range(0, last - last % steps if endless else last, steps)
    return (starts.repeat() if endless else starts).map(cut).prefetch(tf.data.AUTOTUNE)
