"""The iterations of a rule, and the token ids that spell them."""

import operator
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Optional, Union

from neural_optimizer_search.dsl.families import is_family
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES, Vocabulary, Word


class Iteration(NamedTuple):
    """b(u1(op1), u2(op2)). An operand is a name, or the number of an earlier iteration."""

    op1: Union[str, int]
    op2: Union[str, int]
    u1: str
    u2: str
    b: str


TOKENS_PER_ITERATION = len(Iteration._fields)
TABLES = (OPERANDS, OPERANDS, UNARIES, UNARIES, BINARIES)  # the words of each place of an iteration


def read_tokens(
    tokens: Iterable[int], vocabulary: Vocabulary, numbers: Optional[Sequence[float]]
) -> tuple[Iteration, ...]:
    """The iterations that token ids spell; see `Rule.from_tokens`."""
    try:
        tokens = [operator.index(token) for token in tokens]
    except TypeError as error:
        raise ValueError(
            f"Argument `tokens` must be a sequence of whole numbers. Received: {tokens!r:.200}."
        ) from error
    if not tokens or len(tokens) % TOKENS_PER_ITERATION:
        raise ValueError(
            f"Argument `tokens` must hold a positive multiple of {TOKENS_PER_ITERATION} ids "
            f"(op1, op2, u1, u2, b per iteration). Received: {len(tokens)} ids."
        )
    words = [_word(token, position, vocabulary, numbers) for position, token in enumerate(tokens)]
    return tuple(Iteration(*five) for five in zip(*[iter(words)] * TOKENS_PER_ITERATION))


def _word(token, position, vocabulary, numbers):
    iteration, place = divmod(position, TOKENS_PER_ITERATION)
    field = Iteration._fields[place]
    words = words_of(field, vocabulary)
    earlier = iteration if field in ("op1", "op2") else 0
    if not 0 <= token < len(words) + earlier:
        outputs = "".join(f", {len(words) + k} = #{k}" for k in range(earlier))
        allowed = ", ".join(f"{i} = {word}" for i, word in enumerate(words)) + outputs
        raise ValueError(
            f"Argument `tokens` must have a legal id at position {position} ({field} of iteration "
            f"{iteration}). Received: {token}. Allowed: {allowed}."
        )
    if token >= len(words):
        return token - len(words)
    word = words[token]
    if not is_family(word):
        return word
    if numbers is None:
        raise ValueError(
            f"Argument `numbers` must have the number of the word {word!r} at position {position}. Received: None."
        )
    return TABLES[place].name(word, float(numbers[position]))


def find_token(field: str, word: Union[str, int], vocabulary: Vocabulary) -> Optional[int]:
    """The id of a word at a place of an iteration; None if the vocabulary lacks it."""
    words = words_of(field, vocabulary)
    if isinstance(word, int):
        return len(words) + word
    if word not in words:
        word = find_word(field, word).family
    return words.index(word) if word in words else None


def words_of(field: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The words of a vocabulary for a place of an iteration."""
    table = {"op1": "operands", "op2": "operands", "u1": "unaries", "u2": "unaries", "b": "binaries"}
    return getattr(vocabulary, table[field])


def find_word(field: str, word: str) -> Word:
    """The row or member of a word at a place of an iteration."""
    return TABLES[Iteration._fields.index(field)][word]


def spell(iteration: Iteration) -> Iteration:
    """The iteration with each word under its canonical name: "clip_0.0010" is "clip_1e-3"."""
    words: Any = (word if isinstance(word, int) else table[word].name for table, word in zip(TABLES, iteration))
    return Iteration(*words)
