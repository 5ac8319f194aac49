"""The file for Keras 3: an optimizer on TensorFlow, JAX and PyTorch."""

from neural_optimizer_search.dsl.exports import helpers, text
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.kept import Storage
from neural_optimizer_search.dsl.exports.schedule import write_keras_schedule
from neural_optimizer_search.dsl.exports.text import Export, indent, only

FUNCTIONS = Functions("ops")
_REGISTER = "@keras.saving.register_keras_serializable()"
_STORAGE = Storage(
    read="ops.cast(self._$name[i], dtype)",
    average="self._average(self._$name[i], $value, $beta)",
    replace="self._replace(self._$name[i], $value)",
)


def write(export: Export) -> str:
    """The text of the file."""
    methods = [
        ["@staticmethod", *text.write_direction(export)],
        _init(export),
        _build(export),
        _update_step(export),
        *_keep(export),
        _densify_gradients(),
        _get_config(export),
    ]
    return text.join(
        [*text.import_standard(export, random="seed" in export.arguments), "import keras", "from keras import ops"],
        [
            _REGISTER,
            f"class {export.name}(keras.optimizers.Optimizer):",
            *indent(text.describe_keras_optimizer(export)),
            *(line for method in methods if method for line in ["", *indent(method)]),
        ],
        write_keras_schedule(export, FUNCTIONS, "keras", _REGISTER, 'ops.cast(step, "float32")'),
        _densify(),
        helpers.log_beta(export),
        helpers.orthogonalize(export, FUNCTIONS),
        helpers.mean_inputs(export, FUNCTIONS),
        *(_draw(name) for name in ("_normal", "_uniform") if name in export.equation.reads),
        _draw_of_backend() if "seed" in export.arguments else [],
    )


def _init(export):
    own = "".join(f"{name}={default}, " for name, default in export.arguments.items())
    return [
        f"def __init__(self, learning_rate={export.rate}, {own}**kwargs):",
        *indent(text.check_arguments(export)),
        "    if not callable(learning_rate):",
        "        learning_rate = float(learning_rate)  # Keras refuses ints and numbers of NumPy.",
        "    super().__init__(learning_rate, **kwargs)",
        *indent(text.keep_arguments(export)),
    ]


def _build(export):
    averages = export.equation.averages
    return only(
        averages,
        "def build(self, variables):",
        "    if self.built:",
        "        return",
        "    super().build(variables)",
        "    add = self.add_variable_from_reference",
        *(f'    self._{name} = [add(variable, "{name}") for variable in variables]' for name in averages),
    )


def _update_step(export):
    equation = export.equation
    averages = equation.averages
    inputs = ["self.decay_steps" if name == "T" else name for name in equation.arguments]
    return [
        "def update_step(self, gradient, variable, learning_rate):",
        *only(averages or "seed" in equation.reads, "    i = self._get_variable_index(variable)"),
        "    # Half precision is too coarse for an equation: in float16 the 1e-8 is 0.",
        '    dtype = "float64" if keras.backend.standardize_dtype(variable.dtype) == "float64" else "float32"',
        *only(
            averages or "g" in equation.reads,
            "    g = ops.broadcast_to(ops.cast(gradient, dtype), variable.shape)",
        ),
        *only("w" in equation.reads, "    w = ops.cast(variable, dtype)"),
        *indent(text.read_constants(export, "self.$x")),
        *only("t" in equation.needs, "    t = ops.cast(self.iterations, dtype)  # the updates so far"),
        *indent(_STORAGE.before(equation.kept)),
        *only(
            "seed" in equation.reads,
            "    # Random numbers depend only on this and their place in the rule, so a resumed run repeats them.",
            "    seed = (self.seed, i, ops.convert_to_tensor(self.iterations))",
        ),
        f"    direction = self.direction({', '.join(inputs)})",
        "    change = ops.cast(learning_rate, dtype) * direction",
        "    self.assign_sub(variable, ops.cast(change, variable.dtype))",
        *indent(_STORAGE.after(equation.kept)),
    ]


def _keep(export):
    kept = export.equation.kept
    yield only(
        any(row.beta for row in kept),
        "def _average(self, kept, value, beta):",
        "    new = ops.cast(kept, value.dtype)",
        "    new = new + (value - new) * (1 - beta)",
        "    self.assign(kept, new)",
        "    return new",
    )
    yield only(
        any(not row.beta for row in kept),
        "def _replace(self, kept, value):",
        "    self.assign(kept, value)",
        "    return value",
    )


def _densify_gradients():
    return [
        "def _filter_empty_gradients(self, grads, variables):",
        "    # Dense first: Keras clips a sparse gradient before it sums the rows of a repeated index.",
        "    grads, variables = super()._filter_empty_gradients(grads, variables)",
        "    return [_densify(g, w) for g, w in zip(grads, variables)], variables",
    ]


def _get_config(export):
    own = ", ".join(f'"{name}": self.{name}' for name in export.arguments)
    return only(own, "def get_config(self):", f"    return {{**super().get_config(), {own}}}")


def _densify():
    return [
        "def _densify(gradient, variable):",
        '    """The gradient of an Embedding can have only the rows that were looked up."""',
        '    if type(gradient).__name__ == "IndexedSlices":  # of TensorFlow',
        "        return ops.segment_sum(gradient.values, gradient.indices, variable.shape[0])",
        '    if getattr(gradient, "is_sparse", False):  # of PyTorch',
        "        return gradient.to_dense()",
        "    return gradient",
    ]


def _draw(name):
    return [f"def {name}(like, seed, place):", f'    return _draw("{name[1:]}", like, *seed, place)']


def _draw_of_backend():
    return [
        "def _draw(kind, like, seed, i, t, place):",
        '    """Depends only on these numbers; draws of `keras.random` depend on earlier draws."""',
        '    if keras.backend.backend() == "tensorflow":',
        "        import tensorflow as tf",
        "",
        "        pair = tf.stack([(seed << 32) + i, tf.cast(t, tf.int64) * 2**16 + place])",
        '        return getattr(tf.random, f"stateless_{kind}")(tf.shape(like), pair, dtype=like.dtype)',
        '    if keras.backend.backend() == "jax":',
        "        import jax",
        "",
        "        key = jax.random.key(seed)",
        "        for number in (i, t, place):",
        "            key = jax.random.fold_in(key, number)",
        "        return getattr(jax.random, kind)(key, like.shape, like.dtype)",
        "    import torch",
        "",
        '    mixed = random.Random(f"{seed} {i} {int(t)} {place}").getrandbits(63)',
        "    generator = torch.Generator(like.device).manual_seed(mixed)",
        "    noise = torch.empty(like.shape, dtype=like.dtype, device=like.device)",
        '    return getattr(noise, f"{kind}_")(generator=generator)',
    ]
