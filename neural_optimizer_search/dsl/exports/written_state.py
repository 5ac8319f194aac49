"""The values that words read, as pieces of code: the arguments of a function in the file."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, NamedTuple

from neural_optimizer_search.dsl.constants import NAMES as CONSTANTS
from neural_optimizer_search.dsl.exports.code import Code, Kind
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.lines import Lines
from neural_optimizer_search.dsl.exports.namespace import CodeOperations
from neural_optimizer_search.dsl.families import make_identifier
from neural_optimizer_search.dsl.precedence import Binding
from neural_optimizer_search.dsl.state import State

ARRAYS = ("g", "w")
SCALARS = ("t", "T", "seed")


class _Beta(NamedTuple):
    """A `Beta`, together with the code of β itself."""

    complement: Code
    log: Code
    text: str


class WrittenState(State):
    """A state of pieces of code; an average that is corrected for its bias has a line of its own."""

    ops: Any  # `CodeOperations`

    @classmethod
    def of(cls, functions: Functions, kept: Iterable[str]) -> "WrittenState":
        """A state with lines of its own.

        Args:
          functions: How the library spells its functions.
          kept: The rows and members of `AVERAGES` that can be read.
        """
        names = {name: make_identifier(name) for name in kept}
        taken = {*ARRAYS, *SCALARS, *CONSTANTS, *names.values(), "math", functions.module}
        ops = CodeOperations(functions, Lines(taken))
        g, w, *averages = (Code(name, ops, reads=frozenset([name])) for name in (*ARRAYS, *names.values()))
        t, T, seed = (_name(ops, name, Kind.SCALAR) for name in SCALARS)
        constants: Any = SimpleNamespace(**{name: _name(ops, name, Kind.NUMBER) for name in CONSTANTS})
        others: dict[str, Any] = dict(ops=ops, iterations=t, decay_steps=T, seed=seed, constants=constants)
        return cls(g=g, w=w, averages=dict(zip(names, averages)), **others)

    def beta(self, name: str) -> Any:
        return self._write_beta(getattr(self.constants, name))

    def own_beta(self, c: float) -> Any:
        return self._write_beta(self.ops.read(c))

    def _write_beta(self, beta):
        return _Beta(1.0 - beta, self.ops.log_beta(beta), beta.text)

    def correct(self, average: Code, beta: Any, steps_ahead: int = 0) -> Code:
        code = super().correct(average, beta, steps_ahead)
        name = average.text if average.text.isidentifier() else "g"
        return self.ops.lines.add(f"{name}_hat", code, comment=f"1 - {beta.text}^(t + {1 + steps_ahead})")

    def each_tensor(self, function: Any, *arrays: Code) -> Code:
        return function(*map(self._name_array, arrays))

    def _name_array(self, x):
        """Names a whole array, so that it can be read more than once."""
        x = self.ops.full(x)
        return x if x.text.isidentifier() else self.ops.lines.number(x)


def _name(ops, name, kind):
    return Code(name, ops, Binding.ATOM, kind, wide=False, reads=frozenset([name]))
