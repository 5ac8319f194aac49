"""The lines of Python that compute a rule: its words' own values, of pieces of code."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.exports.code import Code, Kind
from neural_optimizer_search.dsl.exports.lines import Lines
from neural_optimizer_search.dsl.exports.namespace import CodeOperations, Functions
from neural_optimizer_search.dsl.precedence import Binding
from neural_optimizer_search.dsl.state import State
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES

AVERAGES = (("m", 0.9, 1), ("v", 0.999, 2), ("gamma", 0.999, 3))

# A part whose code is longer gets its own line; two such parts fit into one.
LONG = 44

TENSORS = ("g", "w", *(name for name, _, _ in AVERAGES))
SCALARS = ("t", "T", "seed")


@dataclass(frozen=True)
class Equation:
    """An update rule as the body of a function.

    Attributes:
      lines: Python without indent; the last one is a return.
      reads: What it needs of its file: some of `TENSORS` and `SCALARS` as arguments, the module "math", and the
        file's own functions, such as "_normal".
    """

    lines: tuple[str, ...]
    reads: frozenset[str]

    @property
    def tensors(self) -> list[str]:
        """Its arguments that are as large as the gradient, in order."""
        return [name for name in TENSORS if name in self.reads]

    @property
    def arguments(self) -> list[str]:
        """All its arguments, in order."""
        return [*self.tensors, *(name for name in SCALARS if name in self.reads)]

    @property
    def averages(self) -> list[tuple[str, float, int]]:
        """The rows of `AVERAGES` that it reads."""
        return [row for row in AVERAGES if row[0] in self.reads]


class _CodeState(State):
    """A state of pieces of code; an average that is corrected for its bias has a line of its own."""

    def correct(self, average, beta, steps_ahead=0):
        code: Any = super().correct(average, beta, steps_ahead)
        return code.ops.lines.add(f"{average.text}_hat", code)


def mark_place(word: str, place: int) -> str:
    """The word, with its place behind an @ if it draws random numbers: they depend on the place."""
    if word == "g^3":
        return "g^3@"  # `simplify` takes sign(g^3) for sign(g), which it is not where g^3 underflows.
    return f"{word}@{place}" if {**OPERANDS, **UNARIES}[word].random else word


def write_equation(expression: ex.Expression, functions: Functions) -> Equation:
    """The equation in an array library.

    Args:
      expression: What it computes, in words with `mark_place`.
      functions: How the library spells its functions.
    """
    writer = _Writer(ex.simplify(expression), functions)
    for operand in dict.fromkeys(_operands(writer.expression)):  # what words mean; then what the rule makes of it
        writer.write(operand)
    result = writer.ops.full(writer.write(writer.expression))
    return Equation(writer.ops.lines.text(result), result.reads)


class _Writer:
    def __init__(self, expression, functions):
        self.expression, self.codes = expression, {}
        self.reads = _count_reads(expression)
        self.ops = ops = CodeOperations(functions, Lines(taken={*TENSORS, *SCALARS, "math", functions.module}))
        tensors = {name: Code(name, ops, reads=frozenset([name])) for name in TENSORS}
        t, T, seed = (Code(name, ops, Binding.ATOM, Kind.SCALAR, False, frozenset([name])) for name in SCALARS)
        self.state = _CodeState(ops, tensors["g"], tensors["w"], tensors, iterations=t, decay_steps=T, seed=seed)

    def write(self, node):
        """The code of a part, which is written once however often it is read."""
        if node not in self.codes:
            code = getattr(self, f"_{type(node).__name__.lower()}")(node).widened()
            if len(code.text) > LONG or (self.reads[node] > 1 and not isinstance(node, ex.Operand)):
                code = self.ops.lines.number(code)
            self.codes[node] = code
        return self.codes[node]

    def _operand(self, node):
        word, code = node.name.partition("@")[0], self._evaluate(OPERANDS, node)
        # What has a name in formulas has it in code, too.
        if word.isidentifier() and not code.text.isidentifier():
            return self.ops.lines.add(word.lower(), code)
        return code

    def _unary(self, node):
        return self._evaluate(UNARIES, node, self.write(node.x))

    def _binary(self, node):
        return self._evaluate(BINARIES, node, self.write(node.x), self.write(node.y))

    def _evaluate(self, table, node, *arguments):
        word, _, place = node.name.partition("@")
        return self.ops.read(table[word].value(self.ops, self.state.at(int(place or 0)), *arguments))


def _operands(node):
    """In the order in which they stand in the formula."""
    if isinstance(node, ex.Operand):
        yield node
    for child in ex.children(node):
        yield from _operands(child)


def _count_reads(expression):
    """Expression -> how often it stands in others, each of them counted once."""
    reads, nodes, seen = Counter(), [expression], {expression}
    while nodes:
        for child in ex.children(nodes.pop()):
            reads[child] += 1
            if child not in seen:
                seen.add(child)
                nodes.append(child)
    return reads
