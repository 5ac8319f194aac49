"""Hashes the code that computes results; comments do not affect a hash."""

import ast
import hashlib
import importlib.util
import pathlib
import threading
import tokenize
from collections.abc import Iterator
from typing import Optional

INSTALLED = {"site-packages", "dist-packages"}  # directories of installed packages
# In several threads at once, `ast.parse` of Python 3.11 can end with a SystemError.
_PARSING = threading.Lock()
_THIS_PACKAGE = __name__.partition(".")[0]


def hash_code(*modules: str) -> str:
    """A short text that changes with the code of any of the modules, but not with comments and docstrings.

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
        text = _read(_find(name))
        digest.update(_code(text, _parse(text)).encode())
    return digest.hexdigest()[:12]


def hash_files(module: str) -> dict[str, str]:
    """Hashes, by file, the code of a module and of the neighbouring modules that it imports.

    Its neighbours are the modules in the directory of its top-level package, or of the module itself; for an
    installed module, those in its own package. Nothing is imported. This package and modules in other languages are
    left out.

    Args:
      module: The module's name as in an import statement; it has been imported.

    Raises:
      ModuleNotFoundError: If the module has no file that can be read.

    Example:
      >>> from neural_optimizer_search.code_hash import hash_files
      >>> list(hash_files("json.decoder"))
      ['json/__init__.py', 'json/decoder.py', 'json/encoder.py', 'json/scanner.py']
    """
    origin = _find(module)
    depth = module.count(".") + (origin.name == "__init__.py")
    top = origin.parents[depth]
    only = module.partition(".")[0] if _is_installed(top) else None
    hashes, names = {}, [module]
    for name in names:
        for file in _files_beside(top, name):
            if str(file) not in hashes:
                text = _read(top / file)
                tree = _parse(text)
                hashes[str(file)] = hashlib.sha1(_code(text, tree).encode()).hexdigest()[:12]
                if tree is not None:
                    names += [one for one in _imported(tree, file) if only in (None, one.partition(".")[0])]
    return dict(sorted(hashes.items()))


def _is_installed(directory):
    standard_library = pathlib.Path(ast.__file__).parent
    return directory == standard_library or not INSTALLED.isdisjoint(directory.parts)


def _files_beside(top, name) -> Iterator[pathlib.Path]:
    """The existing files of a module and of its parent packages, relative to a directory."""
    parts = name.split(".")
    if parts[0] == _THIS_PACKAGE:
        return
    for depth in range(1, len(parts) + 1):
        place = pathlib.Path(*parts[:depth])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if (top / file).is_file():
                yield file
                break


def _imported(tree, file) -> Iterator[str]:
    """The dotted names that a module imports; the last part may be a module or an attribute."""
    package = file.parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package[: len(package) - node.level + 1] if node.level else ()
            name = ".".join([*around, *filter(None, [node.module])])
            yield from (f"{name}.{alias.name}".lstrip(".") for alias in node.names)


def _read(file):
    with tokenize.open(file) as opened:  # respects a module's declared encoding
        return opened.read()


def _find(name):
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.origin or not spec.has_location:
        raise ModuleNotFoundError(f"there is no file of the module {name!r}", name=name)
    return pathlib.Path(spec.origin)


def _parse(text) -> Optional[ast.Module]:
    """The tree of a module's text; None if this Python cannot parse it."""
    try:
        with _PARSING:
            return ast.parse(text)
    except (SyntaxError, ValueError):
        return None


def _code(text, tree):
    """The part of a module that Python runs, from its text and tree; the whole text if there is no tree."""
    if tree is None:
        return text
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            # Strings that stand alone, such as docstrings, do nothing.
            body[:] = [line for line in body if not (isinstance(line, ast.Expr) and _is_text(line.value))]
    return ast.dump(tree)


def _is_text(value):
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
