"""`nos-optimizers`: what it prints, and how it ends."""

import configparser
import json
import os
import pathlib
import subprocess
import sys

import marks
import pytest

from neural_optimizer_search import parse_formula
from neural_optimizer_search.dsl.numbers import write_number
from neural_optimizer_search.listing import main
from neural_optimizer_search.optimizers import CATALOGUE
from neural_optimizer_search.optimizers.found import FOUND
from neural_optimizer_search.optimizers.later_papers import NO_FORMULA

ROOT = pathlib.Path(__file__).parents[1]


def printed(capsys, *arguments):
    """The header, the rows and the notes, each as lines."""
    assert main(list(arguments)) == 0
    table, *notes = capsys.readouterr().out.split("\n\n")
    header, *rows = table.splitlines()
    return header, rows, "\n".join(notes).splitlines()


def test_every_row_is_aligned_and_fits(capsys):
    header, lines, note = printed(capsys)
    starts = [header.index(word) for word in ("name", "formula", "slots", "rate", "decay", "source")]
    bounds = list(zip(starts, [*starts[1:], None]))
    rows = []
    for cells in ([line[start:end].strip() for start, end in bounds] for line in lines):
        if cells[0]:
            rows.append(cells)
        else:  # the rest of a long formula, and its setting
            rows[-1][1] += f" {''.join(cells)}"
    for cells, row in zip(rows, CATALOGUE.values()):
        slots = f"{row.slots} *" if row.rule.per_tensor else str(row.slots)
        rate = "-" if row.learning_rate is None else write_number(row.learning_rate)
        setting = f" {row.schedule}; weight decay {write_number(row.weight_decay)}" if row.schedule else ""
        assert cells == [row.name, row.formula + setting, slots, rate, row.recommended_decay or "-", row.source]
    assert len(rows) == len(CATALOGUE)
    assert all(line == line.rstrip() and line.isascii() and len(line) <= 120 for line in [header, *lines, *note])


def test_rows_that_take_more_time():
    marked = {name for name, row in CATALOGUE.items() if row.rule.per_tensor}
    assert marked == {
        "lars",
        "lamb",
        "cautious-adam",
        "cautious-lion",
        "muon",
        "normuon",
        *(name for name, *_ in FOUND),
    }


def test_optimizers_without_a_formula_are_listed_with_the_reason(capsys):
    _, _, note = printed(capsys)
    text = " ".join(note)
    assert all(f"{name} {why}" in text for name, why in NO_FORMULA.items())
    _, _, note = printed(capsys, "addsign")
    assert "no formula" not in " ".join(note)


def test_latex(capsys):
    _, rows, _ = printed(capsys, "--latex")
    for line, row in zip(rows, CATALOGUE.values()):
        assert f" {row.rule.latex()} " in line


@pytest.mark.parametrize("text", ["addsign-", "ADDSIGN_"])
def test_only_names_with_a_text_in_them(capsys, text):
    _, rows, _ = printed(capsys, text)
    assert [line.split()[0] for line in rows] == [name for name in CATALOGUE if "addsign-" in name]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--text"], "argument --text: there is no such flag. To see all arguments: nos-optimizers --help"),
        (
            ["--sourse", "torch"],
            "argument --sourse: there is no such flag. Did you mean --source? To see all arguments: "
            "nos-optimizers --help",
        ),
        (["adam", "sgd"], "argument sgd: it is one argument too many. To see all arguments: nos-optimizers --help"),
        (["adam", "--name", "Mine"], "argument --name: needs --source"),
        (["adam", "--learning_rate", "0"], "argument --learning_rate: needs --source"),
        (["adam", "--schedule", "linear"], "argument --schedule: needs --source"),
        (["adam", "--weight_decay", "0.1"], "argument --weight_decay: needs --source"),
        (
            ["adam", "--source", "torch", "--learning_rate", "-1"],
            "argument --learning_rate: must be a number from 0 to 1e+09. Received: -1.",
        ),
        (
            ["adam", "--source", "torch", "--schedule", "line"],
            "argument --schedule: must be one of: constant, linear, cosine, linear_cosine, each alone or with a "
            'share of the steps in [0, 1) in which the rate rises, such as "cosine, warm-up 0.1". '
            "Received: 'line'.",
        ),
        (["adam", "--source", "torch", "--json"], "argument --json: not allowed with --source, which prints a file"),
        (
            ["adam", "--source", "torch", "--latex"],
            "argument --latex: not allowed with --source, which prints a file",
        ),
        (
            ["adam", "--json", "--latex"],
            "argument --latex: not allowed with --json, whose rows have the formulas in LaTeX too",
        ),
        (["nonsense"], "argument NAME: no optimizer has 'nonsense' in its name. To see all names: nos-optimizers"),
        (
            ["adamx"],
            "argument NAME: no optimizer has 'adamx' in its name. Names like it: adam, nadam, adamw. "
            "To see all names: nos-optimizers",
        ),
        (["Shampoo"], "argument NAME: the language has no formula for it: shampoo keeps matrices of its own"),
    ],
)
def test_a_wrong_argument_gives_one_line_and_code_2(capsys, arguments, said):
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    output = capsys.readouterr()
    assert exit_info.value.code == 2
    assert (output.out, output.err) == ("", f"nos-optimizers: {said}\n")


@pytest.mark.parametrize(
    ("name", "rate"), [("lion", "1e-4"), ("adam", "0.01"), ("addsign-ld", "0.1"), ("muon-drop0.1", "0.172")]
)
def test_a_file_has_the_learning_rate_of_its_name_and_says_what_that_was_found_with(capsys, name, rate):
    assert main([name, "--source", "torch"]) == 0
    text = capsys.readouterr().out
    assert f"lr={rate}," in text
    found_with = 'Found with the learning-rate schedule "linear" and the decoupled weight decay 0.0227'
    assert (found_with in text) == (name == "muon-drop0.1") == ("Found with" in text)


@pytest.mark.parametrize("name", ["muon-drop0.1", "drop(Adam, 0.1)"])
def test_a_setting_that_is_given_takes_the_place_of_the_names_own(capsys, name):
    setting = ["--learning_rate", "0.3", "--schedule", "cosine", "--weight_decay", "0"]
    assert main([name, "--source", "torch", "--name", "Mine", *setting]) == 0
    rule = CATALOGUE[name].rule if name in CATALOGUE else parse_formula(name)
    assert capsys.readouterr().out == rule.to_source("Mine", "torch", 0.3, "cosine", 0.0)


def test_a_formula_may_end_with_the_number_of_a_draw(capsys):
    assert main(["m + eps#1", "--source", "torch"]) == 0
    assert "class MyOptimizer(" in capsys.readouterr().out


def test_a_file_of_a_formula_has_the_learning_rate_of_rule_optimizer(capsys):
    assert main(["g + m", "--source", "torch"]) == 0
    assert "lr=0.01," in capsys.readouterr().out


@pytest.mark.once
@marks.only_long("test_console.py has it for all commands.")
def test_a_closed_pipe_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "neural_optimizer_search.listing"]
    # As in a shell; unbuffered, nothing would be left to write at the exit.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=env)
    os.close(writer)
    assert result.returncode == 0
    assert "Traceback" not in result.stderr and "BrokenPipe" not in result.stderr


def test_the_command_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    scripts = config["options.entry_points"]["console_scripts"]
    assert "nos-optimizers = nos_commands:optimizers" in scripts.splitlines()


def test_json(capsys):
    assert main(["sign", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [name for name in CATALOGUE if "sign" in name]
    assert all(row["rule"]["formula"] == CATALOGUE[row["name"]].rule.formula() for row in rows)
