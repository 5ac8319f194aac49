"""`digits_mlp`: a small sigmoid network on the same digits, as a second task to compare with."""

from dataclasses import replace

from neural_optimizer_search.tasks import digits
from neural_optimizer_search.tasks.image_task import ImageTask, TaskSetting
from neural_optimizer_search.tasks.small_networks import MLP

_SHIPPED = digits.DIGITS.protocols

DIGITS_MLP = ImageTask(
    name="digits_mlp",
    classes=10,
    load=digits.load,
    load_test=digits.load_test,
    settings=(
        TaskSetting(
            replace(
                _SHIPPED["default"],
                learning_rates=tuple(10.0 ** (i / 2) for i in range(-9, 4)),
                sweep_steps=50,
                final_steps=100,
                validate_every=10,
            ),
            MLP(units=20),
        ),
        TaskSetting(replace(_SHIPPED["reduced"], reward="mean_cross_entropy"), MLP(units=10)),
        TaskSetting(_SHIPPED["paper"], MLP(units=20)),
    ),
)
