"""The file for optax: a function that makes a `GradientTransformation`."""

from neural_optimizer_search.dsl.averages import PREVIOUS
from neural_optimizer_search.dsl.exports import helpers, text
from neural_optimizer_search.dsl.exports.code import spell_number
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.kept import Storage
from neural_optimizer_search.dsl.exports.names import make_function_name
from neural_optimizer_search.dsl.exports.schedule import describe_schedule, require_steps, write_share
from neural_optimizer_search.dsl.exports.text import Export, indent, only

FUNCTIONS = Functions("jnp", {"sigmoid": "jax.nn.sigmoid"})
_STORAGE = Storage(read="", average="_average($name, $value, $beta)", replace="$value")


def write(export: Export) -> str:
    """The text of the file."""
    standard = [line for line in text.import_standard(export) if line]
    return text.join(
        [
            *text.describe(export, _use(export)),
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
        _leaf(export),
        _optimizer(export),
        _scale(export),
        _schedule(export),
        *(helper for name, helper in _HELPERS.items() if _is_needed(name, export)),
        helpers.log_beta(
            export,
            "if isinstance(beta, jax.Array):  # less exact",
            "    return jnp.log(jnp.maximum(beta, 1e-30))",
        ),
        helpers.orthogonalize(export, FUNCTIONS),
        helpers.mean_inputs(export, FUNCTIONS),
        *_draws(export),
    )


def _use(export):
    steps = only("decay_steps" in export.arguments, "decay_steps=T")
    rate = "make_schedule(T)" if export.has_schedule else export.rate
    if not export.weight_decay or _shrinks_first(export):
        return [f"optimizer = {export.name}({', '.join([rate, *steps, *text.write_weight_decay(export)])})"]
    return [
        "optimizer = optax.chain(",
        f"    scale_by_{make_function_name(export.name)}({', '.join(steps)}),",
        f"    optax.add_decayed_weights({spell_number(export.weight_decay)}),",
        f"    optax.scale_by_learning_rate({rate}),",
        ")",
    ]


def _shrinks_first(export):
    """Whether the rule must read the weights after their decay, as it did when it was found."""
    return bool(export.weight_decay) and "w" in export.equation.reads


def _schedule(export):
    if not export.has_schedule:
        return []
    return [
        f"def make_schedule(steps, learning_rate={export.rate}):",
        f'    """{describe_schedule(export)}: the learning rate in each of `steps` updates."""',
        *indent(require_steps()),
        "",
        "    def rate(count):",
        "        t = jnp.asarray(count, jnp.float32)",
        *indent(write_share(export, FUNCTIONS), 2),
        "        return learning_rate * share",
        "",
        "    return rate",
    ]


def _state(export):
    return [
        f"class {export.name}State(NamedTuple):",
        '    """The number of updates so far, and running averages in the dtype of the parameters."""',
        "",
        "    count: jax.Array",
        *(f"    {name}: optax.Params" for name in export.equation.averages),
    ]


def _leaf(export):
    return [
        "class _Leaf(NamedTuple):",
        '    """The results for one parameter."""',
        "",
        "    direction: jax.Array",
        *(f"    {name}: jax.Array" for name in export.equation.averages),
    ]


def _optimizer(export):
    own = "".join(f", {name}={default}" for name, default in export.arguments.items())
    own += ", weight_decay=0.0" if _shrinks_first(export) else ""
    return [
        f"def {export.name}(learning_rate={export.rate}{own}):",
        '    """The optimizer, an `optax.GradientTransformation`.',
        "",
        "    Args:",
        "      learning_rate: A number or a schedule.",
        *indent(text.describe_arguments(export)),
        *only(
            _shrinks_first(export),
            "      weight_decay: The decoupled weight decay; the rule reads the decayed weights.",
        ),
        '    """',
        "    if not (callable(learning_rate) or isinstance(learning_rate, jax.Array)):",
        "        learning_rate = float(learning_rate)  # A number of NumPy would change the dtype of the updates.",
        *indent(_join_with_rate(export)),
    ]


def _join_with_rate(export):
    arguments = ", ".join(f"{name}={name}" for name in export.arguments)
    scale = f"scale_by_{make_function_name(export.name)}({arguments})"
    if not _shrinks_first(export):
        return [
            "return optax.chain(",
            f"    {scale},",
            "    optax.scale_by_learning_rate(learning_rate),",
            ")",
        ]
    return [
        f"scale = {scale}",
        "",
        "def update(updates, state, params=None):",
        "    rate = learning_rate(state.count) if callable(learning_rate) else learning_rate",
        "    shrunk = jax.tree.map(lambda w: w * (1 - rate * weight_decay), params)",
        "    directions, state = scale.update(updates, state, shrunk)",
        "",
        "    def of_leaf(direction, w):",
        "        if direction is None:",
        "            return None",
        "        return (-rate * (direction + weight_decay * w)).astype(direction.dtype)",
        "",
        "    return jax.tree.map(of_leaf, directions, params, is_leaf=_is_none), state",
        "",
        "return optax.GradientTransformation(scale.init, update)",
    ]


def _scale(export):
    own = ", ".join(f"{name}={default}" for name, default in export.arguments.items())
    averages = [f"{name}=jax.tree.map(jnp.zeros_like, params)," for name in export.equation.averages]
    return [
        f"def scale_by_{make_function_name(export.name)}({own}):",
        '    """Only the direction, for a chain of your own: clip before it, and decay weights after it."""',
        *indent(text.check_arguments(export, allow="isinstance($x, jax.Array)")),
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
    names, seed, w = equation.averages, "seed" in equation.reads, "w" in equation.reads
    trees = ["updates", *only(w, "params"), *(f"state.{name}" for name in names), *only(seed, "seeds")]
    return [
        *only(
            w,
            "if params is None:",
            '    raise ValueError("The current parameters are needed: call `update(updates, state, params)`.")',
        ),
        *only("t" in equation.needs, "t = state.count.astype(jnp.float32)  # the updates so far"),
        *only(seed, "seeds = _seeds(seed, state.count, updates)"),
        "",
        *_of_leaf(equation),
        "",
        f"leaves = jax.tree.map(of_leaf, {', '.join(trees)}, is_leaf=_is_none)",
        f'return _pick("direction", leaves), {export.name}State(',
        "    count=state.count + 1,",
        *(f'    {name}=_pick("{name}", leaves),' for name in names),
        ")",
    ]


def _of_leaf(equation):
    names, seed, w = equation.averages, "seed" in equation.reads, "w" in equation.reads
    arrays = [*only(names or "g" in equation.reads, "g"), *only(w, "w"), *names]
    inputs = ["decay_steps" if name == "T" else name for name in equation.arguments]
    old, kept = (f"({', '.join(each)}{',' * (len(each) == 1)})" for each in (names, _new_values(equation)))
    return [
        f"def of_leaf({', '.join(['g', *only(w, 'w'), *names, *only(seed, 'seed')])}):",
        "    if g is None:",
        f"        return _Leaf({', '.join(['None', *names])})",
        "    dtype = jnp.asarray(g).dtype",
        *only(names, f"    old = {old}"),
        *(f"    {name} = _float({name})" for name in arrays),
        *indent(_STORAGE.before(equation.kept)),
        f"    result = direction({', '.join(inputs)})",
        f"    return _Leaf(result.astype(dtype){f', *map(_store, {kept}, old)' if names else ''})",
    ]


def _new_values(equation):
    """The kept arrays after the step; "previous" does not hold this gradient yet: words read the previous one."""
    return [row.value if row.name == PREVIOUS else row.name for row in equation.kept]


def _is_needed(helper, export):
    kept = export.equation.kept
    return {"average": any(row.beta for row in kept), "store": kept, "seeds": "seed" in export.arguments}.get(
        helper, True
    )


_HELPERS = {
    "average": [
        "def _average(kept, value, beta):",
        "    return kept + (value - kept) * (1 - beta)",
    ],
    "store": [
        "def _store(new, old):",
        "    return jnp.broadcast_to(new, old.shape).astype(old.dtype)",
    ],
    "pick": [
        "def _pick(name, leaves):",
        "    return jax.tree.map(lambda leaf: getattr(leaf, name), leaves, is_leaf=lambda x: isinstance(x, _Leaf))",
    ],
    "seeds": [
        "def _seeds(seed, count, updates):",
        '    """A key for each leaf that depends only on these numbers, so that a resumed run repeats it."""',
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
