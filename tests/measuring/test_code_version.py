"""What a reward depends on is in the key of the cache, and nothing else."""

import ast
import pathlib
import shutil

import pytest

from neural_optimizer_search.measuring import code_version as module
from neural_optimizer_search.measuring.code_version import MODULES, code_version

PACKAGE = pathlib.Path(module.__file__).parent.parent
# What the measuring imports and a reward of a shipped task does not depend on, and why.
WITHOUT_INFLUENCE = {
    "": "names of the package",
    "command_line": "words for a person",
    "dsl.expression": "formulas; a rule is measured by its tokens",
    "dsl.formula": "reads formulas",
    "dsl.operators": "how formulas are written",
    "dsl.printing": "writes formulas",
    "dsl.source": "writes files",
    "dsl.space": "what may be proposed",
    "measuring": "a name",
    "measuring.evaluation": "holds what was measured",
    "tasks": "finds tasks by name",
    "tasks.in_memory": "tasks of one's own, which are not cached",
    "tasks.keras_losses_metrics": "likewise",
    "tasks.keras_task": "likewise",
    "tasks.named_task": "likewise",
    "tasks.task": "a contract",
    "optimizers.keras_versions": "tasks of one's own",
    "optimizers": "names",
    "dsl": "a name",
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
    assert not set(MODULES) & set(WITHOUT_INFLUENCE)


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package whose files may be changed; the version is that of the copy."""
    for name in MODULES:
        path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
        target = tmp_path / path.relative_to(PACKAGE)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(path, target)
    (tmp_path / "__init__.py").write_text("")
    monkeypatch.setattr(module.neural_optimizer_search, "__file__", str(tmp_path / "__init__.py"))
    return tmp_path


def append(path, text):
    path.write_text(path.read_text() + text)


def test_it_is_that_of_the_files(copy, monkeypatch):
    here = code_version()
    monkeypatch.undo()
    assert code_version() == here


@pytest.mark.parametrize("name", MODULES)
def test_it_changes_with_code_and_not_with_words(copy, name):
    before = code_version()
    path = copy.joinpath(*name.split(".")).with_suffix(".py")
    append(path, '\n\n# A comment.\n"""A text that stands alone."""\n')
    assert code_version() == before
    append(path, "\nNEW = 1\n")
    assert code_version() != before


def test_it_does_not_change_with_another_file(copy):
    before = code_version()
    (copy / "workers").mkdir()
    (copy / "workers" / "ray_workers.py").write_text("NEW = 1\n")
    assert code_version() == before


def test_it_changes_with_tensorflow(monkeypatch):
    before = code_version()
    monkeypatch.setattr(module.tf, "__version__", "0.0")
    assert code_version() != before
