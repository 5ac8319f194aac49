"""Splits lines of code that are too long, as formatters do."""

WIDTH = 110
INDENT = " " * 4
_BRACKETS = {")": "(", "]": "[", "}": "{"}


def wrap(line: str) -> list[str]:
    """The line; one that is longer than `WIDTH` is split in its last brackets, if those have commas.

    Example:
      >>> from neural_optimizer_search.dsl.exports.layout import wrap
      >>> print(*wrap(f"def {'f' * 60}({'a' * 30}, {'b' * 30}):"), sep="\\n")
      def ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff(
          aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
      ):
    """
    end = len(line.rstrip(":,"))
    if len(line) <= WIDTH or line[end - 1 : end] not in _BRACKETS:
        return [line]
    commas, start = _find_commas(line, end - 1)
    if not commas:
        return [line]
    margin = line[: len(line) - len(line.lstrip())]
    pieces = [line[i:j].lstrip(", ") for i, j in zip([start + 1, *commas], [*commas, end - 1])]
    whole = f"{margin}{INDENT}{', '.join(pieces)}"
    is_call = line[start] == "(" and line[start - 1].isidentifier()
    if not (is_call and len(whole) <= WIDTH):  # except in a call, each piece gets its own line
        body = [part for piece in pieces for part in wrap(f"{margin}{INDENT}{piece},")]
    else:
        body = [whole]
    return [line[: start + 1], *body, margin + line[end - 1 :]]


def _find_commas(line, end):
    """The positions of the commas in the brackets that close at `end`, and of the opening bracket."""
    commas, depth = [], 0
    for i in range(end, -1, -1):
        depth += (line[i] in _BRACKETS) - (line[i] in _BRACKETS.values())
        if depth == 0:
            return commas[::-1], i
        if depth == 1 and line[i] == ",":
            commas.append(i)
    return [], end
