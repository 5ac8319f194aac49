"""Trains a small network on handwritten digits with PowerSign-cd and linear cosine decay, stops half-way, goes on.

    python examples/train_with_powersign.py

Needs this package and scikit-learn; runs on Keras 2, and on Keras 3 with any backend, in less than a minute.
"""

import os
import tempfile

import numpy as np

import neural_optimizer_search as nos  # before TensorFlow, whose notices it keeps quiet

import keras  # isort: skip
from sklearn.datasets import load_digits

EPOCHS, BATCH = 20, 50

# -- 1,797 images of 8x8 pixels: 1,000 to train on, 797 to test with ------------------------------------------

digits = load_digits()
images, labels = (digits.images[..., None] / 16.0).astype(np.float32), digits.target
train, test = (images[:1000], labels[:1000]), (images[1000:], labels[1000:])
steps = EPOCHS * len(train[1]) // BATCH  # T of both decays: they end where the training ends


# -- The optimizer: the internal decay inside PowerSign, the learning-rate decay around it ------------------------


def compiled_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10),
        ]
    )
    optimizer = nos.PowerSign(
        learning_rate=nos.LinearCosineDecay(0.3, decay_steps=steps, beta=0.0),
        decay="cd",
        decay_steps=steps,
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
    return model


def fit(model, first_epoch, last_epoch):
    # Unshuffled, so that the interrupted and the uninterrupted training see the same batches.
    history = model.fit(
        *train,
        batch_size=BATCH,
        initial_epoch=first_epoch,
        epochs=last_epoch,
        shuffle=False,
        verbose=0,
    )
    print(
        f"epochs {first_epoch + 1:2d} to {last_epoch}: loss {history.history['loss'][-1]:.4f}, "
        f"{int(model.optimizer.iterations)} weight updates"
    )


# -- Train in one go ---------------------------------------------------------------------------------------------

whole = compiled_model()
fit(whole, 0, EPOCHS)

# -- Train half, save, load, train the other half ----------------------------------------------------------------

with tempfile.TemporaryDirectory() as directory:
    path = os.path.join(directory, "half.keras")
    half = compiled_model()
    fit(half, 0, EPOCHS // 2)
    half.save(path)
    resumed = keras.models.load_model(path)
fit(resumed, EPOCHS // 2, EPOCHS)

same = all(np.array_equal(a, b) for a, b in zip(whole.get_weights(), resumed.get_weights()))
print(f"The same weights, bit for bit: {same}")
print(f"Test accuracy: {resumed.evaluate(*test, verbose=0, return_dict=True)['accuracy']:.3f}")
