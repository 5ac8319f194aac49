"""What is public says its types: functions, methods, class attributes. Syntax trees are read; nothing is imported."""

import ast
import pathlib

import pytest

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ("neural_optimizer_search", "tf_agents_env", "benchmarks")
FILES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def is_public(name):
    return not name.startswith("_") or (name.startswith("__") and name.endswith("__"))


def find_unannotated(body, within=""):
    """Yields "line: name what" of what is defined in a module or a class, and lacks a type."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_public(node.name):
            for what in find_missing(node, is_method=bool(within)):
                yield f"{node.lineno}: {within}{node.name} {what}"
        elif isinstance(node, ast.ClassDef) and is_public(node.name):
            yield from find_unannotated(node.body, f"{within}{node.name}.")
        elif isinstance(node, ast.Assign) and within:
            for target in node.targets:
                if isinstance(target, ast.Name) and is_public(target.id):
                    yield f"{node.lineno}: {within}{target.id}"
        for branch in ("body", "orelse", "finalbody", "handlers"):
            if isinstance(node, (ast.If, ast.Try, ast.With, ast.ExceptHandler)):
                yield from find_unannotated(getattr(node, branch, []), within)


def find_missing(function, is_method):
    """Yields the parameters of a function that have no type, and "->" if its result has none."""
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    if is_method and not any(ast.unparse(decorator) == "staticmethod" for decorator in function.decorator_list):
        positional = positional[1:]
    for argument in (*positional, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg):
        if argument is not None and argument.annotation is None:
            yield argument.arg
    if function.returns is None and function.name != "__init__":
        yield "->"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_public_says_its_types(path):
    places = list(find_unannotated(ast.parse(path.read_text()).body))
    assert not places, f"{path.relative_to(ROOT)} lacks types: {'; '.join(places)}"


def test_it_sees_what_is_missing():
    source = """
if True:
    def function(a, /, b: int, *c, d, **e): ...
async def later() -> None: ...
def _private(a): ...
class Class:
    field: int = 0
    attribute = 1
    _hidden = 2
    def __init__(self, a): self.local = a
    def __call__(self): ...
    def _method(self, a): ...
    @staticmethod
    def static(a) -> None: ...
    class Inner:
        def method(self) -> None: ...
class _Private:
    attribute = 1
"""
    assert list(find_unannotated(ast.parse(source).body)) == [
        *(f"3: function {what}" for what in ("a", "c", "d", "e", "->")),
        "8: Class.attribute",
        "10: Class.__init__ a",
        "11: Class.__call__ ->",
        "14: Class.static a",
    ]
