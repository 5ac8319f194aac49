"""A linear model that any optimizer fits, by Keras and by hand."""

import numpy as np
from backends import apply, array, keras, tensor, variable


def assert_same_path(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


X = np.random.default_rng(0).integers(1, 9, size=(16, 3)).astype(np.float32) / 8
Y = X @ np.array([[0.5], [-0.25], [0.125]], np.float32)


def linear_model(optimizer, **arguments):
    layer = keras.layers.Dense(1)
    model = keras.Sequential([keras.Input((3,)), layer, keras.layers.Activation("linear", dtype="float32")])
    layer.set_weights([np.zeros((3, 1)), np.zeros(1)])
    model.compile(optimizer=optimizer, loss="mse", **arguments)
    return model


def fit(model, **arguments):
    model.fit(X, Y, batch_size=8, shuffle=False, verbose=0, **arguments)


def batches():
    return zip(np.split(X, 2), np.split(Y, 2))


def train(model):
    """What `fit` does, sooner if the model runs eagerly."""
    for x, y in batches():
        model.train_on_batch(x, y)


def fitted_by_hand(optimizer):
    """The weights of `linear_model` after `fit` or `train`."""
    kernel, bias = variable(np.zeros((3, 1)), name="kernel"), variable(np.zeros(1), name="bias")
    for x, y in batches():
        error = 2 * (x @ array(kernel) + array(bias) - y)
        apply(optimizer, [tensor(x.T @ error / 8), tensor(error.mean(axis=0))], [kernel, bias])
    return array(kernel), array(bias)
