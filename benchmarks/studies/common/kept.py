"""A study's results, stored in a file as they arrive, so that nothing is measured twice."""

import concurrent.futures
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm

from benchmarks.trials.json_lines import JsonLines


class Kept:
    """A JSON-lines file of results, each under a key that describes what was measured; see `JsonLines`.

    Args:
      path: The file; only this process may add to it until the process ends.
      read: Converts a stored result to the one to return. If it raises a KeyError, TypeError or ValueError, the line
        is damaged.
      reads_only: Whether nothing will be added, so that another process may be adding results.

    Raises:
      Damaged: If a line is damaged.
      InUse: If another process adds results to the file.

    Example:
      >>> import pathlib, tempfile
      >>> from benchmarks.studies.common.kept import Kept
      >>> path = pathlib.Path(tempfile.mkdtemp(), "kept.jsonl")
      >>> Kept(path).get(dict(seed=3), lambda: dict(score=0.5))
      {'score': 0.5}
      >>> Kept(path).get(dict(seed=3), lambda: 1 / 0)
      {'score': 0.5}
    """

    def __init__(
        self, path: pathlib.Path, read: Callable[[Any], Any] = lambda result: result, reads_only: bool = False
    ):
        self._file, self._read_result = JsonLines(path), read
        if not reads_only:
            self._file.hold()
        self._results = dict(self._file.read(self._read))

    def _read(self, record):
        return _text(record["of"]), self._read_result(record["result"])

    def __contains__(self, of: Any) -> bool:
        return _text(of) in self._results

    def __getitem__(self, of: Any) -> Any:
        return self._results[_text(of)]

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yields each key with its result."""
        return ((json.loads(of), result) for of, result in self._results.items())

    def add(self, of: Any, result: Any) -> None:
        """Stores a result under its key; both must be JSON-serializable."""
        record = dict(of=of, result=result)
        self._file.add(record)
        self._results.update([self._read(json.loads(json.dumps(record)))])

    def find_missing(self, keys: Sequence[Any]) -> list[int]:
        """The positions of the keys that have no result yet; of equal keys, only the first."""
        positions: dict[str, int] = {}
        for position, of in enumerate(keys):
            positions.setdefault(_text(of), position)
        return [position for text, position in positions.items() if text not in self._results]

    def add_finished(
        self,
        running: Mapping[concurrent.futures.Future, Any],
        unit: str,
        write: Callable[[Any], Any] = lambda result: result,
    ) -> None:
        """Stores results as they arrive, and shows a progress bar.

        Args:
          running: Each future with the key of its result.
          unit: The word for one result in the progress bar.
          write: Converts a result to the one to store.

        Raises:
          Exception: That of the first future, in the given order, which raises one or whose result `write` refuses,
            when all others have finished and their results are stored.
        """
        finished, disable = concurrent.futures.as_completed(running), None if running else True
        errors = {}
        for future in tqdm(finished, total=len(running), unit=unit, disable=disable, leave=False):
            try:
                result = write(future.result())
            except Exception as error:
                errors[future] = error
            else:
                self.add(running[future], result)
        for future in running:
            if future in errors:
                raise errors[future]

    def get(self, of: Any, measure: Callable[[], Any]) -> Any:
        """The result, which is measured and stored if there is none yet."""
        if of not in self:
            self.add(of, measure())
        return self[of]


def _text(of):
    return json.dumps(of, sort_keys=True)
