"""The files of tests: what each is about, what they share, and which of their tests are marked `long`."""

import ast
import pathlib
import re

import pytest

pytestmark = pytest.mark.once

TESTS = pathlib.Path(__file__).parent
FILES = sorted(TESTS.rglob("*.py"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))


@each_file
def test_the_first_line_says_what_the_file_is_about(path):
    assert (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0].endswith((".", ":"))


def find_imported_tests(source):
    """The names of test modules that a file imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(alias.name for alias in node.names)]
        else:
            continue
        yield from (name for name in names if any(part.startswith("test_") for part in name.split(".")))


@each_file
def test_what_files_share_is_in_no_test_file(path):
    """It would be imported under two names, and its fixtures with it."""
    assert list(find_imported_tests(path.read_text())) == []


@pytest.mark.parametrize(
    "line", ["import test_a", "from test_a import b", "import dsl.test_a as a", "from dsl import test_a"]
)
def test_an_imported_test_file_is_seen(line):
    assert list(find_imported_tests(line))
    assert list(find_imported_tests(line.replace("test_a", "tested"))) == []


def test_what_reads_marks_long_is_marked_and_nothing_else():
    """`graphs_as_traced` reads it, too; the tests of three files that use it run in `make test-long`."""
    reads = {path for path in FILES if re.search(r"\bmarks\.LONG\b", path.read_text())}
    marked = {path for path in FILES if re.search(r"pytest\.mark\.long\b(?!\()", path.read_text())}
    traced = {path for path in FILES if "graphs_as_traced" in path.read_text()}
    here = pathlib.Path(__file__)
    assert {path for path in reads - marked - {here} if path.name.startswith("test_")} == set()
    assert {path for path in marked - reads - traced - {here} if path.name.startswith("test_")} == set()
