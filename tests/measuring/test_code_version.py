"""What a reward depends on is in the key of the cache, and nothing else."""

import ast
import dataclasses
import functools
import pathlib

import pytest

from neural_optimizer_search import code_hash
from neural_optimizer_search.code_hash import hash_code
from neural_optimizer_search.measuring import code_version as module
from neural_optimizer_search.measuring.code_version import MODULES, code_version
from neural_optimizer_search.tasks import TASKS

PACKAGE = pathlib.Path(module.__file__).parent.parent
# What the measuring imports and a reward of a shipped task does not depend on, and why.
WITHOUT_INFLUENCE = {
    "arguments": "refuses values, and changes none",
    "code_hash": "hashes code",
    "dsl.expression": "formulas; a rule is measured by its tokens",
    "dsl.emitting": "likewise",
    "dsl.printing": "writes formulas",
    "dsl.exports": "writes files",
    "dsl.exports.equation": "likewise",
    "dsl.rule_checks": "refuses rules, and changes none",
    "file_lock": "lets one process at a time write",
    "plurals": "writes counts in messages",
    "user_error": "the class of errors for users",
    "measuring.kept_runs": "parts of trainings of promotions, which are not cached",
    "measuring.progress": "says how far a training is",
    "measuring.recording": "records gradients, which no reward depends on",
    "tasks.data_hash": "hashes data",
    "tasks.task": "a contract",
    "operations": "finds operations by backend",
    "operations.protocol": "a contract",
}


def find_imports(name):
    """The modules of this package that a module imports, below it."""
    path = PACKAGE.joinpath(*filter(None, name.split(".")))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith(PACKAGE.name):
            inner = node.module[len(PACKAGE.name) + 1 :]
            for alias in node.names:
                below = ".".join(filter(None, [inner, alias.name]))
                is_module = PACKAGE.joinpath(*below.split(".")).with_suffix(".py").exists()
                yield below if is_module else inner


def test_all_that_is_imported_to_measure_is_in_it_or_has_no_influence():
    known, waiting = set(), list(MODULES)
    while waiting:
        name = waiting.pop()
        if name not in known:
            known.add(name)
            if name not in WITHOUT_INFLUENCE:
                waiting += find_imports(name)
    assert known - set(MODULES) - set(WITHOUT_INFLUENCE) == set()
    assert set(WITHOUT_INFLUENCE) <= known, "imported no more"
    assert not set(MODULES) & set(WITHOUT_INFLUENCE)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of one module."""
    path = tmp_path / "a_package" / "a_module.py"
    path.parent.mkdir()
    (path.parent / "__init__.py").write_text("")
    path.write_text('"""A docstring."""\n\n\ndef f(x):\n    """Another."""\n    return x + 1  # one more\n')
    monkeypatch.syspath_prepend(tmp_path)
    return path


def test_a_hash_changes_with_code_and_not_with_words(package):
    before = hash_code("a_package.a_module")
    text = package.read_text()
    package.write_text(
        text.replace("Another.", "Better.").replace("# one more", "") + '\n"""A text that stands alone."""\n'
    )
    assert hash_code("a_package.a_module") == before
    package.write_text(text.replace("x + 1", "x + 2"))
    assert hash_code("a_package.a_module") != before


def test_without_a_file_there_is_no_hash():
    for name in ("no_such_module", "sys"):
        with pytest.raises(ModuleNotFoundError, match=f"there is no file of the module '{name}'"):
            hash_code(name)


@pytest.mark.once
def test_each_module_counts(monkeypatch):
    for part in ("_find", "_read", "_parse", "_code"):  # so that each file is parsed once
        monkeypatch.setattr(code_hash, part, functools.cache(getattr(code_hash, part)))
    versions = {code_version()}
    for name in MODULES:
        monkeypatch.setattr(module, "MODULES", tuple(other for other in MODULES if other != name))
        versions.add(code_version())
    assert len(versions) == 1 + len(MODULES)


@pytest.mark.parametrize(("package", "name"), [("tf", "__version__"), ("keras_versions", "VERSION")])
def test_it_changes_with_tensorflow_and_with_keras(monkeypatch, package, name):
    before = code_version()
    monkeypatch.setattr(getattr(module, package), name, "0.0")
    assert code_version() != before


def test_a_task_has_its_own_code_in_its_identity():
    digits, mlp = (TASKS[name].identity(TASKS[name].protocols["paper"]) for name in ("digits", "digits_mlp"))
    assert digits.startswith("digits Protocol(name='paper'") and "ConvNet(filters=32" in digits
    assert digits.split()[-1] == hash_code(
        "neural_optimizer_search.tasks.digits", "neural_optimizer_search.tasks.small_networks"
    )
    assert digits.split()[-1] == mlp.split()[-1]  # the same files
    somewhere = dataclasses.replace(TASKS["digits"], load=functools.partial(TASKS["digits"].load))
    assert somewhere.identity(somewhere.protocols["paper"]) is None
