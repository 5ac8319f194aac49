"""One field is a flag everywhere: in the parser, in what a run records, in the command that repeats it, in tables."""

import dataclasses
from typing import Optional

import pytest

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.flags import flag
from neural_optimizer_search.recorded_flags import changed_on_resume, record


@dataclasses.dataclass(frozen=True)
class Shared:
    task: str = flag("digits", "what rules are measured on")
    workers: Optional[int] = flag(
        None, "processes", parse=whole_number(1), default_text="one per core", changeable=True
    )


@dataclasses.dataclass(frozen=True)
class Config(Shared):
    task: str = flags.with_default(Shared, "task", "cifar10")
    algorithm: str = flag("random", "who proposes", choices=lambda: ("random", "mine"))
    asynchronous: bool = flag(False, "learn at once", option="--async")
    out: Optional[str] = flag(None, "directory", recorded=False)
    derived: int = 3  # no flag


def parse(*words):
    return vars(flags.build_parser("nos-example", "An example.", Config).parse_args(words))


def test_what_is_not_given_is_absent():
    assert parse() == {}
    assert parse("--async", "--workers", "2") == {"asynchronous": True, "workers": 2}


def test_a_configuration_is_what_was_given_and_the_defaults():
    config = flags.configure(Config, {"workers": 2, "stranger": 1}, algorithm="mine")
    assert config == Config(workers=2, algorithm="mine")
    assert config.task == "cifar10"


def test_only_flags_that_are_to_be_recorded_are():
    assert record(Config(out="here", derived=4)) == {
        "task": "cifar10",
        "workers": None,
        "algorithm": "random",
        "asynchronous": False,
    }


def test_what_may_change_on_resume_changes():
    p = flags.build_parser("nos-example", None, Config)
    recorded = record(Config(workers=1))
    assert changed_on_resume(p, Config, {"workers": 5}, recorded) == Config(workers=5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"asynchronous": True}, "argument --async: not allowed with --resume: a resumed run keeps its own (off)"),
        ({"task": "digits"}, "argument --task: not allowed with --resume: a resumed run keeps its own (cifar10)"),
    ],
)
def test_what_may_not_is_refused_by_name(given, words, capsys):
    p = flags.build_parser("nos-example", None, Config)
    with pytest.raises(SystemExit) as stop:
        changed_on_resume(p, Config, given, record(Config()))
    assert stop.value.code == 2
    message = capsys.readouterr().err
    assert words in message and "Only --workers may change." in message


def test_the_command_gives_the_configuration_back():
    config = Config(task="a b", workers=3, asynchronous=True)
    line = flags.command("nos-example", Config, {**record(config), "stranger": [1]})
    assert line == "nos-example --task 'a b' --workers 3 --algorithm random --async"


def test_a_value_with_a_dash_stays_a_value():
    assert flags.command("x", Config, {"task": "--workers"}) == "x --task=--workers"


def test_choices_may_be_a_function(capsys):
    with pytest.raises(SystemExit):
        parse("--algorithm", "yours")
    assert capsys.readouterr().err.endswith(
        "argument --algorithm: must be one of: random, mine. Received: 'yours'.\n"
    )


def test_a_positional_argument_is_called_by_its_metavar():
    @dataclasses.dataclass(frozen=True)
    class Positional:
        run: str = flag("", "directory of a search", positional=True, metavar="RUN")

    assert vars(flags.build_parser("nos-example", None, Positional).parse_args(["here"])) == {"run": "here"}
    assert flags.spell(Positional, "run") == "RUN"
    assert flags.command("x", Positional, {"run": "my runs/a"}) == "x 'my runs/a'"
    assert flags.command("x", Positional, {"run": "--out"}) == "x ./--out"
    assert flags.markdown_table(Positional).splitlines()[-1] == "| `RUN` | directory of a search | |"


def test_the_table():
    assert flags.markdown_table(Config).splitlines() == [
        "| flag | what | default |",
        "|---|---|---|",
        "| `--task` | what rules are measured on | cifar10 |",
        "| `--workers` | processes | one per core |",
        "| `--algorithm` | who proposes: `random`, `mine` | random |",
        "| `--async` | learn at once | off |",
        "| `--out` | directory | |",
    ]
