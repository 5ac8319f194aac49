"""Which code a hash is of."""

import ast

import pytest

from neural_optimizer_search import code_hash
from neural_optimizer_search.code_hash import hash_files

FILES = {
    "top.py": "import helper\nfrom pack.deep import inner as x\nimport numpy, neural_optimizer_search.decays\n",
    "helper.py": '"""Helps."""\nVALUE = 1\n\ndef later():\n    import lazy\n',
    "lazy.py": "from helper import VALUE  # back again\n",
    "stranger.py": "VALUE = 2\n",
    "pack/__init__.py": "from . import side\n",
    "pack/side.py": "",
    "pack/deep/__init__.py": "from ..other import name\n",
    "pack/deep/inner.py": "print 'of another Python'\n",
    "pack/other.py": "name = 3\n",
    "numpy_is_not_here.txt": "",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_modules_beside_are_followed_and_no_others(place):
    beside = ["helper.py", "lazy.py", "pack/__init__.py", "pack/deep/__init__.py", "pack/deep/inner.py",
              "pack/other.py", "pack/side.py", "top.py"]  # fmt: skip
    assert list(hash_files("top")) == beside


def test_what_changes_a_hash(place):
    before = hash_files("top")
    (place / "helper.py").write_text("# A comment.\n" + FILES["helper.py"].replace("Helps", "Has helped"))
    (place / "stranger.py").write_text("VALUE = 3\n")
    assert hash_files("top") == before
    (place / "pack/other.py").write_text("name = 4\n")
    after = hash_files("top")
    assert {name for name in before if before[name] != after[name]} == {"pack/other.py"}


def test_each_file_is_parsed_once_and_by_one_thread_at_a_time(place, monkeypatch):
    parsed = []

    def parse(text, parse=ast.parse):
        parsed.append((text, code_hash._PARSING.locked()))
        return parse(text)

    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", parse)
        files = hash_files("top")
    assert sorted(parsed) == sorted((FILES[name], True) for name in files)


def test_of_what_is_installed_only_its_own_package(tmp_path, monkeypatch):
    place = tmp_path / "site-packages"
    place.mkdir()
    (place / "mine.py").write_text("import other\n")
    (place / "other.py").write_text("")
    monkeypatch.syspath_prepend(place)
    assert list(hash_files("mine")) == ["mine.py"]
