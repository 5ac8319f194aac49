"""The lines of Python that compute a rule: the values of its words, computed with pieces of code."""

from collections import Counter
from dataclasses import dataclass

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.averages import with_needs
from neural_optimizer_search.dsl.constants import NAMES as CONSTANTS
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.kept import Kept, write_kept
from neural_optimizer_search.dsl.exports.written_state import ARRAYS, SCALARS, WrittenState
from neural_optimizer_search.dsl.families import make_identifier
from neural_optimizer_search.dsl.vocabulary import BINARIES, OPERANDS, UNARIES

# A part whose code is longer gets its own line; two parts of this length fit on one.
LONG = 44


@dataclass(frozen=True)
class Equation:
    """An update rule as the body of a function.

    Attributes:
      lines: Python lines without indent; the last one is a return.
      reads: What it needs from its file: its arguments, the module "math", and the file's own functions, such as
        "_normal".
      kept: The arrays that the file keeps from step to step, in the order in which they are updated.
    """

    lines: tuple[str, ...]
    reads: frozenset[str]
    kept: tuple[Kept, ...]

    @property
    def tensors(self) -> list[str]:
        """Its arguments of the gradient's size, in order."""
        return [name for name in (*ARRAYS, *self.averages) if name in self.reads]

    @property
    def arguments(self) -> list[str]:
        """All its arguments, in order."""
        return [*self.tensors, *(name for name in (*SCALARS, *CONSTANTS) if name in self.reads)]

    @property
    def averages(self) -> list[str]:
        """The names of all kept arrays."""
        return [row.name for row in self.kept]

    @property
    def needs(self) -> frozenset[str]:
        """The names that the equation or the kept arrays read."""
        return self.reads.union(*(row.reads for row in self.kept))

    @property
    def constants(self) -> list[str]:
        """The constants of the rule that any part of it reads."""
        return [name for name in CONSTANTS if name in self.needs]


def mark_place(word: str, place: int) -> str:
    """The word, with its place after an @ if it draws random numbers, which depend on the place."""
    if word == "g^3":
        return "g^3@"  # `simplify` treats sign(g^3) as sign(g), which is wrong where g^3 underflows.
    table = OPERANDS if word in OPERANDS else UNARIES
    return f"{word}@{place}" if table[word].random else word


def write_equation(expression: ex.Expression, functions: Functions) -> Equation:
    """Writes the equation for an array library.

    Args:
      expression: The update direction, in words marked by `mark_place`.
      functions: How the library spells its functions.
    """
    writer = _Writer(ex.simplify(expression), functions)
    for operand in dict.fromkeys(_operands(writer.expression)):  # words first, then the rule
        writer.write(operand)
    result = writer.ops.full(writer.write(writer.expression))
    read = {name for name in writer.kept if make_identifier(name) in result.reads}
    return Equation(writer.ops.lines.text(result), result.reads, write_kept(with_needs(read), functions))


class _Writer:
    def __init__(self, expression, functions):
        self.expression, self.codes = expression, {}
        self.reads = _count_reads(expression)
        words = {_word(operand) for operand in _operands(expression)}
        self.kept = with_needs({name for word in words for name in OPERANDS[word].averages})
        self.state = WrittenState.of(functions, self.kept)
        self.ops = self.state.ops

    def write(self, node):
        """The code of a part, which is written only once however often it is read."""
        if node not in self.codes:
            code = getattr(self, f"_{type(node).__name__.lower()}")(node).widened()
            if len(code.text) > LONG or (self.reads[node] > 1 and not isinstance(node, ex.Operand)):
                code = self.ops.lines.number(code)
            self.codes[node] = code
        return self.codes[node]

    def _operand(self, node):
        name, code = make_identifier(_word(node)).lower(), self._evaluate(OPERANDS, node)
        # Values that have a name in formulas have the same name in code.
        if name.isidentifier() and not code.text.isidentifier():
            return self.ops.lines.add(name, code)
        return code

    def _unary(self, node):
        return self._evaluate(UNARIES, node, self.write(node.x))

    def _binary(self, node):
        return self._evaluate(BINARIES, node, self.write(node.x), self.write(node.y))

    def _evaluate(self, table, node, *arguments):
        place = node.name.partition("@")[2]
        return self.ops.read(table[_word(node)].value(self.ops, self.state.at(int(place or 0)), *arguments))


def _word(node):
    return node.name.partition("@")[0]


def _operands(node):
    """Operands in the order in which they appear in the formula."""
    if isinstance(node, ex.Operand):
        yield node
    for child in ex.children(node):
        yield from _operands(child)


def _count_reads(expression):
    """Expression -> how often it occurs in others, each of which counts once."""
    reads, nodes, seen = Counter(), [expression], {expression}
    while nodes:
        for child in ex.children(nodes.pop()):
            reads[child] += 1
            if child not in seen:
                seen.add(child)
                nodes.append(child)
    return reads
