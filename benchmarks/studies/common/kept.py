"""A study's results, stored in a file as they arrive, so that nothing is measured twice."""

import concurrent.futures
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tqdm import tqdm


class Kept:
    """A JSON-lines file of results, each under a key that describes what was measured.

    Args:
      path: The file; created with the first result.

    Example:
      >>> import pathlib, tempfile
      >>> from benchmarks.studies.common.kept import Kept
      >>> path = pathlib.Path(tempfile.mkdtemp(), "kept.jsonl")
      >>> Kept(path).get(dict(seed=3), lambda: dict(score=0.5))
      {'score': 0.5}
      >>> Kept(path).get(dict(seed=3), lambda: 1 / 0)
      {'score': 0.5}
    """

    def __init__(self, path: pathlib.Path):
        self._path = path
        *lines, torn = path.read_text().split("\n") if path.exists() else [""]
        if torn:  # a kill cut this line off; its result is measured again
            path.write_text("".join(f"{line}\n" for line in lines))
        records = map(json.loads, lines)
        self._results = {_text(record["of"]): record["result"] for record in records}

    def __contains__(self, of: Any) -> bool:
        return _text(of) in self._results

    def __getitem__(self, of: Any) -> Any:
        return self._results[_text(of)]

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Yields each key with its result."""
        return ((json.loads(of), result) for of, result in self._results.items())

    def add(self, of: Any, result: Any) -> None:
        """Stores a result under its key; both must be JSON-serializable."""
        line = json.dumps(dict(of=of, result=result))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "a") as file:
            file.write(f"{line}\n")  # one write: a kill leaves a whole line, or a torn one at the end
        self._results[_text(of)] = json.loads(line)["result"]

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
          Exception: If a future or `write` does; results that arrived earlier are stored.
        """
        finished, disable = concurrent.futures.as_completed(running), None if running else True
        for future in tqdm(finished, total=len(running), unit=unit, disable=disable, leave=False):
            self.add(running[future], write(future.result()))

    def get(self, of: Any, measure: Callable[[], Any]) -> Any:
        """The result, which is measured and stored if there is none yet."""
        if of not in self:
            self.add(of, measure())
        return self[of]


def _text(of):
    return json.dumps(of, sort_keys=True)
