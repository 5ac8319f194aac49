"""What `benchmarks.studies.Study` says, of every study, and of all else that `benchmarks.run` runs."""

import dataclasses
import json
import pathlib
import re
import shlex

import pytest

from benchmarks import run
from benchmarks.studies import STUDIES, Study, StudyFailed, load_study
from neural_optimizer_search import flags
from neural_optimizer_search.stopping import STOPPED
from neural_optimizer_search.user_error import UserError


@pytest.fixture(params=STUDIES)
def study(request):
    return load_study(request.param)


@pytest.fixture(params=run.NAMES)
def name(request):
    return request.param


def test_it_has_all_that_a_study_has(study):
    assert isinstance(study, Study)


def test_its_flags_are_the_fields_of_a_frozen_dataclass(name):
    config = run.load_command(name).config
    assert dataclasses.is_dataclass(config)
    assert set(flags.flags_of(config)) == {field.name for field in dataclasses.fields(config)}
    with pytest.raises(dataclasses.FrozenInstanceError):
        config().anything = 1


def test_its_title_is_one_line_and_listed(name, capsys):
    title = run.load_command(name).title
    assert title and "\n" not in title and len(title) < 100
    assert run.main(["--help"]) == 0
    assert any(line.split()[:1] == [name] and title in line for line in capsys.readouterr().out.splitlines())


def test_its_help_names_every_flag(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main([name, "--help"])
    assert stopped.value.code == 0
    printed, config = capsys.readouterr().out, run.load_command(name).config
    for field, (one, _) in flags.flags_of(config).items():
        assert (one.metavar if one.positional else flags.spell(config, field)) in printed


@pytest.mark.parametrize("bad", ["--nonsense", "--seeds=many", "--repeats=0", "--task=mnist", "--depth=9"])
def test_a_bad_flag_is_one_line(name, bad, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main([name, *(["RUN"] if name == "depth1_table" else []), bad])
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.startswith(f"python -m benchmarks.run {name}: ")
    assert bad.partition("=")[0] in error


@pytest.mark.parametrize("name", ["task_discrimination", "evaluation_speed", "real_search"])
def test_an_unknown_protocol_is_one_line(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main([name, "--protocol", "papers"])
    assert stopped.value.code == 2
    assert "argument --protocol: must be one of default, reduced, paper" in capsys.readouterr().err


def test_an_unknown_model_is_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(["own_model_speed", "--models", "mlp", "nothing"])
    assert stopped.value.code == 2
    assert "argument --models: must be one of: mlp, cnn, " in capsys.readouterr().err


def test_a_missing_run_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(["depth1_table", str(tmp_path / "nowhere")])
    assert stopped.value.code == 2
    assert "argument RUN: " in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["tasks"]])
def test_a_name_is_needed(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        run.main(words)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith("python -m benchmarks.run: ")


# -- Documents -------------------------------------------------------------------------------------


ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "benchmarks/results/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.py")),
    *sorted((ROOT / "neural_optimizer_search" / "tasks").glob("*.py")),
)


# In backticks, or a line of its own with a comment perhaps.
COMMAND = re.compile(
    r"`python -m benchmarks\.([^`\n]+)`|^ *(?:\.venv/bin/)?python -m benchmarks\.([^`\n]+?)(?: +#.*)?$", re.MULTILINE
)


def test_every_command_in_a_document_can_be_given():
    found = [(path, one or other) for path in DOCUMENTS for one, other in COMMAND.findall(path.read_text())]
    assert len(found) > 30
    for path, text in found:
        module, *words = shlex.split(text.replace("--task yours", "--task digits"))
        assert module == "run", f"{path}: {text}"
        if words:
            flags.build_parser(text, None, run.load_command(words[0]).config).parse_args(words[1:])


# -- What the command does with any study ----------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Config:
    seeds: int = flags.flag(3, "how many", parse=int)


@pytest.fixture
def run_study(monkeypatch):
    def make(do):
        monkeypatch.setattr(run, "load_command", lambda name: run.Command("A study.", Config, do))
        return run.main(["scaling", "--seeds", "5"])

    return make


def test_the_last_line_has_the_figures(run_study, capsys):
    def do(config):
        print("A table.")
        return dict(seeds=config.seeds)

    assert run_study(do) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert first == "A table." and json.loads(last) == dict(seeds=5)


@pytest.mark.parametrize("error", [UserError, FileNotFoundError, StudyFailed])
def test_what_a_study_says_is_wrong_is_one_line(run_study, error, capsys):
    def do(config):
        raise error("argument --seeds: must be fewer")

    with pytest.raises(SystemExit) as stopped:
        run_study(do)
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "python -m benchmarks.run scaling: argument --seeds: must be fewer\n"


def test_a_fault_of_a_study_keeps_its_traceback(run_study):
    with pytest.raises(ValueError, match=r"max\(\)"):
        run_study(lambda config: max([]))


def test_a_setting_that_is_refused_is_one_line(monkeypatch, capsys):
    class Strict(Config):
        def __init__(self, seeds):
            raise ValueError("Argument `seeds` must be fewer.")

    monkeypatch.setattr(run, "load_command", lambda name: run.Command("A study.", Strict, None))
    with pytest.raises(SystemExit) as stopped:
        run.main(["scaling", "--seeds", "5"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err == "python -m benchmarks.run scaling: Argument `seeds` must be fewer.\n"


def test_ctrl_c_is_no_error(run_study, capsys):
    def do(config):
        raise KeyboardInterrupt

    assert run_study(do) == STOPPED
    assert "Stopped." in capsys.readouterr().err


def test_a_library_that_is_missing_is_named(monkeypatch, capsys):
    def load(name):
        raise ModuleNotFoundError("No module named 'ray'")

    monkeypatch.setattr(run, "load_command", load)
    with pytest.raises(SystemExit) as stopped:
        run.main(["scaling"])
    assert stopped.value.code == 2 and "No module named 'ray'" in capsys.readouterr().err
    assert run.main(["--help"]) == 0
    assert "(cannot run: No module named 'ray')" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["scaling"], ["--help"]])
def test_a_name_that_a_module_of_our_own_lacks_is_no_missing_library(words, monkeypatch):
    def load(name):
        from benchmarks.studies import no_such_study  # noqa: F401

    monkeypatch.setattr(run, "load_command", load)
    with pytest.raises(ImportError, match="cannot import name 'no_such_study'"):
        run.main(words)
