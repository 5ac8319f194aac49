"""Sentences in two languages, in text files or in TFDS."""

import pathlib
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import tensorflow_datasets as tfds

from benchmarks.data.tfds_directory import tfds_directory

LANGUAGES = ("en", "de")
SPLITS = ("train", "validation", "test")


class Pairs(NamedTuple):
    """Sentences and their translations, each a list of text, or a ragged tensor of subwords."""

    source: Any
    target: Any


@dataclass(frozen=True)
class Corpus:
    """Where sentences and their translations are.

    Args:
      directory: In the data directory, with a file STEM.en and STEM.de for each split, a sentence a line.
      stems: Stems of the splits train, validation and test.
      tfds: Name of a data set of TFDS, which is read if there is no such directory.
      obtain: What a message says of the size, and of how to get it into the data directory, DATA_DIR.
    """

    directory: str
    stems: tuple[str, ...] = SPLITS
    tfds: Optional[str] = None
    obtain: str = ""

    def read(self, split: str, data_dir: Optional[pathlib.Path]) -> Pairs:
        """The `Pairs` of a split.

        Raises:
          FileNotFoundError: If the data directory does not hold them, or is None.
          ValueError: If a line has no translation, or is no text.
        """
        stem = self.stems[SPLITS.index(split)]
        names = [f"{self.directory}/{stem}.{language}" for language in LANGUAGES]
        if data_dir and self.tfds and not (data_dir / self.directory).is_dir():
            return self._read_tfds(split, data_dir)
        if not data_dir or not all((data_dir / name).is_file() for name in names):
            raise self._missing_data(data_dir, " and ".join(names))
        return _read_files(*(data_dir / name for name in names))

    def _read_tfds(self, split, data_dir):
        directory = tfds_directory(data_dir)
        try:
            data = tfds.load(self.tfds, split=split, data_dir=directory, download=False)
        except AssertionError:  # so TFDS says that a set is not there
            raise self._missing_data(data_dir, self.tfds) from None
        pairs = ([row[language].decode() for language in LANGUAGES] for row in tfds.as_numpy(data))
        return Pairs(*zip(*(pair for pair in pairs if all(text.strip() for text in pair))))

    def _missing_data(self, data_dir, what):
        return FileNotFoundError(
            f"argument --data_dir: must be a directory with {what}. Received: {data_dir}. "
            + self.obtain.replace("DATA_DIR", str(data_dir or "DATA_DIR"))
        )


CORPORA = {
    "made_up": Corpus("made_up"),
    "multi30k": Corpus(
        "multi30k",
        stems=("train", "val", "test_2016_flickr"),
        obtain="To download Multi30k (1.3 MB, 4 MB unpacked): mkdir -p DATA_DIR/multi30k && "
        "for f in {train,val,test_2016_flickr}.{en,de}; do curl -L https://github.com/multi30k/dataset/raw/master/"
        "data/task1/raw/$f.gz | gunzip > DATA_DIR/multi30k/$f; done",
    ),
    "wmt14": Corpus(
        "wmt14",
        tfds="wmt14_translate/de-en",
        obtain="To download WMT 2014 (1.7 GB, 1.4 GB prepared): mkdir -p DATA_DIR/tfds && tfds build "
        "wmt14_translate/de-en --data_dir DATA_DIR/tfds; or put text files there, "
        "DATA_DIR/wmt14/{train,validation,test}.{en,de}",
    ),
}


def _read_files(source, target):
    pairs = Pairs(_read_lines(source), _read_lines(target))
    count = min(map(len, pairs))
    if len(pairs.source) != len(pairs.target):
        raise ValueError(
            f"{source} and {target.name} must have the same number of lines, each the other's translation. Received: "
            f"{len(pairs.source)} and {len(pairs.target)}, so that line {count + 1} stands alone"
        )
    return pairs


def _read_lines(path):
    # Not `splitlines`: it also ends a line at characters that text on the web has within sentences.
    lines = []
    for number, line in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
        try:
            lines.append(line.decode().strip())
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}, line {number}, must be UTF-8 text: {error}") from None
        if not lines[-1]:
            raise ValueError(f"{path}, line {number}, is empty; delete it and its translation in the other file")
    return lines
