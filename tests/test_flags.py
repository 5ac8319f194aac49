"""One field is a flag everywhere: in the parser, in what a run records, in the command that repeats it, in tables."""

import dataclasses
import json
import shlex
from typing import ClassVar, Optional

import numpy as np
import pytest

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import whole_number
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.flags import flag
from neural_optimizer_search.recorded_flags import changed_on_resume, check_recorded, record


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
    with pytest.raises(SystemExit, match="2"):
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


@dataclasses.dataclass(frozen=True)
class Several:
    tasks: tuple = flag(("digits",), "what rules are measured on", nargs="+", is_local=lambda name: ":" in name)
    depths: Optional[tuple] = flag(None, "depths", parse=whole_number(1), nargs="+")


def test_a_flag_of_several_words_is_a_tuple_and_is_recorded_as_a_list():
    p = flags.build_parser("nos-example", None, Several)
    given = vars(p.parse_args(["--tasks", "a", "b c", "--depths", "2", "1"]))
    assert given == {"tasks": ("a", "b c"), "depths": (2, 1)}
    recorded = json.loads(json.dumps(record(flags.configure(Several, given))))
    assert recorded == {"tasks": ["a", "b c"], "depths": [2, 1]}
    check_recorded(Several, recorded)
    assert changed_on_resume(p, Several, {}, recorded) == changed_on_resume(p, Several, given, recorded)
    assert changed_on_resume(p, Several, {}, recorded) == Several(("a", "b c"), (2, 1))
    assert flags.command("x", Several, recorded) == "x --tasks a 'b c' --depths 2 1"


def test_of_several_words_none_is_repeated(capsys):
    p = flags.build_parser("nos-example", None, Several)
    for words in (["--tasks", "a", "b", "a"], ["--depths", "2", "02"]):
        with pytest.raises(SystemExit, match="2"):
            p.parse_args(words)
        (twice,) = {"a", "2"} & set(words)
        assert f"argument {words[0]}: must name each once. Received twice: {twice}." in capsys.readouterr().err


@pytest.mark.parametrize("recorded", [{"tasks": []}, {"tasks": [None]}, {"depths": [2, "1"]}, {"depths": [[1]]}])
def test_no_command_line_gives_such_a_tuple(recorded):
    with pytest.raises(Damaged, match=r"its configuration has .* for --"):
        check_recorded(Several, recorded)


def test_one_recorded_value_of_a_flag_of_several_words_is_a_tuple_of_one():
    check_recorded(Several, {"tasks": "a"})
    assert changed_on_resume(flags.build_parser("x", None, Several), Several, {}, {"tasks": "a"}) == Several(("a",))


def test_no_value_of_several_becomes_a_flag():
    p = flags.build_parser("x", None, Several)
    for tasks in (["--out"], ["a", "--out"]):
        _, *words = shlex.split(flags.command("x", Several, {"tasks": tasks}))
        assert [text.strip() for text in p.parse_args(words).tasks] == tasks


def test_of_several_words_each_may_name_what_is_on_this_machine(capsys):
    p, recorded = flags.build_parser("x", None, Several), {"tasks": ["a", "my module:task"]}
    with pytest.raises(SystemExit, match="2"):
        changed_on_resume(p, Several, {}, recorded, made_here=False)
    message = capsys.readouterr().err
    assert (
        "runs the code of a my module:task. If you trust that code, say so with --tasks a 'my module:task'" in message
    )
    with pytest.raises(SystemExit, match="2"):
        changed_on_resume(p, Several, {"tasks": ("b",)}, recorded)
    assert "a resumed run keeps its own (a my module:task)" in capsys.readouterr().err


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


@dataclasses.dataclass(frozen=True)
class Grouped(Shared):
    GROUPS: ClassVar[dict[str, str]] = {"workers": "who works", "out": "the result"}

    out: Optional[str] = flag(None, "directory")


def test_the_help_has_groups_and_examples(capsys):
    p = flags.build_parser("nos-example", "`nos-example`: does it.\n\nexamples:\n  nos-example  at once\n", Grouped)
    with pytest.raises(SystemExit, match="0"):
        p.parse_args(["--help"])
    _, _, told = capsys.readouterr().out.partition("\n\n")  # the usage comes first
    places = [told.index(text) for text in ("Does it.", "--task TASK", "who works:", "--workers W", "the result:")]
    assert places == sorted(places) and told.endswith("examples:\n  nos-example  at once\n")


def test_the_versions(capsys):
    with pytest.raises(SystemExit, match="0"):
        flags.build_parser("nos-example", None, Config).parse_args(["--version"])
    told = capsys.readouterr().out
    assert f"numpy {np.__version__}" in told.replace("\n", " ") and "Keras on " in told.replace("\n", " ")
