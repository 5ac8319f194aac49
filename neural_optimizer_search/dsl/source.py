"""A rule as the text of one Python file: a Keras optimizer that needs TensorFlow and nothing else.

Each word of `vocabulary.py` has one row here: TensorFlow code that computes, bit for bit in float32, what its row
in `interpreter.py` does.
"""

import ast
import builtins
import keyword
import re
import textwrap
from collections import Counter
from string import Template
from typing import NamedTuple

from neural_optimizer_search.dsl import expression as ex
from neural_optimizer_search.dsl.vocabulary import BETA_1, BETA_2, BETA_3, DELTA, OPERANDS, UNARIES

# A part of the equation whose code is longer gets its own line; two such parts fit into one.
LONG = 44
WIDTH = 110

# A value is a number in Python, a scalar tensor or a tensor of the gradient's shape.
NUMBER, SCALAR, TENSOR = range(3)
# How tightly code holds together; an argument that binds less than needed gets brackets.
_SUM, _PRODUCT, _NEGATION, _POWER, _ATOM = range(5)


class _Code(NamedTuple):
    text: str
    binding: int = _ATOM
    kind: int = TENSOR


# -- The words -------------------------------------------------------------------------------------

_DELTA = re.sub(r"e-0", "e-", str(DELTA))
_NORMAL = "tf.random.stateless_normal(tf.shape(g), tf.add(seed, [0, $place]), dtype=g.dtype)"


def _correct(name, beta):
    # expm1 as in the interpreter: 1 - 0.999^1 in float32 is off by 1e-5.
    return f"{name} / -tf.math.expm1((t + 1) * math.log({beta}))  # 1 - {beta}^(t + 1)"


def _write_cosine(angle):
    return f"0.5 * (1.0 + tf.cos({angle}))"


def _write_restart(n):
    return f"tf.where(t < T, {_write_cosine(f'math.pi * ({n} * t % T) / T')}, 0.0)"


# Lines before the equation, name -> value. A line may read others and what `update_step` of the template hands over:
# g, w, the averages, which have g in them, t and seed. `$place` is that of a random word.
_LINES = {
    "m_hat": _correct("m", BETA_1),
    "v_hat": _correct("v", BETA_2),
    "gamma_hat": _correct("gamma", BETA_3),
    "adam": f"m_hat / (tf.sqrt(v_hat) + {_DELTA})",
    "rmsprop": f"g / (tf.sqrt(v_hat) + {_DELTA})",
    "T": "self.decay_steps",
    "ld": "1.0 - tf.minimum(t, T) / T",
    "cd": _write_cosine("math.pi * tf.minimum(t, T) / T"),
    "cd_1": _write_cosine("2.0 * math.pi * tf.minimum(t, T) / T"),
    "rd_10": _write_restart(10),
    "rd_20": _write_restart(20),
    "eps": f"0.1 * {_NORMAL}",
    "stddev": "(1.0 + t) ** -0.275",
    "eps_t": f"stddev * {_NORMAL}",
    "kept": "tf.random.stateless_uniform(tf.shape(g), tf.add(seed, [0, $place])) >= $constant",
}

_OPERANDS = {
    "g": _Code("g"),
    "g^2": _Code("tf.square(g)"),
    "g^3": _Code("g * tf.square(g)", _PRODUCT),
    "m": _Code("m_hat"),
    "v": _Code("v_hat"),
    "gamma": _Code("gamma_hat"),
    "sign(g)": _Code("tf.sign(g)"),
    "sign(m)": _Code("tf.sign(m)"),
    "1": _Code("1", kind=NUMBER),
    "2": _Code("2", kind=NUMBER),
    "eps": _Code("eps"),
    "1e-4*w": _Code("1e-4 * w", _PRODUCT),
    "1e-3*w": _Code("1e-3 * w", _PRODUCT),
    "1e-2*w": _Code("1e-2 * w", _PRODUCT),
    "1e-1*w": _Code("1e-1 * w", _PRODUCT),
    "Adam": _Code("adam"),
    "RMSProp": _Code("rmsprop"),
    "ld": _Code("ld", kind=SCALAR),
    "cd": _Code("cd", kind=SCALAR),
    "cd_1": _Code("cd_1", kind=SCALAR),
    "rd_10": _Code("rd_10", kind=SCALAR),
    "rd_20": _Code("rd_20", kind=SCALAR),
    "eps_t": _Code("eps_t"),
}

