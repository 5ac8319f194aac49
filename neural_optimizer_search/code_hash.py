"""A hash of code, for what was computed by it: a comment more changes nothing."""

import ast
import hashlib
import importlib.util
import pathlib


def hash_code(*modules: str) -> str:
    """A short text that differs if the code of one of the modules does, comments and docstrings apart.

    Args:
      *modules: Names as in an import statement.

    Raises:
      ModuleNotFoundError: If a module has no file that can be read.

    Example:
      >>> from neural_optimizer_search.code_hash import hash_code
      >>> hash_code("neural_optimizer_search.decays") == hash_code("neural_optimizer_search.schedules")
      False
    """
    digest = hashlib.sha1()
    for name in modules:
        digest.update(_code(_find(name).read_text()).encode())
    return digest.hexdigest()[:12]


def _find(name):
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin or not spec.has_location:
        raise ModuleNotFoundError(f"there is no file of the module {name!r}", name=name)
    return pathlib.Path(spec.origin)


def _code(text):
    """What Python runs of a module's text."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Texts that stand alone do nothing.
            body[:] = [line for line in body if not (isinstance(line, ast.Expr) and _is_text(line.value))]
    return ast.dump(tree)


def _is_text(value):
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
