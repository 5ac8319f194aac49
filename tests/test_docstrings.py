"""The examples in the docstrings run."""

import doctest
import importlib
import pathlib

import pytest

import neural_optimizer_search
import tf_agents_env
from neural_optimizer_search.keras_versions import BACKEND

ROOT = pathlib.Path(__file__).parents[1]
# What is written for other backends than TensorFlow.
FOR = {"on_keras": ("jax",), "on_torch": ("torch",)}


def list_modules(*roots):
    """Module -> its source."""
    modules = {}
    for root in map(pathlib.Path, roots):
        for path in sorted(root.rglob("*.py")):
            name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
            modules[name.removesuffix(".__init__")] = path.read_text()
    return modules


MODULES = list_modules(*neural_optimizer_search.__path__, *tf_agents_env.__path__)
# They are not installed, and need more than the core does.
OTHER_EXAMPLES = [
    name for name, source in list_modules(ROOT / "benchmarks", ROOT / "tools").items() if ">>>" in source
]


def load(name):
    if name.startswith("tf_agents_env"):
        pytest.importorskip("tf_agents")
    if BACKEND not in FOR.get(name.rpartition(".")[2], (BACKEND,)):
        pytest.skip("is for another backend")
    return importlib.import_module(name)


@pytest.mark.parametrize("name", [name for name, source in MODULES.items() if ">>>" in source])
def test_examples(name):
    ran = doctest.testmod(load(name))
    assert ran.attempted > 0 and ran.failed == 0


@pytest.mark.once
@pytest.mark.parametrize("name", OTHER_EXAMPLES)
def test_examples_of_what_is_not_installed(name):
    test_examples(name)


@pytest.mark.parametrize("name", [name for name, source in MODULES.items() if ">>>" not in source])
def test_a_module_without_examples_can_be_imported(name):
    load(name)


def test_the_public_names_have_examples():
    finder = doctest.DocTestFinder(recurse=False)
    for name in neural_optimizer_search.__all__:
        value = getattr(neural_optimizer_search, name)
        if isinstance(value, type) and issubclass(value, Exception):
            continue
        assert [example for test in finder.find(value, name) for example in test.examples], name
