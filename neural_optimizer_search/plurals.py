"""Counts in words."""

from typing import Optional


def count_of(count: int, noun: str, plural: Optional[str] = None) -> str:
    """A count with its noun.

    Args:
      count: The count.
      noun: The noun for one.
      plural: The noun for several; by default with an s.

    Example:
      >>> from neural_optimizer_search.plurals import count_of
      >>> count_of(1, "rule"), count_of(1200, "rule"), count_of(2, "search", "searches")
      ('1 rule', '1,200 rules', '2 searches')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
