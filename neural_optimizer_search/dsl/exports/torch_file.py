"""The file for PyTorch: a `torch.optim.Optimizer`."""

from neural_optimizer_search.dsl.exports import helpers, text
from neural_optimizer_search.dsl.exports.functions import Functions
from neural_optimizer_search.dsl.exports.kept import Storage
from neural_optimizer_search.dsl.exports.schedule import describe_schedule, require_steps, write_share
from neural_optimizer_search.dsl.exports.text import Export, indent, only

# The step is a Python number here, and so is everything computed from it.
FUNCTIONS = Functions(
    "torch",
    {"clip": "torch.clamp", "sign": "_sign", "transpose": "torch.t"},
    scalars={
        **{name: f"math.{name}" for name in ("exp", "expm1", "log", "sqrt", "cos", "tanh")},
        "abs": "abs",
        "minimum": "min",
        "maximum": "max",
    },
    limits={"minimum": "torch.clamp({x}, max={y})", "maximum": "torch.clamp({x}, min={y})"},
    outputs_first=True,
)
_STORAGE = Storage(
    read='state["$name"].to(dtype)',
    average='_average(state["$name"], $value, $beta)',
    replace='_replace(state["$name"], $value)',
)


def write(export: Export) -> str:
    """The text of the file."""
    methods = [["@staticmethod", *text.write_direction(export)], _init(export), _step(export), _update(export)]
    return text.join(
        [*text.import_standard(export, random="seed" in export.arguments), "import torch"],
        [
            f"class {export.name}(torch.optim.Optimizer):",
            *indent(_docstring(export)),
            *(line for method in methods for line in ["", *indent(method)]),
        ],
        _schedule(export),
        *_draws(export),
        *_keep(export),
        helpers.log_beta(export),
        helpers.orthogonalize(export, FUNCTIONS),
        helpers.mean_inputs(export, FUNCTIONS),
        _sign() if "_sign" in export.equation.reads else [],
    )


def _docstring(export):
    return [
        *text.describe(export, _use(export), rate="lr"),
        "",
        "Args:",
        "  params: Parameters, or groups of them with arguments of their own.",
        "  lr: The learning rate.",
        "  weight_decay: w <- w - lr * weight_decay * w before each update, as in AdamW.",
        *text.describe_arguments(export),
        '"""',
    ]


def _use(export):
    steps = only("decay_steps" in export.arguments, "decay_steps=T")
    arguments = ", ".join(["model.parameters()", *steps, *text.write_weight_decay(export)])
    return [
        f"optimizer = {export.name}({arguments})",
        *only(
            export.has_schedule,
            "scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, make_schedule(T))",
            "scheduler.step()  # after each update",
        ),
    ]


def _schedule(export):
    if not export.has_schedule:
        return []
    return [
        "def make_schedule(steps):",
        f'    """{describe_schedule(export)}: the share of `lr` in each of `steps` updates."""',
        *indent(require_steps()),
        "",
        "    def find_share(t):",
        *indent(write_share(export, FUNCTIONS), 2),
        "        return share",
        "",
        "    return find_share",
    ]


def _init(export):
    own = "".join(f", {name}={default}" for name, default in export.arguments.items())
    kept = "".join(f", {name}={number}" for name, number in text.convert_arguments(export).items())
    return [
        f"def __init__(self, params, lr={export.rate}, *, weight_decay=0.0{own}):",
        "    if not lr >= 0.0:",
        '        raise ValueError(f"Invalid learning rate: {lr}")',
        "    if not weight_decay >= 0.0:",
        '        raise ValueError(f"Invalid weight_decay value: {weight_decay}")',
        *indent(text.check_arguments(export)),
        "    lr = lr if isinstance(lr, torch.Tensor) else float(lr)",
        f"    defaults = dict(lr=lr, weight_decay=float(weight_decay){kept})",
        "    super().__init__(params, defaults)",
    ]


def _step(export):
    seed = "seed" in export.arguments
    return [
        "@torch.no_grad()",
        "def step(self, closure=None):",
        '    """Performs one update; `closure`, if given, recomputes the loss."""',
        "    loss = None",
        "    if closure is not None:",
        "        with torch.enable_grad():",
        "            loss = closure()",
        *only(seed, "    place = 0"),
        "    for group in self.param_groups:",
        "        for w in group['params']:".replace("'", '"'),
        "            if w.grad is not None:",
        f"                self._update(w, group{', place' if seed else ''})",
        *only(seed, "            place += 1"),
        "    return loss",
    ]


def _update(export: Export) -> list[str]:
    equation = export.equation
    seed, averages = "seed" in equation.reads, equation.averages
    inputs = ", ".join(
        {"w": "w.to(dtype)", "T": 'group["decay_steps"]'}.get(name, name) for name in equation.arguments
    )
    return [
        f"def _update(self, w, group{', place' if seed else ''}):",
        "    state = self.state[w]",
        "    if not state:",
        '        state["step"] = 0',
        *(f'        state["{name}"] = torch.zeros_like(w, memory_format=torch.preserve_format)' for name in averages),
        "    # Half precision is too coarse for an equation: in float16 the 1e-8 is 0.",
        "    dtype = torch.promote_types(w.dtype, torch.float32)",
        *only(
            averages or "g" in equation.reads, "    g = (w.grad.to_dense() if w.grad.is_sparse else w.grad).to(dtype)"
        ),
        *indent(text.read_constants(export, 'group["$x"]')),
        *only("t" in equation.needs or seed, '    t = state["step"]  # the updates so far'),
        '    state["step"] += 1',
        *indent(_STORAGE.before(equation.kept)),
        *only(
            seed,
            "    # Random numbers depend only on this and their place in the rule, so a resumed run repeats them.",
            "    seed = f\"{group['seed']} {place} {t}\"",
        ),
        '    if group["weight_decay"]:',
        '        w.mul_(1 - group["lr"] * group["weight_decay"])',
        f"    direction = self.direction({inputs})",
        '    w.sub_(float(group["lr"]) * direction)',
        *indent(_STORAGE.after(equation.kept)),
    ]


def _keep(export):
    kept = export.equation.kept
    yield only(
        any(row.beta for row in kept),
        "def _average(kept, value, beta):",
        "    return _replace(kept, kept.to(value.dtype).lerp_(value, 1 - beta))",
    )
    yield only(
        kept,
        "def _replace(kept, value):",
        "    kept.copy_(value)  # a copy onto itself for averages in the equation's dtype",
        "    return value",
    )


def _sign():
    return [
        "def _sign(x):",
        '    """-1, 0 or 1, and NaN for NaN, where PyTorch\'s own gives 0."""',
        "    return torch.sign(x) + torch.clamp(x, 0.0, 0.0)  # 0 or NaN",
    ]


def _draws(export):
    names = [name for name in ("_normal", "_uniform") if name in export.equation.reads]
    for name in names:
        yield [
            f"def {name}(like, seed, place):",
            "    noise = torch.empty(like.shape, dtype=like.dtype, device=like.device)",
            f"    return noise.{name[1:]}_(generator=_generator(like.device, seed, place))",
        ]
    if names:
        yield [
            "def _generator(device, seed, place):",
            '    mixed = random.Random(f"{seed} {place}").getrandbits(63)',
            "    return torch.Generator(device).manual_seed(mixed)",
        ]
