"""Searches by `nos-search`, each in its own directory, which resume where they stopped."""

import pathlib
from collections.abc import Mapping
from typing import Any

from benchmarks.studies import StudyFailed
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search import command


def run_search(directory: pathlib.Path, given: Mapping[str, Any], changeable: Mapping[str, Any]) -> None:
    """Starts or resumes a search, and runs it to its end.

    Args:
      directory: The directory of the search.
      given: Flags of a new search, by name; a tuple gives a flag several values.
      changeable: Flags of a new or resumed search; a flag that is None is left out.

    Raises:
      StudyFailed: If the search fails; `nos-search` has printed the reason.
    """
    ledger = directory / LEDGER
    if ledger.exists() and not ledger.stat().st_size:
        ledger.unlink()  # as a kill may leave it
    place = dict(resume=directory) if ledger.exists() else dict(given, out=directory)
    words = []
    for name, value in {**place, **changeable}.items():
        if value is not None:
            words += [f"--{name}", *map(str, value)] if isinstance(value, tuple) else [f"--{name}={value}"]
    try:
        code = command.main(words)
    except SystemExit as error:  # a flag is wrong, or the run is in use
        code = error.code
    if isinstance(code, int) and code >= 128:  # a signal stopped it
        raise KeyboardInterrupt
    if code:
        raise StudyFailed(f"the search in {directory} failed with exit code {code}")
