"""The sentences of the translation experiment as subwords, and synthetic ones."""

import functools
import pathlib
import tempfile
from typing import NamedTuple, Optional

import numpy as np
import sentencepiece

from benchmarks.data.parallel_text import CORPORA, LANGUAGES, MADE_UP, SPLITS, Pairs
from benchmarks.data.subwords import encode, make_vocabulary

DIGITS = {
    "zero": "null", "one": "eins", "two": "zwei", "three": "drei", "four": "vier",
    "five": "fünf", "six": "sechs", "seven": "sieben", "eight": "acht", "nine": "neun",
}  # fmt: skip


class Data(NamedTuple):
    """The `Pairs` of subwords of each split, the subword model, and the reference translations of each split."""

    train: Pairs
    validation: Pairs
    test: Pairs
    subwords: sentencepiece.SentencePieceProcessor
    references: dict[str, list[str]]


@functools.lru_cache(maxsize=1)
def load(corpus: str, size: int, data_dir: Optional[pathlib.Path], languages: tuple[str, str] = LANGUAGES) -> Data:
    """Loads the sentences of a corpus, with a vocabulary of `size` subwords."""
    with tempfile.TemporaryDirectory() as made_up:
        if corpus == MADE_UP:
            data_dir = pathlib.Path(made_up)
            write_made_up(data_dir, languages)
        texts = {split: CORPORA[corpus].read(split, data_dir, languages) for split in SPLITS}
        subwords = make_vocabulary(texts["train"], size, made_up if corpus == MADE_UP else None)
    references = {split: list(texts[split].target) for split in ("validation", "test")}
    return Data(*(encode(texts[split], subwords) for split in SPLITS), subwords, references)


def write_made_up(data_dir: pathlib.Path, languages: tuple[str, str] = LANGUAGES, sentences: int = 40) -> None:
    """Writes the files of the corpus "made_up": numbers spelled digit by digit."""
    random = np.random.default_rng(0)
    (data_dir / MADE_UP).mkdir()
    for split in SPLITS:
        numbers = [random.integers(10, size=random.integers(2, 8)) for _ in range(sentences)]
        for language, names in zip(languages, (list(DIGITS), list(DIGITS.values()))):
            text = "".join(" ".join(names[digit] for digit in number) + "\n" for number in numbers)
            (data_dir / MADE_UP / f"{split}.{language}").write_text(text, encoding="utf-8")
