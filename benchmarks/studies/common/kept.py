"""A study's results, stored in a file as they arrive, so that nothing is measured twice."""

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any


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

    def get(self, of: Any, measure: Callable[[], Any]) -> Any:
        """The result, which is measured and stored if there is none yet."""
        if of not in self:
            self.add(of, measure())
        return self[of]


def _text(of):
    return json.dumps(of, sort_keys=True)
