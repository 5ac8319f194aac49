"""Searches by `nos-search`, each in its own directory, which resume where they stopped."""

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any

from benchmarks.studies import StudyFailed
from neural_optimizer_search import flags
from neural_optimizer_search.recorded_flags import complete
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search import command
from neural_optimizer_search.search.config import SearchConfig, choose_defaults
from neural_optimizer_search.search.named_rules import find_starts
from neural_optimizer_search.search.registry import find_algorithm


def run_search(directory: pathlib.Path, given: Mapping[str, Any], changeable: Mapping[str, Any]) -> None:
    """Starts or resumes a search, and runs it to its end.

    Args:
      directory: The directory of the search.
      given: Flags of a new search, by name; a tuple gives a flag several values. A flag that is None is left out. A
        search that is resumed must have begun with the same.
      changeable: Flags of a new or resumed search; a flag that is None is left out.

    Raises:
      StudyFailed: If the search fails; `nos-search` has printed the reason. Or if the directory holds a search that
        began with other flags.
    """
    ledger = directory / LEDGER
    if ledger.exists() and not ledger.stat().st_size:
        ledger.unlink()  # as a kill may leave it
    place = dict(resume=directory) if ledger.exists() else dict(given, out=directory)
    try:
        if ledger.exists():
            _require_same(directory, given)
        code = command.main(_write_words({**place, **changeable}))
    except SystemExit as error:  # a flag is wrong, or the run is in use
        code = error.code
    if isinstance(code, int) and code >= 128:  # a signal stopped it
        raise KeyboardInterrupt
    if code:
        raise StudyFailed(f"the search in {directory} failed with exit code {code}")


def _write_words(given):
    words = []
    for name, value in given.items():
        if value is not None:
            words += [f"--{name}", *map(str, value)] if isinstance(value, tuple) else [f"--{name}={value}"]
    return words


def _require_same(directory, given):
    """Raises a StudyFailed if a search began with other flags than these."""
    parsed = vars(flags.build_parser("nos-search", None, SearchConfig).parse_args(_write_words(given)))
    with contextlib.closing(Ledger(directory / LEDGER, read_only=True)) as ledger:
        recorded, start = complete(SearchConfig, ledger.run.config), ledger.run.start
    defaults = choose_defaults(parsed, find_algorithm(parsed.get("algorithm", SearchConfig.algorithm)))
    config = flags.configure(SearchConfig, parsed, **defaults)
    for name in given:
        one, default = flags.flags_of(SearchConfig)[name]
        wanted, began = getattr(config, name), recorded.get(name, default)
        # A search keeps the rules that it began with, whatever has happened to their file since.
        is_same = find_starts(config.starts_with) == start if name == "start" else wanted == began
        if not is_same and not one.changeable:
            now = f"not with {flags.tell(wanted)}" if wanted != began else "which had other rules then"
            raise StudyFailed(
                f"the search in {directory} began with --{name} {flags.tell(began)}, {now}. Give another directory "
                "with --runs"
            )
