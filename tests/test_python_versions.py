"""No call needs a later Python than the package promises: pyright and ruff no longer know what Python 3.9 lacks."""

import ast
import pathlib

import pytest

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parent.parent
PLACES = ("neural_optimizer_search", "tf_agents_env", "benchmarks", "examples")
FILES = [ROOT / "nos_commands.py", *(path for place in PLACES for path in sorted((ROOT / place).rglob("*.py")))]

# Functions and methods that came after Python 3.9, of the modules that are used here.
LATER = {"add_note", "batched", "bit_count", "file_digest", "hardlink_to", "pairwise", "total"}
# Function -> its keywords that came after Python 3.9.
LATER_KEYWORDS = {
    "bisect": {"key"},
    "bisect_left": {"key"},
    "bisect_right": {"key"},
    "dataclass": {"kw_only", "slots"},
    "field": {"kw_only"},
    "insort": {"key"},
    "zip": {"strict"},
}


def find_later_calls(source):
    """Yields "line: name" of calls that Python 3.9 lacks, as far as names tell."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rpartition(".")[2]
            if name in LATER:
                yield f"{node.lineno}: {name}"
            later = LATER_KEYWORDS.get(name, set())
            yield from (f"{node.lineno}: {name}, {keyword.arg}" for keyword in node.keywords if keyword.arg in later)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_call_needs_a_later_python(path):
    assert list(find_later_calls(path.read_text())) == []


def test_calls_that_need_a_later_python_are_seen():
    assert list(find_later_calls("a.total()\nzip(a, b, strict=True)\n@dataclass(slots=True)\nclass C: ...")) == [
        "1: total",
        "2: zip, strict",
        "3: dataclass, slots",
    ]
    assert list(find_later_calls("bar.total\nzip(a, b)\n@dataclass(frozen=True)\nclass C: ...")) == []
