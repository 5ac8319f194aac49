"""What a command says of packages that are not there."""

import sys

import pytest

from neural_optimizer_search.command_line import Parser, drop_error_numbers, one_of, require, whole_number


@pytest.mark.parametrize(
    ("missing", "names"),
    [
        (["sklearn"], "scikit-learn"),
        (["tf_agents", "sklearn"], "tf-agents and scikit-learn"),
        (["tqdm", "sklearn", "scipy"], "tqdm, scikit-learn and scipy"),
    ],
)
def test_only_what_is_missing_is_named(missing, names, monkeypatch, capsys):
    for name in missing:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SystemExit) as stop:
        require(Parser("nos-example"), "extra", "numpy", *missing)
    assert stop.value.code == 2
    assert capsys.readouterr().err == (f"nos-example: needs {names}: pip install 'neural-optimizer-search[extra]'\n")


def test_nothing_is_said_where_nothing_is_missing(capsys):
    require(Parser("nos-example"), "extra", "numpy", "tensorflow")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--depth", "3"], "argument --depth: must be one of: 1, 2. Received: '3'."),
        (["--depth", "x"], "argument --depth: must be a whole number from 1 to 9. Received: x."),
        (
            ["--dept", "3"],
            "argument --dept: there is no such flag. Did you mean --depth? To see all arguments: nos-example --help",
        ),
        (["more"], "argument more: it is one argument too many. To see all arguments: nos-example --help"),
    ],
)
def test_a_wrong_argument_is_one_sentence(words, said, capsys):
    p = Parser("nos-example", allow_abbrev=False)
    p.add_argument("--depth", type=one_of(range(1, 3), whole_number(1, 9)))
    assert p.parse_args(["--depth", "2"]).depth == 2
    with pytest.raises(SystemExit) as stop:
        p.parse_args(words)
    assert stop.value.code == 2 and capsys.readouterr().err == f"nos-example: {said}\n"


def test_the_number_of_an_error_says_nothing_to_a_person(tmp_path, capsys):
    with pytest.raises(OSError) as error:
        (tmp_path / "none").read_text()
    said = f"No such file or directory: '{tmp_path / 'none'}'"
    assert "[Errno" in str(error.value) and drop_error_numbers(f"x: {error.value}") == f"x: {said}"
    with pytest.raises(SystemExit, match="2"):
        Parser("nos-example").error(f"cannot read: {error.value}")
    assert capsys.readouterr().err == f"nos-example: cannot read: {said}\n"
