"""Parallel sentences in two languages, from text files or TFDS."""

import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import tensorflow_datasets as tfds

from benchmarks.data.text_files import hash_files, read_lines
from benchmarks.data.tfds_directory import tfds_directory
from neural_optimizer_search.user_error import UserError

LANGUAGES = ("en", "de")  # source and target language in the paper
SPLITS = ("train", "validation", "test")


class Pairs(NamedTuple):
    """Sentences and their translations, as lists of strings or as ragged tensors of subwords."""

    source: Any
    target: Any


@dataclass(frozen=True)
class Corpus:
    """The location of sentences and their translations.

    Args:
      directory: Subdirectory of the data directory, with the files STEM.en and STEM.de for each split, one sentence
        per line. Other languages have other suffixes.
      stems: Stems of the splits train, validation and test.
      tfds: Name of a TFDS data set whose language pairs all include English; read if there is no such directory.
      obtain: Text for error messages: the size, and how to get the files into the data directory, DATA_DIR. SUFFIXES
        stands for the suffixes of both languages, PAIR for the name of the pair in TFDS.
    """

    directory: str
    stems: tuple[str, ...] = SPLITS
    tfds: Optional[str] = None
    obtain: str = ""

    def names(self, split: str, languages: Sequence[str]) -> list[str]:
        """The file names of a split, relative to the data directory."""
        stem = pathlib.PurePath(self.directory, self.stems[SPLITS.index(split)])
        return [f"{stem}.{language}" for language in languages]

    def read(self, split: str, data_dir: Optional[pathlib.Path], languages: Sequence[str] = LANGUAGES) -> Pairs:
        """Reads the `Pairs` of a split.

        Args:
          split: One of `SPLITS`.
          data_dir: The data directory; None raises an error that says what to download.
          languages: The source and the target language.

        Raises:
          FileNotFoundError: If the data directory is None or lacks the files.
          UserError: If a line has no translation, is empty, or is not UTF-8.
        """
        if data_dir and self.tfds and not (data_dir / self.directory).is_dir():
            return self._read_tfds(split, data_dir, languages)
        names = self.names(split, languages)
        if not data_dir or not all((data_dir / name).is_file() for name in names):
            raise self._missing_data(data_dir, " and ".join(names), languages)
        return _read_files(*(data_dir / name for name in names))

    def _read_tfds(self, split, data_dir, languages):
        directory = tfds_directory(data_dir)
        name = f"{self.tfds}/{_name_pair(languages)}"
        try:
            data = tfds.load(name, split=split, data_dir=directory, download=False)
        except (AssertionError, ValueError):  # raised by TFDS if it lacks the data set or these languages
            raise self._missing_data(data_dir, name, languages) from None
        pairs = ([row[language].decode() for language in languages] for row in tfds.as_numpy(data))
        return Pairs(*zip(*(pair for pair in pairs if all(text.strip() for text in pair))))

    def find_languages(self, data_dir: pathlib.Path) -> list[str]:
        """The suffixes of the files with training sentences in a data directory."""
        found = (data_dir / self.directory).glob(f"{self.stems[0]}.*")
        return sorted({path.suffix[1:] for path in found} - {"txt"})  # texts for language models

    def _missing_data(self, data_dir, what, languages):
        there = self.find_languages(data_dir) if data_dir else []
        advice = f"There are training sentences in {', '.join(there)}: say which with --languages. " if there else ""
        places = {"DATA_DIR": str(data_dir or "DATA_DIR"), "PAIR": _name_pair(languages)}
        places["SUFFIXES"] = "{" + ",".join(languages) + "}"
        obtain = self.obtain
        for word, text in places.items():
            obtain = obtain.replace(word, text)
        return FileNotFoundError(
            f"argument --data_dir: must be a directory with {what}. Received: {data_dir}. "
            + ("" if set(languages) <= set(there) else advice)
            + obtain
        )


def _name_pair(languages):
    """The name of a language pair in TFDS, in which English comes last."""
    return "-".join(sorted(languages, key=lambda language: language == "en"))


MADE_UP, OWN = "made_up", "own"
_OR_OWN = ". Or take sentences of your own: DATA_DIR/{train,validation,test}.SUFFIXES"
CORPORA = {
    MADE_UP: Corpus(MADE_UP),
    OWN: Corpus(".", obtain="Put the missing sentences there, one a line"),
    "multi30k": Corpus(
        "multi30k",
        stems=("train", "val", "test_2016_flickr"),
        obtain="To download Multi30k (1.3 MB, 4 MB unpacked): mkdir -p DATA_DIR/multi30k && "
        "for f in {train,val,test_2016_flickr}.SUFFIXES; do curl -L https://github.com/multi30k/dataset/raw/master/"
        "data/task1/raw/$f.gz | gunzip > DATA_DIR/multi30k/$f; done" + _OR_OWN,
    ),
    "wmt14": Corpus(
        "wmt14",
        tfds="wmt14_translate",
        obtain="To download WMT 2014 (1.7 GB, 1.4 GB prepared): mkdir -p DATA_DIR/tfds && tfds build "
        "wmt14_translate/PAIR --data_dir DATA_DIR/tfds; or put text files there, "
        "DATA_DIR/wmt14/{train,validation,test}.SUFFIXES" + _OR_OWN,
    ),
}


def _read_files(source, target):
    pairs = Pairs(_read_lines(source), _read_lines(target))
    count = min(map(len, pairs))
    if len(pairs.source) != len(pairs.target):
        raise UserError(
            f"{source} and {target.name} must have the same number of lines, each the other's translation. Received: "
            f"{len(pairs.source)} and {len(pairs.target)}, so that line {count + 1} stands alone"
        )
    return pairs


def _read_lines(path):
    lines = [line.strip() for line in read_lines(path)]
    if "" in lines:
        raise UserError(
            f"{path}, line {lines.index('') + 1}, is empty; delete it and its translation in the other file"
        )
    return lines


def find_corpus(name: str, data_dir: Optional[pathlib.Path]) -> str:
    """The corpus to read: the user's own if the directory has it and lacks the named one, else the named one."""
    if data_dir is None or (data_dir / CORPORA[name].directory).is_dir():
        return name
    return OWN if len(CORPORA[OWN].find_languages(data_dir)) > 1 else name


def hash_own(data_dir: pathlib.Path, languages: Sequence[str]) -> str:
    """A digest of 16 hexadecimal digits that identifies the user's own sentences; missing files are skipped."""
    paths = [data_dir / name for split in SPLITS for name in CORPORA[OWN].names(split, languages)]
    return hash_files(path for path in paths if path.is_file())
