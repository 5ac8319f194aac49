"""`digits`: scikit-learn's 1,797 handwritten digits of 8x8 pixels. They come with the wheel: no download."""

import numpy as np

from neural_optimizer_search.tasks.children import ConvNet
from neural_optimizer_search.tasks.protocol import DECADES, Protocol
from neural_optimizer_search.tasks.task import Examples, Task

TEST_EXAMPLES = 97  # the last ones; no search sees them


def load(data_dir=None):
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images[..., np.newaxis] / 16.0).astype(np.float32)
    return Examples(images[:-TEST_EXAMPLES], digits.target[:-TEST_EXAMPLES].astype(np.int32))


DEFAULT = Protocol(
    child=ConvNet(filters=16, strides=2, batch_norm_momentum=0.5),
    train_examples=1200,
    validation_examples=500,
    learning_rates=tuple(10.0 ** (-2.5 + i / 3) for i in range(7)),
    sweep_steps=12,
    final_steps=36,
    validate_every=6,
    reward="mean_cross_entropy",
    seeds=(0, 1, 2, 3, 4),
)

DIGITS = Task(
    name="digits",
    classes=10,
    load=load,
    protocols={
        "default": DEFAULT,
        "reduced": Protocol(
            child=ConvNet(filters=4, strides=2),
            train_examples=600,
            validation_examples=200,
            learning_rates=(1e-3, 1e-2, 1e-1),
            sweep_steps=6,
            final_steps=12,
            validate_every=6,
            seeds=(0,),
        ),
        "paper": Protocol(
            child=ConvNet(),
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