# `$c` is the constant of a word such as clip_1e-5.
_UNARIES = {
    "exp": "tf.exp($x)",
    "log": "tf.math.log(tf.abs($x))",
    "sqrt": "tf.sqrt(tf.abs($x))",
    "clip": "tf.clip_by_value($x, -$c, $c)",
    "drop": "tf.where($kept, $x, 0.0)",
    "sign": "tf.sign($x)",
    "sigmoid": "tf.sigmoid($x)",
}

# Word -> (its operator, how tightly it binds, how tightly its left and its right side must). `left` never gets here.
_BINARIES = {
    "add": (" + ", _SUM, _SUM, _PRODUCT),
    "sub": (" - ", _SUM, _SUM, _PRODUCT),
    "mul": (" * ", _PRODUCT, _PRODUCT, _NEGATION),
    "div": (" / ", _PRODUCT, _PRODUCT, _NEGATION),
    "pow": (" ** ", _POWER, _ATOM, _NEGATION),
}


# -- The equation ----------------------------------------------------------------------------------


def mark_place(word: str, place: int) -> str:
    """The word, with its place behind an @ if it draws random numbers: they depend on the place."""
    if word == "g^3":
        return "g^3@"  # `simplify` takes sign(g^3) for sign(g), which it is not where g^3 underflows.
    random = {**OPERANDS, **UNARIES}[word].random
    return f"{word}@{place}" if random else word


class _Equation:
    """The lines of Python that compute an expression of words with `mark_place`; the last one is a return."""

    def __init__(self, expression):
        self.reads = _reads(expression)
        self.codes, self.before, self.parts = {}, {}, {}
        result = self.full(self.code(expression))
        # A last part that is nothing but the result needs no name.
        if self.parts and result.text == list(self.parts)[-1]:
            result = _Code(self.parts.pop(result.text))
        assignments = {**self.before, **self.parts}
        self.lines = [*(f"{name} = {text}" for name, text in assignments.items()), f"return {result.text}"]

    def code(self, node):
        if node not in self.codes:
            code = getattr(self, f"_{type(node).__name__.lower()}")(node)
            if len(code.text) > LONG or (self.reads[node] > 1 and not isinstance(node, ex.Operand)):
                code = self.part(code)
            self.codes[node] = code
        return self.codes[node]

    def part(self, code):
        name = f"x{len(self.parts) + 1}"
        self.parts[name] = code.text
        return _Code(name, kind=code.kind)

    def line(self, name, **values):
        """The name of a line that is written before the equation, with the lines that it reads."""
        text = Template(_LINES[name]).substitute(values)
        for read in _LINES:
            if read in _names(text):
                self.line(read)
        others = [other for other in self.before if re.fullmatch(rf"{name}_?\d*", other)] if values else []
        name += f"_{len(others) + 1}" if others else ""
        self.before[name] = text
        return name

    def full(self, code):
        """The same value as a tensor of the gradient's shape."""
        if code.kind == TENSOR:
            return code
        if code.text == "1":
            return _Code("tf.ones_like(g)")
        return _Code(f"{_bracket(code, _PRODUCT)} * tf.ones_like(g)", _PRODUCT)

    def _operand(self, node):
        word, _, place = node.name.partition("@")
        code = _OPERANDS[word]
        values = {"place": place} if place else {}
        return code._replace(text=self.line(code.text, **values)) if code.text in _LINES else code

    def _unary(self, node):
        word, _, place = node.name.partition("@")
        function, _, constant = word.partition("_")
        x = self.code(node.x)
        if function == "neg":
            return _Code("-" + _bracket(x, _ATOM), _NEGATION, x.kind)
        # A function of a scalar may round otherwise than the same function of a tensor.
        values = {"x": self.full(x).text, "c": constant}
        if place:
            values["kept"] = self.line("kept", place=place, constant=constant)
        return _Code(Template(_UNARIES[function]).substitute(values))

    def _binary(self, node):
        x, y = self.code(node.x), self.code(node.y)
        if max(x.kind, y.kind) == NUMBER or (node.name == "pow" and TENSOR not in (x.kind, y.kind)):
            x = self.full(x)
        symbol, binding, left, right = _BINARIES[node.name]
        kind = max(x.kind, y.kind)
        if node.name == "div":
            y = _Code(f"{y.text} + {_DELTA}", _SUM)
        x, y = _bracket(x, left), _bracket(y, right)
        if symbol == " ** " and re.fullmatch(r"\w+ -?\w+", f"{x} {y}"):
            symbol = "**"
        return _Code(x + symbol + y, binding, kind)


