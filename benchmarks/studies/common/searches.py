"""Searches by `nos-search`, each in its own directory, that resume where they were stopped."""

import pathlib
from collections.abc import Mapping
from typing import Any

from benchmarks.studies import StudyFailed
from neural_optimizer_search.search import command


def run_search(directory: pathlib.Path, given: Mapping[str, Any], changeable: Mapping[str, Any]) -> None:
    """Makes a search, or goes on with it to its end.

    Args:
      directory: Where it is kept.
      given: Flags of a new search, by name; of several values, a tuple.
      changeable: Flags of a new search and of one that goes on; what is None is not given.

    Raises:
      StudyFailed: If it cannot go on; `nos-search` has said why.
    """
    place = dict(resume=directory) if directory.exists() else dict(given, out=directory)
    words = []
    for name, value in {**place, **changeable}.items():
        if value is not None:
            words += [f"--{name}", *map(str, value)] if isinstance(value, tuple) else [f"--{name}={value}"]
    code = command.main(words)
    if code >= 128:  # a signal stopped it
        raise KeyboardInterrupt
    if code:
        raise StudyFailed(f"the search in {directory} failed with exit code {code}")
