"""What a search space is: the strings of tokens that an algorithm may propose."""

import abc
from collections.abc import Iterable
from typing import Optional

import numpy as np

from neural_optimizer_search.dsl.rule import Rule


class Space(abc.ABC):
    """Strings of tokens that stand for update rules. An algorithm knows nothing else about what it searches.

    Every implementation passes `tests/contracts/test_space_contract.py`.

    Attributes:
      name: The name under which a run records it.
      title: Its name for the reader.
      sizes: The number of ids at each position of a string.
      size: The exact number of legal strings.
    """

    name: str

    @property
    @abc.abstractmethod
    def title(self) -> str: ...

    @property
    @abc.abstractmethod
    def sizes(self) -> tuple[int, ...]: ...

    @property
    @abc.abstractmethod
    def size(self) -> int: ...

    @property
    def length(self) -> int:
        """The number of tokens in a string."""
        return len(self.sizes)

    @abc.abstractmethod
    def legal_tokens(self, prefixes: np.ndarray) -> np.ndarray:
        """Which ids may follow each prefix: the constraints as masks.

        Args:
          prefixes: Int array `[batch, position]` of the tokens so far, with `position < length`.

        Returns:
          Bool array `[batch, max(sizes)]`; at least one id is legal after a legal prefix.
        """

    @abc.abstractmethod
    def decode(self, tokens: Iterable[int]) -> Rule:
        """Tokens of this space -> `Rule`; raises a ValueError if there is no such string."""

    @abc.abstractmethod
    def encode(self, rule: Rule) -> tuple[int, ...]:
        """`Rule` decoded by this space -> its tokens; raises a ValueError if it is from another space."""

    @abc.abstractmethod
    def embed(self, rule: Rule) -> Optional[tuple[int, ...]]:
        """A legal string that is equivalent to any given rule, such as a known optimizer; None if there is none."""

    def embed_form(self, rule: Rule) -> Optional[tuple[int, ...]]:
        """Like `embed`, but for a rule whose constants may differ from the space's, if the space has constants."""
        return self.embed(rule)

    def is_legal(self, tokens: Iterable[int]) -> bool:
        """Whether tokens obey sizes and constraints."""
        tokens = np.asarray(tokens)
        return tokens.shape == (self.length,) and all(
            0 <= token < self.sizes[i] and self.legal_tokens(tokens[None, :i])[0, token]
            for i, token in enumerate(tokens)
        )

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """`count` strings, each token uniform over the legal ids: int32 `[count, length]`.

        This is what a controller with all logits equal emits.
        """
        tokens = np.zeros((count, 0), np.int32)
        for _ in range(self.length):
            scores = np.where(self.legal_tokens(tokens), rng.random((count, max(self.sizes))), -1.0)
            tokens = np.concatenate([tokens, scores.argmax(1)[:, None].astype(np.int32)], axis=1)
        return tokens