def _bracket(code, needed):
    return code.text if code.binding >= needed else f"({code.text})"


def _reads(expression):
    """Expression -> how often it stands in others, each of them counted once."""
    reads, nodes, seen = Counter(), [expression], {expression}
    while nodes:
        for child in ex.children(nodes.pop()):
            reads[child] += 1
            if child not in seen:
                seen.add(child)
                nodes.append(child)
    return reads


def _names(code):
    """The names that lines of Python read or write."""
    return {node.id for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Name)}


# -- The file --------------------------------------------------------------------------------------

# A line that ends in `#if x` is written only if the optimizer reads x.
_TEMPLATE = r'''
import math  #if math
  #if math
import tensorflow as tf

# False for Keras 2.15 and for tf_keras.
KERAS_3 = hasattr(tf.keras.optimizers.Optimizer, "add_optimizer_variables")


@tf.keras.utils.register_keras_serializable()
class $name(tf.keras.optimizers.Optimizer):
    r"""w <- w - learning_rate * direction, written by Neural Optimizer Search from the formula

$formula

    In LaTeX:

$latex

    Args:
      learning_rate: A number or a `LearningRateSchedule`.
      decay_steps: The number of training steps T, an int > 0.  #if T
      seed: Seed of the random numbers, an int of 32 bits with sign.  #if seed
      **kwargs: What every Keras optimizer takes, such as `weight_decay` or `clipnorm`.
    """

    def __init__(self, learning_rate=0.01, $arguments**kwargs):
        if not (isinstance(decay_steps, int) and decay_steps > 0):  #if T
            raise ValueError(f"Argument `decay_steps` must be an int > 0. Received: {decay_steps!r}.")  #if T
        if isinstance(learning_rate, int):
            learning_rate = float(learning_rate)  # Keras 3 refuses an int.
        kwargs = {"name": type(self).__name__, "weight_decay": None, **kwargs}
        if KERAS_3:
            super().__init__(learning_rate, **kwargs)
        else:
            super().__init__(**kwargs)
            self._learning_rate = self._build_learning_rate(learning_rate)
        self.decay_steps = decay_steps  #if T
        self.seed = seed  #if seed

    def direction(self, $reads):
        """The equation."""
$equation

    def build(self, variables):
        if not getattr(self, "_built", False):
            super().build(variables)
            self._m = [self.add_variable_from_reference(variable, "m") for variable in variables]  #if m
            self._v = [self.add_variable_from_reference(variable, "v") for variable in variables]  #if v
            self._gamma = [self.add_variable_from_reference(variable, "gamma") for variable in variables]  #if gamma
            self._built = True

    def update_step(self, gradient, variable, learning_rate=None):
        rate = self.learning_rate if learning_rate is None else learning_rate  # Only Keras 3 passes it.
        i = self._get_variable_index(variable) if KERAS_3 else self._index_dict[self._var_key(variable)]  #if i
        g = tf.cast(tf.convert_to_tensor(gradient), variable.dtype)
        self._m[i].assign_add((g - self._m[i]) * (1 - $beta_1))  #if m
        self._v[i].assign_add((g**2 - self._v[i]) * (1 - $beta_2))  #if v
        self._gamma[i].assign_add((g**3 - self._gamma[i]) * (1 - $beta_3))  #if gamma
        # Half precision is too coarse for an equation: in float16 the 1e-8 is 0.
        dtype = tf.float64 if g.dtype == tf.float64 else tf.float32
        tensors = [tf.cast(tensor, dtype) for tensor in [$tensors]]
        t = tf.cast(self.iterations, dtype)  # the updates so far  #if t
        # Random numbers depend on this and on their place in the rule, hence a resumed run repeats them.  #if seed
        seed = tf.stack([(self.seed << 32) + i, tf.cast(self.iterations, tf.int64) * 2**16])  #if seed
        direction = tf.cast(self.direction($inputs), g.dtype)
        # w <- w - rate * direction, in one pass over the memory.
        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=tf.cast(rate, g.dtype), delta=direction)

    def _clip_gradients(self, grads):
        # Dense first: Keras clips a sparse gradient before it sums the rows of a repeated index.
        return super()._clip_gradients([tf.convert_to_tensor(gradient) for gradient in grads])

    def get_config(self):
        config = super().get_config()
        if not KERAS_3:
            config["learning_rate"] = self._serialize_hyperparameter(self._learning_rate)
        return $config
'''
_CONDITION = re.compile(r"(.*?)  #if (\w+)")
# What `update_step` can hand to the equation: tensors of the gradient's shape, and others.
_TENSORS = {"g": "g", "w": "variable", "m": "self._m[i]", "v": "self._v[i]", "gamma": "self._gamma[i]"}
_OTHERS = ("t", "seed")
# Constructor arguments that only some rules need: what the rule then reads -> (argument, its default).
_ARGUMENTS = {"T": ("decay_steps", None), "seed": ("seed", 0)}


