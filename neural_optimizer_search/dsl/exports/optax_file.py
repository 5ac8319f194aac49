"""The file for optax: a function that makes a `GradientTransformation`."""

from neural_optimizer_search.dsl.exports import text
from neural_optimizer_search.dsl.exports.names import make_function_name
from neural_optimizer_search.dsl.exports.namespace import Functions
from neural_optimizer_search.dsl.exports.text import Export, indent, only

FUNCTIONS = Functions("jnp", {"sigmoid": "jax.nn.sigmoid"})


def write(export: Export) -> str:
    """The text of the file."""
    standard = [line for line in text.import_standard(export) if line]
    return text.join(
        [
            *text.describe(export),
            '"""',
            "",
            *standard,
            "from typing import NamedTuple",
            "",
            "import jax",
            "import jax.numpy as jnp",
            "import optax",
        ],
        text.write_direction(export),
        _state(export),
        _optimizer(export),
        _scale(export),
        *(_HELPERS[name] for name in ("average", "store", "seeds") if name in _needed(export)),
        _HELPERS["is_none"],
        _HELPERS["float"],
        *_draws(export),
    )


def _needed(export):
    return [*only(export.equation.averages, "average", "store"), *only("seed" in export.arguments, "seeds")]


def _state(export):
    return [
        f"class {export.name}State(NamedTuple):",
        '    """The number of updates so far, and running averages in the dtype of the parameters."""',
        "",
        "    count: jax.Array",
        *(f"    {name}: optax.Params" for name, _, _ in export.equation.averages),
    ]


def _optimizer(export):
    own = "".join(f", {name}={default}" for name, default in export.arguments.items())
    arguments = ", ".join(f"{name}={name}" for name in export.arguments)
    return [
        f"def {export.name}(learning_rate=0.01{own}):",
        '    """The optimizer, an `optax.GradientTransformation`.',
        "",
        "    Args:",
        "      learning_rate: A number or a schedule.",
        *indent(text.describe_arguments(export)),
        '    """',
        "    if not (callable(learning_rate) or isinstance(learning_rate, jax.Array)):",
        "        learning_rate = float(learning_rate)  # A number of NumPy would change the dtype of the updates.",
        "    return optax.chain(",
        f"        scale_by_{make_function_name(export.name)}({arguments}),",
        "        optax.scale_by_learning_rate(learning_rate),",
        "    )",
    ]


def _scale(export):
    own = ", ".join(f"{name}={default}" for name, default in export.arguments.items())
    averages = [f"{name}=jax.tree.map(jnp.zeros_like, params)," for name, _, _ in export.equation.averages]
    return [
        f"def scale_by_{make_function_name(export.name)}({own}):",
        '    """The direction alone, for a chain of your own: clipping comes before it, weight decay after it."""',
        *indent(text.check_decay_steps(export)),
        "",
        "    def init(params):",
        f"        return {export.name}State(",
        *indent(["count=jnp.zeros([], jnp.int32),", *averages], 3),
        "        )",
        "",
        "    def update(updates, state, params=None):",
        *indent(_update(export), 2),
        "",
        "    return optax.GradientTransformation(init, update)",
    ]


def _update(export):
    equation = export.equation
    averages = [name for name, _, _ in equation.averages]
    seed, w = "seed" in equation.reads, "w" in equation.reads
    others = {"t": "t", "T": "decay_steps", "seed": "seed"}
    inputs = ", ".join(["*tensors", *(others[name] for name in equation.arguments if name in others)])
    leaf = ["g", *only(w, "w"), *averages, *only(seed, "seed")]
    trees = ["updates", *only(w, "params"), *averages, *only(seed, "seeds")]
    return [
        *only(
            w,
            "if params is None:",
            '    raise ValueError("The current parameters are needed: call `update(updates, state, params)`.")',
        ),
        *(f"{name} = _average(updates, state.{name}, {beta}, {power})" for name, beta, power in equation.averages),
        *only("t" in equation.reads, "t = state.count.astype(jnp.float32)"),
        *only(seed, "seeds = _seeds(seed, state.count, updates)"),
        "",
        f"def of_leaf({', '.join(leaf)}):",
        "    if g is None:",
        "        return None",
        f"    tensors = [_float(tensor) for tensor in [{', '.join(equation.tensors)}]]",
        f"    return direction({inputs}).astype(jnp.asarray(g).dtype)",
        "",
        f"directions = jax.tree.map(of_leaf, {', '.join(trees)}, is_leaf=_is_none)",
        f"return directions, {export.name}State(",
        "    count=state.count + 1,",
        *(f"    {name}=_store({name}, state.{name})," for name in averages),
        ")",
    ]


_HELPERS = {
    "average": [
        "def _average(updates, averages, beta, power):",
        "    def of_leaf(g, average):",
        "        if g is None:",
        "            return average",
        "        change = (_float(g) ** power - _float(average)) * (1 - beta)",
        "        return _float(average) + change",
        "",
        "    return jax.tree.map(of_leaf, updates, averages, is_leaf=_is_none)",
    ],
    "store": [
        "def _store(new, old):",
        "    return jax.tree.map(lambda x, y: x.astype(y.dtype), new, old)",
    ],
    "seeds": [
        "def _seeds(seed, count, updates):",
        '    """A key for each leaf, which depends on these numbers alone, hence a resumed run repeats them."""',
        "    leaves, tree = jax.tree.flatten(updates, is_leaf=_is_none)",
        "    key = jax.random.fold_in(jax.random.key(seed), count)",
        "    return jax.tree.unflatten(tree, [jax.random.fold_in(key, place) for place in range(len(leaves))])",
    ],
    "is_none": [
        "def _is_none(x):",
        '    """Whether a parameter has no gradient."""',
        "    return x is None",
    ],
    "float": [
        "def _float(x):",
        '    """Half precision is too coarse for an equation: in float16 the 1e-8 is 0."""',
        "    x = jnp.asarray(x)",
        "    return x.astype(jnp.promote_types(x.dtype, jnp.float32))",
    ],
}


def _draws(export):
    for name in ("_normal", "_uniform"):
        if name in export.equation.reads:
            yield [
                f"def {name}(like, seed, place):",
                f"    return jax.random.{name[1:]}(jax.random.fold_in(seed, place), like.shape, like.dtype)",
            ]
