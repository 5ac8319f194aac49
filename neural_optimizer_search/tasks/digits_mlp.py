"""`digits_mlp`: a sigmoid MLP on the same digits; the loss, not the accuracy, is paid."""

from neural_optimizer_search.tasks.children import MLP
from neural_optimizer_search.tasks.digits import load
from neural_optimizer_search.tasks.protocol import DECADES, Protocol
from neural_optimizer_search.tasks.task import Task

DEFAULT = Protocol(
    child=MLP(units=20),
    train_examples=1200,
    validation_examples=500,
    learning_rates=tuple(10.0 ** (i / 2) for i in range(-10, 3)),
    sweep_steps=50,
    final_steps=100,
    validate_every=10,
    reward="mean_cross_entropy",
)

DIGITS_MLP = Task(
    name="digits_mlp",
    classes=10,
    load=load,
    protocols={
        "default": DEFAULT,
        "reduced": Protocol(
            child=MLP(units=10),
            train_examples=600,
            validation_examples=200,
            learning_rates=(1e-3, 1e-2, 1e-1),
            sweep_steps=10,
            final_steps=20,
            validate_every=10,
            reward="mean_cross_entropy",
            seeds=(0,),
        ),
        "paper": Protocol(
            child=MLP(units=20),
            train_examples=1200,
            validation_examples=500,
            learning_rates=DECADES,
            sweep_steps=12,
            final_steps=60,
            validate_every=60,
            centred=False,
            reward="final_accuracy",
            seeds=(0,),
        ),
    },
)