def write_keras_optimizer(name: str, expression: ex.Expression, formula: str, latex: str) -> str:
    """The text of a Python file with a Keras optimizer class.

    Args:
      name: The name of the class, a Python identifier.
      expression: What it computes, in words with `mark_place`.
      formula, latex: The same for the class's docstring.

    Raises:
      ValueError: If the name is not an identifier, or one that the file or Python itself needs.
    """
    _check_name(name)
    lines = _Equation(ex.simplify(expression)).lines
    names = _names("\n".join(lines))
    tensors, others = ([read for read in reads if read in names] for reads in (_TENSORS, _OTHERS))
    if names & {"m", "v", "gamma", "seed"}:
        names |= {"i"}
    arguments = [row for read, row in _ARGUMENTS.items() if read in names]
    own = [f'"{argument}": self.{argument}' for argument, _ in arguments]
    return Template(_select_lines(names)).substitute(
        name=name,
        formula=_paragraph(f"direction = {formula}"),
        latex=_paragraph(latex),
        arguments="".join(f"{argument}={default}, " for argument, default in arguments),
        reads=", ".join(tensors + others),
        tensors=", ".join(_TENSORS[name] for name in tensors),
        inputs=", ".join(["*tensors", *others]),
        equation=textwrap.indent("\n".join(lines), " " * 8),
        config=f"{{**config, {', '.join(own)}}}" if own else "config",
        beta_1=BETA_1,
        beta_2=BETA_2,
        beta_3=BETA_3,
    )


def _select_lines(names):
    """The template's lines that an optimizer with these names needs."""
    matches = [(line, _CONDITION.fullmatch(line)) for line in _TEMPLATE.lstrip().split("\n")]
    return "\n".join(match[1] if match else line for line, match in matches if not match or match[2] in names)


def _paragraph(text):
    indent = " " * 8
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _check_name(name):
    # Keras 2 takes the class's name for a scope, which must start with a letter and be ASCII.
    valid = isinstance(name, str) and re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name) and not keyword.iskeyword(name)
    if not valid or hasattr(builtins, name) or name in ("tf", "math", "KERAS_3"):
        raise ValueError(
            "Argument `name` must be a Python identifier that starts with a letter, such as 'MyOptimizer', and is no "
            "keyword, no name of Python's own and none of tf, math, KERAS_3, which the file needs. "
            f"Received: {name!r}."
        )
