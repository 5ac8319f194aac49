"""PAPERS.md: what its rows name exists and can be run, and each has a verdict; a departure has its reason."""

import re
import shlex

import documents
import pytest

from neural_optimizer_search import flags
from neural_optimizer_search.dsl.presets import PRESETS
from neural_optimizer_search.optimizers import CATALOGUE

pytestmark = pytest.mark.once

PAPERS = (documents.ROOT / "PAPERS.md").read_text()
HEAD = ["where", "what it says", "here", "verdict"]
VERDICT = re.compile(r"same(: .{10,})?|(differs|missing): .{15,}")
PATH = re.compile(rf"(?:[\w.-]+/)+|(?:[\w.-]+/)*[\w-]+\.(?:{documents.EXTENSIONS})")
BENCHMARKS = "python -m benchmarks.run "


def read_rows(text):
    """The cells of each row of each table, and of each head."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|---")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def find_bad_rows(text):
    rows = read_rows(text)
    return [row for row in rows if row != HEAD and not (len(row) == len(HEAD) and VERDICT.fullmatch(row[-1]))]


def find_missing_paths(text):
    quoted = re.findall(r"`([^`\n]+)`", text)
    return [one for one in quoted if PATH.fullmatch(one) and not documents.exists(one)]


# -- Rows ------------------------------------------------------------------------------------------


def test_every_row_has_a_verdict_and_every_departure_a_reason():
    rows = read_rows(PAPERS)
    assert rows.count(HEAD) == PAPERS.count("|---") // len(HEAD) >= 4
    assert len(rows) > 120
    assert not find_bad_rows(PAPERS)


@pytest.mark.parametrize(
    "row, is_bad",
    [
        ("| 1 | a claim | `a` | same |", False),
        ("| 1 | a claim | `a` | differs: there is a reason for it |", False),
        (r"| 1 | \|x\| | `a` | missing: there is a reason for it |", False),
        ("| 1 | a claim | `a` | differs |", True),
        ("| 1 | a claim | `a` | missing: no |", True),
        ("| 1 | a claim | `a` | partly: there is a reason for it |", True),
        ("| 1 | a claim | same |", True),
    ],
)
def test_a_row_without_a_verdict_or_a_reason_is_seen(row, is_bad):
    assert bool(find_bad_rows(row)) == is_bad


def test_no_row_stands_twice():
    claims = [tuple(row[:2]) for row in read_rows(PAPERS) if row != HEAD]
    own = [claim for claim in claims if claim[0].split(",")[0] not in ("3.2", "4.2", "5.1")]  # of three papers
    assert len(set(own)) == len(own)


# -- What the rows name ----------------------------------------------------------------------------


def test_every_path_exists():
    assert len([one for one in re.findall(r"`([^`\n]+)`", PAPERS) if PATH.fullmatch(one)]) > 100
    assert not find_missing_paths(PAPERS)


def test_a_missing_path_is_seen():
    assert find_missing_paths("`dsl/rule.py`, `dsl/rules.py`, `benchmarks/run.py`, `no_such/`") == [
        "dsl/rules.py",
        "no_such/",
    ]


def test_every_link_leads_somewhere():
    for link in documents.find(r"\]\(([^)]+)\)", PAPERS):
        path, _, heading = link.partition("#")
        place = documents.ROOT / path
        assert place.is_file() and (not heading or heading in documents.anchors(place.read_text())), link


def test_every_command_can_be_given():
    ours = [shlex.split(one) for one in documents.commands(PAPERS) if one.split()[0] in documents.COMMANDS]
    assert len(ours) > 20
    for program, *words in ours:
        flags.build_parser(program, None, *documents.COMMANDS[program]).parse_args(words)


def test_every_benchmark_can_be_run():
    for package in ("matplotlib", "sacrebleu", "sentencepiece", "tensorflow_datasets", "optuna"):
        pytest.importorskip(package)
    from benchmarks import run
    from benchmarks.trials.contenders import read_contender

    given = [shlex.split(one.removeprefix(BENCHMARKS)) for one in documents.commands(PAPERS) if BENCHMARKS in one]
    assert len(given) > 20
    for name, *words in given:
        assert name in run.NAMES, name
        config = run.load_command(name).config
        asked = flags.configure(config, vars(flags.build_parser(name, None, config).parse_args(words)))
        for optimizer in getattr(asked, "optimizers", None) or ():
            read_contender(optimizer)


def test_every_flag_is_one_of_a_command():
    configs = [config for configs in documents.COMMANDS.values() for config in configs]
    known = {flags.spell(config, name) for config in configs for name in flags.flags_of(config)} | {"--optimizers"}
    named = documents.find(r"`(--[\w-]+)", PAPERS)
    assert set(named) <= known


def test_every_space_and_every_optimizer_exists():
    assert set(documents.find(r"space `(\w+)`", PAPERS)) <= set(PRESETS)
    for text in documents.find(r"`nos-optimizers ([\w.-]+)`", PAPERS):
        assert any(text in name for name in CATALOGUE), text
