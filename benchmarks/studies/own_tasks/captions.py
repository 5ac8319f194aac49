"""Captions of Multi30k, for two of the tasks."""

import functools

from benchmarks.data.parallel_text import CORPORA
from benchmarks.studies.own_tasks import data_directory


@functools.lru_cache
def read_captions(split: str, language: str) -> tuple[str, ...]:
    """The sentences of a split; language: "source" (English) or "target" (German)."""
    return tuple(getattr(CORPORA["multi30k"].read(split, data_directory()), language))
