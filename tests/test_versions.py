"""The versions that runs record."""

import importlib.metadata

import pytest

from neural_optimizer_search import keras_versions, versions


def test_keras_is_the_one_that_trains():
    """Beside Keras 3, `tf.keras` may be tf_keras, a package of its own with another version."""
    keras = keras_versions.keras
    assert keras.Model.__module__.startswith(f"{keras_versions.PACKAGE}.")
    assert versions.find_versions()[keras_versions.PACKAGE] == keras_versions.VERSION
    assert importlib.metadata.version(keras_versions.PACKAGE) == keras_versions.VERSION


def test_with_tf_keras_its_version_is_recorded_and_both_are_told(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGE", "tf_keras")
    monkeypatch.setattr(versions, "VERSION", "2.15.1")
    found = versions.find_versions()
    assert found["tf_keras"] == "2.15.1" and "keras" not in found
    told = versions.describe_versions()
    assert "tf_keras 2.15.1" in told and f", keras {importlib.metadata.version('keras')}" in told


def test_optuna_proposes_so_its_version_is_recorded():
    optuna = pytest.importorskip("optuna")
    assert versions.find_versions()["optuna"] == optuna.__version__
