"""`digits_mlp`: a small sigmoid network on the same digits, for a second opinion."""

from dataclasses import replace

from neural_optimizer_search.tasks import digits
from neural_optimizer_search.tasks.small_networks import MLP
from neural_optimizer_search.tasks.task import Task

_SHIPPED = digits.DIGITS.protocols

DIGITS_MLP = Task(
    name="digits_mlp",
    classes=10,
    load=digits.load,
    load_test=digits.load_test,
    protocols={
        "default": replace(
            _SHIPPED["default"],
            child=MLP(units=20),
            learning_rates=tuple(10.0 ** (i / 2) for i in range(-9, 4)),
            sweep_steps=50,
            final_steps=100,
            validate_every=10,
        ),
        "reduced": replace(_SHIPPED["reduced"], child=MLP(units=10), reward="mean_cross_entropy"),
        "paper": replace(_SHIPPED["paper"], child=MLP(units=20)),
    },
)
