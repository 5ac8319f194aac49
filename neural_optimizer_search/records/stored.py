"""Rows of a ledger as a sequence that stays in its file, because a long search has too many to keep in memory."""

import sqlite3
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, Union, overload

from neural_optimizer_search.records.sqlite_files import read_rows

_Row = TypeVar("_Row")


class Joined(Sequence[_Row]):
    """The concatenation of two sequences."""

    def __init__(self, first: Sequence[_Row], second: Sequence[_Row]):
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def __iter__(self) -> Iterator[_Row]:
        yield from self._first
        yield from self._second

    @overload
    def __getitem__(self, place: int) -> _Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[_Row]: ...
    def __getitem__(self, place: Union[int, slice]) -> Union[_Row, list[_Row]]:
        if isinstance(place, slice):
            return [self._read(one) for one in range(len(self))[place]]
        return self._read(range(len(self))[place])

    def _read(self, place: int) -> _Row:
        behind = place - len(self._first)
        return self._first[place] if behind < 0 else self._second[behind]


class StoredRows(Sequence[_Row]):
    """Rows of a table; each is read and checked on access.

    The ledger must stay open, and these rows must not change.

    Args:
      db: The ledger's connection.
      query: The query `SELECT columns FROM table`.
      where: A condition in SQL that selects rows.
      values: Values for the "?" in the condition.
      make: Makes a row from the values of its columns.
      order: Expressions in SQL by which the rows are ordered; by default their numbers.
    """

    def __init__(
        self,
        db: sqlite3.Connection,
        query: str,
        where: str,
        values: Sequence[Any],
        make: Callable[..., _Row],
        order: str = "rowid",
    ):
        self._db, self._query, self._values, self._make = db, query, values, make
        self._selected = f"WHERE {where} ORDER BY {order}"
        table = query.partition(" FROM ")[2]
        numbers = read_rows(db, f"SELECT rowid FROM {table} {self._selected}", values)
        self._numbers = array("q", (number for (number,) in numbers))

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[_Row]:
        for row in read_rows(self._db, f"{self._query} {self._selected}", self._values):
            yield self._make(*row)

    @overload
    def __getitem__(self, place: int) -> _Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[_Row]: ...
    def __getitem__(self, place: Union[int, slice]) -> Union[_Row, list[_Row]]:
        if isinstance(place, slice):
            return [self._read(number) for number in self._numbers[place]]
        return self._read(self._numbers[place])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(a == b for a, b in zip(self, other))

    def _read(self, number):
        (row,) = read_rows(self._db, f"{self._query} WHERE rowid = ?", [number])
        return self._make(*row)
