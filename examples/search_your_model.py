"""A search for an update rule on a model of your own: a small network with dropout on tabular data.

    python examples/search_your_model.py                            # measures three known optimizers
    nos-search --task examples.search_your_model:task --budget 50   # searches for others

Needs this package and scikit-learn, whose breast cancer data (569 patients, 30 numbers each) come with it; runs on
Keras 2 and Keras 3. The first takes half a minute, most of it to trace the training once.
"""

import numpy as np

import neural_optimizer_search as nos  # before TensorFlow, whose notices it keeps quiet

import tensorflow as tf  # isort: skip
from sklearn.datasets import load_breast_cancer

from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.tasks import KerasTask

TRAIN, VALIDATION = slice(0, 350), slice(350, 500)  # the last 69 are for you: the search never sees them


def examples(part):
    """Batches of (inputs, targets), as for `model.fit`."""
    inputs, targets = load_breast_cancer(return_X_y=True)
    inputs = (inputs - inputs[TRAIN].mean(axis=0)) / inputs[TRAIN].std(axis=0)
    return tf.data.Dataset.from_tensor_slices((inputs[part].astype(np.float32), targets[part])).batch(50)


def model():
    """A compiled model, as for `fit`. A search puts its rules in the place of the optimizer."""
    model = tf.keras.Sequential(
        [
            tf.keras.Input((30,)),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.Dropout(0.2),
            tf.keras.layers.Dense(1),
        ]
    )
    loss = tf.keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


# Functions make model and data, because each worker process makes its own.
task = KerasTask(
    model=model,
    train=lambda: examples(TRAIN),
    validation=lambda: examples(VALIDATION),
    metric="loss",  # 0.98 of 1 are right with any good rule: the accuracy hardly tells them apart
    steps=60,
)

RULES = {"Adam": "Adam", "SGD": "g", "PowerSign": "exp(sign(g) * sign(m)) * g"}


def main():
    evaluate = Evaluator(task, task.protocols["default"])
    print(f"{'':10s} {'reward':>15s}  {'rate':>6s}")
    for name, formula in RULES.items():
        result = evaluate(nos.parse_formula(formula))
        spread = np.std(result.rewards, ddof=1)
        print(f"{name:10s} {result.reward:.4f} ± {spread:.4f}  {result.learning_rate:6.3g}", flush=True)
    print("reward: the part of the untrained model's validation loss that is gone, mean over the final run")


if __name__ == "__main__":
    main()
