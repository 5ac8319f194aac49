"""The file for TensorFlow: an optimizer for Keras 2.15, tf_keras and Keras 3 on TensorFlow."""

from neural_optimizer_search.dsl.exports import helpers, text
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.kept import Storage
from neural_optimizer_search.dsl.exports.schedule import write_keras_schedule
from neural_optimizer_search.dsl.exports.text import Export, indent, only

FUNCTIONS = Functions(
    "tf",
    {"expm1": "tf.math.expm1", "log": "tf.math.log", "clip": "tf.clip_by_value", "mean": "tf.reduce_mean"},
)
_REGISTER = "@tf.keras.utils.register_keras_serializable()"
_STORAGE = Storage(
    read="tf.cast(self._$name[i], dtype)",
    average="_average(self._$name[i], $value, $beta)",
    replace="_replace(self._$name[i], $value)",
)


def write(export: Export) -> str:
    """The text of the file."""
    methods = [
        ["@staticmethod", *text.write_direction(export)],
        _init(export),
        _build(export),
        _update_step(export),
        _densify_gradients(),
        _get_config(export),
    ]
    return text.join(
        [
            *text.import_standard(export),
            "import tensorflow as tf",
            "",
            "# False for Keras 2.15 and for tf_keras.",
            'KERAS_3 = hasattr(tf.keras, "ops")',
        ],
        [
            _REGISTER,
            f"class {export.name}(tf.keras.optimizers.Optimizer):",
            *indent(text.describe_keras_optimizer(export)),
            *(line for method in methods for line in ["", *indent(method)]),
        ],
        write_keras_schedule(export, FUNCTIONS, "tf.keras", _REGISTER, "tf.cast(step, tf.float32)"),
        _densify(),
        *_keep(export),
        helpers.log_beta(export),
        helpers.orthogonalize(export, FUNCTIONS),
        helpers.mean_inputs(export, FUNCTIONS),
        *_draws(export),
    )


def _init(export):
    own = "".join(f"{name}={default}, " for name, default in export.arguments.items())
    return [
        f"def __init__(self, learning_rate={export.rate}, {own}**kwargs):",
        *indent(text.check_arguments(export)),
        "    if not (callable(learning_rate) or tf.is_tensor(learning_rate)):",
        "        learning_rate = float(learning_rate)  # Keras 3 refuses ints and numbers of NumPy.",
        '    kwargs = {"name": type(self).__name__, "weight_decay": None, **kwargs}',
        "    if KERAS_3:",
        "        super().__init__(learning_rate, **kwargs)",
        "    else:",
        "        super().__init__(**kwargs)",
        "        self._learning_rate = self._build_learning_rate(learning_rate)",
        *indent(text.keep_arguments(export)),
    ]


def _build(export):
    averages = export.equation.averages
    return [
        "def build(self, variables):",
        '    built = "built" if KERAS_3 else "_built"',
        "    if getattr(self, built, False):",
        "        return",
        "    super().build(variables)",
        *only(averages, "    add = self.add_variable_from_reference"),
        *(f'    self._{name} = [add(variable, "{name}") for variable in variables]' for name in averages),
        "    setattr(self, built, True)",
    ]


def _update_step(export):
    equation = export.equation
    averages, seed = equation.averages, "seed" in equation.reads
    inputs = ["self.decay_steps" if name == "T" else name for name in equation.arguments]
    return [
        "def update_step(self, gradient, variable, learning_rate=None):",
        "    rate = self.learning_rate if learning_rate is None else learning_rate  # Only Keras 3 passes it.",
        "    rate = tf.cast(rate, variable.dtype)",
        *only(
            averages or seed,
            "    i = self._get_variable_index(variable) if KERAS_3 else self._index_dict[self._var_key(variable)]",
        ),
        "    # Half precision is too coarse for an equation: in float16 the 1e-8 is 0.",
        '    dtype = tf.float64 if variable.dtype == "float64" else tf.float32',
        *only(
            averages or "g" in equation.reads,
            "    g = tf.cast(tf.broadcast_to(tf.cast(gradient, variable.dtype), variable.shape), dtype)",
        ),
        *only("w" in equation.reads, "    w = tf.cast(variable, dtype)"),
        *indent(text.read_constants(export, "self.$x")),
        *only("t" in equation.needs, "    t = tf.cast(self.iterations, dtype)  # the updates so far"),
        *indent(_STORAGE.before(equation.kept)),
        *only(
            seed,
            "    # Random numbers depend only on this and their place in the rule, so a resumed run repeats them.",
            "    seed = tf.stack([(self.seed << 32) + i, tf.cast(self.iterations, tf.int64) * 2**16])",
        ),
        f"    direction = self.direction({', '.join(inputs)})",
        "    direction = tf.cast(direction, variable.dtype)",
        '    if variable.dtype == "bfloat16":  # has no such kernel on a GPU',
        "        variable.assign_sub(rate * direction)",
        "    else:  # w <- w - rate * direction, in one pass over the memory",
        "        tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=direction)",
        *indent(_STORAGE.after(equation.kept)),
    ]


def _keep(export):
    kept = export.equation.kept
    yield only(
        any(row.beta for row in kept),
        "def _average(kept, value, beta):",
        "    old = tf.cast(kept, value.dtype)",
        "    return _replace(kept, old + (value - old) * (1 - beta))",
    )
    yield only(
        kept,
        "def _replace(kept, value):",
        "    kept.assign(tf.cast(value, kept.dtype))",
        "    return value  # not rounded to 16 bits",
    )


def _densify_gradients():
    return [
        "def apply_gradients(self, grads_and_vars, *args, **kwargs):",
        "    # Dense first: Keras clips a sparse gradient before it sums the rows of a repeated index.",
        "    return super().apply_gradients([(_densify(g, w), w) for g, w in grads_and_vars], *args, **kwargs)",
        "",
        "def _filter_empty_gradients(self, grads, variables):  # of `apply`, which only Keras 3 has",
        "    grads, variables = super()._filter_empty_gradients(grads, variables)",
        "    return [_densify(g, w) for g, w in zip(grads, variables)], variables",
    ]


def _get_config(export):
    own = ", ".join(f'"{name}": self.{name}' for name in export.arguments)
    return [
        "def get_config(self):",
        "    config = super().get_config()",
        "    if not KERAS_3:",
        '        config["learning_rate"] = self._serialize_hyperparameter(self._learning_rate)',
        f"    return {f'{{**config, {own}}}' if own else 'config'}",
    ]


def _densify():
    return [
        "def _densify(gradient, variable):",
        '    """The gradient of an Embedding has only the rows that were looked up."""',
        "    if isinstance(gradient, tf.IndexedSlices):",
        "        return tf.math.unsorted_segment_sum(gradient.values, gradient.indices, variable.shape[0])",
        "    return gradient",
    ]


def _draws(export):
    calls = {
        "_normal": "tf.random.stateless_normal(tf.shape(like), tf.add(seed, [0, place]), dtype=like.dtype)",
        "_uniform": "tf.random.stateless_uniform(tf.shape(like), tf.add(seed, [0, place]))",
    }
    for name, call in calls.items():
        if name in export.equation.reads:
            yield [f"def {name}(like, seed, place):", f"    return {call}"]
