"""The number of rules in each proposal of a search, which may change when a run is resumed."""

from collections.abc import Callable
from typing import NamedTuple, Optional


class BatchSizes(NamedTuple):
    """The size of each proposal, by its number.

    A resumed search repeats some of its proposals; these keep their earlier sizes, so that they stay the same.

    Attributes:
      size: Rules per proposal; None for the algorithm's own number.
      earlier: Pairs (number, size): proposals below the number had this size. The first matching pair applies.

    Example:
      >>> from neural_optimizer_search.search.batch_sizes import BatchSizes
      >>> sizes = BatchSizes(100, ((2, None), (3, 20)))
      >>> [sizes.find(number, own=8) for number in range(5)]
      [8, 8, 20, 100, 100]
    """

    size: Optional[int] = None
    earlier: tuple[tuple[int, Optional[int]], ...] = ()

    def find(self, number: int, own: int) -> int:
        """The size of a proposal.

        Args:
          number: The proposal's number.
          own: The algorithm's own size.
        """
        size = next((size for end, size in self.earlier if number < end), self.size)
        return own if size is None else size

    def after(self, count: int) -> "BatchSizes":
        """The sizes of the proposals after the first `count`, numbered from 0 again."""
        return self._replace(earlier=tuple((end - count, size) for end, size in self.earlier))

    def part(self, find_part: Callable[[int], int]) -> "BatchSizes":
        """The sizes of a part of each proposal; `find_part` maps the size of a proposal to that of its part."""

        def of(size):
            return None if size is None else find_part(size)

        return BatchSizes(of(self.size), tuple((end, of(size)) for end, size in self.earlier))


OWN = BatchSizes()  # the algorithm's own sizes
