"""What a command says of packages that are not there."""

import sys

import pytest

from neural_optimizer_search.command_line import Parser, require


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
