"""The namespace of operations whose values are pieces of Python code."""

import math as python_math
from dataclasses import replace
from typing import Any, Union

from neural_optimizer_search.dsl.exports.code import Code, Kind, is_simple, spell_number
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.lines import LONGEST, Lines
from neural_optimizer_search.dsl.precedence import INFIX, Binding, Infix

# Word or other operator -> its precedence and its symbol in Python.
_OPERATORS = {
    **INFIX,
    "pow": INFIX["pow"]._replace(symbol="**"),
    "mod": INFIX["mul"]._replace(symbol="%"),
    **{
        name: Infix(Binding.COMPARISON, left=Binding.SUM, right=Binding.SUM, symbol=symbol)
        for name, symbol in (("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="))
    },
}
# For two scalars these round differently than for arrays, or raise an error where an array gives inf or NaN.
_NOT_OF_SCALARS = ("div", "pow")


def _function(name: str) -> Any:
    return lambda ops, *arguments: ops.call(name, arguments)


class CodeOperations:
    """A namespace like those in `operations/`, but its arguments and results are `Code`.

    Args:
      functions: The array library.
      lines: Receives the code that needs a line of its own.
    """

    exp, expm1, log, abs, sqrt, square = map(_function, ["exp", "expm1", "log", "abs", "sqrt", "square"])
    sign, sigmoid, tanh, cos = map(_function, ["sign", "sigmoid", "tanh", "cos"])
    minimum, maximum, clip = map(_function, ["minimum", "maximum", "clip"])

    def __init__(self, functions: Functions, lines: Lines) -> None:
        self.functions, self.lines, self.math = functions, lines, _Math(self)

    # -- The functions of a namespace ------------------------------------------------------------------

    def where(self, condition: Code, x: Any, y: Any) -> Code:
        """x where the condition is true, else y."""
        if condition.kind == Kind.TENSOR or self.functions.scalars is None:
            return self.call("where", (condition, x, y))
        return self._choose(condition, *self._shorten(self.read(x), self.read(y)))

    def floormod(self, x: Any, y: Any) -> Code:
        """x % y."""
        return self.infix("mod", x, y)

    def ones_like(self, x: Any) -> Code:
        """The number 1, which stands for an array if x does."""
        return Code("1", self, kind=Kind.NUMBER, wide=self.read(x).wide)

    def zeros_like(self, x: Any) -> Code:
        """Zeros as an array, because TensorFlow's graphs take the dtype from the first of two pieces."""
        x = self.read(x)
        if x.kind < Kind.TENSOR and not x.wide:
            return Code("0.0", self, kind=Kind.NUMBER, wide=False)
        return Code(f"{self.functions.name('zeros_like')}(g)", self, reads=frozenset("g"))

    def scalar(self, x: Any) -> Code:
        """x itself: the file makes the step a float before the equation."""
        return self.read(x)

    def cast_like(self, x: Any, like: Any) -> Code:
        """x itself, unless it is a comparison: all else that the equation reads has one dtype in the file."""
        x = self.read(x)
        if not x.is_comparison:
            return x
        return self.lines.add("mask", self.where(x, self.full(self.ones_like(x)), self.zeros_like(x)))

    def mean(self, x: Code) -> Code:
        """The mean as an array without axes, on a line of its own."""
        return self.lines.add("mean", replace(self.call("mean", [x]), wide=False))

    def orthogonalize(self, x: Code) -> Code:
        """A call of the file's `_orthogonalize`."""
        return self.needing(x.derive(f"_orthogonalize({x.text})", x), "_orthogonalize")

    def mean_inputs(self, x: Code) -> Code:
        """A call of the file's `_mean_inputs`."""
        return self.needing(x.derive(f"_mean_inputs({x.text})", x), "_mean_inputs")

    def on_matrices(self, x: Code, y: Code) -> Code:
        """A choice by the gradient's number of axes, which is that of the weights."""
        choice = f"{x.enclosed(Binding.COMPARISON)} if len(g.shape) > 1 else {y.enclosed(Binding.COMPARISON)}"
        return self.needing(x.derive(choice, x, y, binding=Binding.CONDITION), "g")

    def log_beta(self, beta: Code) -> Code:
        """A call of the file's `_log`, for a β that may be 0."""
        return self.needing(beta.derive(f"_log({beta.text})", beta), "_log")

    def normal(self, like: Code, seed: Code, t: Any, place: int) -> Code:
        """A call of the file's `_normal`, where the step is part of the seed."""
        return self._draw("_normal", like, seed, place)

    def uniform(self, like: Code, seed: Code, t: Any, place: int) -> Code:
        """A call of the file's `_uniform`, on a line of its own."""
        return self.lines.add("u", self._draw("_uniform", like, seed, place))

    def _draw(self, name, like, seed, place):
        call = like.derive(f"{name}({like.text}, {seed.text}, {place})", like, seed)
        return self.needing(call, name)

    # -- How code is written ---------------------------------------------------------------------------

    def read(self, x: Union[Code, float]) -> Code:
        """A number as code; code stays as it is."""
        if isinstance(x, Code):
            return x
        return Code(spell_number(x), self, Binding.NEGATION if x < 0 else Binding.ATOM, Kind.NUMBER, wide=False)

    def needing(self, code: Code, name: str) -> Code:
        """The same code, marked as reading one more name of the file."""
        return replace(code, reads=code.reads | {name})

    def full(self, x: Code) -> Code:
        """The code as a tensor, if it stands for one."""
        if x.kind == Kind.TENSOR or not x.wide:
            return x
        ones = Code(f"{self.functions.name('ones_like')}(g)", self, reads=frozenset("g"))
        return ones if x.text == "1" else self.infix("mul", x, ones)

    def infix(self, name: str, x: Union[Code, float], y: Union[Code, float]) -> Code:
        """An operator between two expressions."""
        x, y = self._shorten(self.read(x), self.read(y))
        if name == "mul":
            for one, other in ((x, y), (y, x)):
                if one.text in ("1", "1.0"):
                    return other.widened() if one.wide else other
        kind = max(x.kind, y.kind)
        if x.wide and y.wide and (kind == Kind.NUMBER or (kind == Kind.SCALAR and name in _NOT_OF_SCALARS)):
            x = self.full(x)
        own, left, right, symbol = _OPERATORS[name]
        texts = x.enclosed(left), y.enclosed(right)
        space = "" if name == "pow" and all(map(is_simple, texts)) else " "
        return x.derive(f"{space}{symbol}{space}".join(texts), x, y, binding=own)

    def call(self, name: str, arguments: Any) -> Code:
        """A function call. It may round differently for a scalar than for an array, so the array is filled first."""
        of = [self.read(x) for x in arguments]
        if any(x.wide for x in of):
            of = [self.full(x) for x in of]
        of = self._shorten(*of)
        spelled = self.functions.name(name)
        code = of[0].derive(f"{spelled}({', '.join(x.text for x in of)})", *of)
        if name in self.functions.limits and of[0].kind == Kind.TENSOR > of[1].kind:
            return of[0].derive(self.functions.limits[name].format(x=of[0].text, y=of[1].text), *of)
        if spelled.startswith("_"):  # a function of the file
            code = self.needing(code, spelled)
        return code if code.kind == Kind.TENSOR or self.functions.scalars is None else self._call_scalar(name, of)

    def _choose(self, condition, x, y):
        """A choice by a condition that is true or false as a whole."""
        choice = f"{x.enclosed(Binding.SUM)} if {condition.text} else {y.enclosed(Binding.SUM)}"
        return x.derive(choice, condition, x, y, binding=Binding.CONDITION)

    def _call_scalar(self, name, of):
        function = (self.functions.scalars or {}).get(name)
        texts = [x.text if function else f"{self.functions.module}.tensor({x.text})" for x in of]
        code = of[0].derive(f"{function or self.functions.name(name)}({', '.join(texts)})", *of)
        return self.needing(code, "math") if code.text.startswith("math.") else code

    def _shorten(self, *of: Code) -> list[Code]:
        """The same pieces; if they do not fit on one line together, the longest get lines of their own."""
        pieces = list(of)
        while sum(len(piece.text) for piece in pieces) > LONGEST:
            longest = max(range(len(pieces)), key=lambda i: len(pieces[i].text))
            pieces[longest] = self.lines.number(pieces[longest])
        return pieces


class _Math:
    """Python's module `math`, whose constants and functions print themselves."""

    def __init__(self, ops: CodeOperations) -> None:
        self._ops = ops

    def __getattr__(self, name: str) -> Any:
        if not callable(getattr(python_math, name)):
            return self._write(f"math.{name}")
        return lambda *xs: self._write(f"math.{name}({', '.join(self._ops.read(x).text for x in xs)})", *xs)

    def _write(self, text, *of):
        reads = frozenset(["math"]).union(*(self._ops.read(x).reads for x in of))
        return Code(text, self._ops, kind=Kind.NUMBER, wide=False, reads=reads)
