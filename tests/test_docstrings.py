"""The examples in the docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import neural_optimizer_search
import tf_agents_env
from neural_optimizer_search.keras_versions import BACKEND

# What is written for other backends than TensorFlow.
FOR = {"on_keras": ("jax",), "on_torch": ("torch",)}


def modules():
    for package in (neural_optimizer_search, tf_agents_env):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            yield info.name


@pytest.mark.parametrize("name", list(modules()))
def test_examples(name):
    if name.startswith("tf_agents_env"):
        pytest.importorskip("tf_agents")
    if BACKEND not in FOR.get(name.rpartition(".")[2], (BACKEND,)):
        pytest.skip("is for another backend")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_public_names_have_examples():
    finder = doctest.DocTestFinder(recurse=False)
    for name in neural_optimizer_search.__all__:
        value = getattr(neural_optimizer_search, name)
        if isinstance(value, type) and issubclass(value, Exception):
            continue
        examples = [example for test in finder.find(value, name) for example in test.examples]
        assert examples or name == "search_space", name
