"""The README is short, and what it and the how-to pages show runs, or looks as the command prints it."""

import dataclasses
import pathlib
import re
import textwrap

import fakes
import pytest
from about import is_about

from neural_optimizer_search.search import command
from neural_optimizer_search.tasks import find_task
from neural_optimizer_search.tasks.child import length
from neural_optimizer_search.workers.config import EXECUTORS
from neural_optimizer_search.workers.in_process import InProcess

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
HOW_TO = ROOT / "docs" / "how-to"
PRINTED = r"prints\n.*?```\n(.*?)```"  # by `make search`


def test_the_snippet(capsys):
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    lines = block[1].splitlines()
    assert len(lines) <= 10
    assert README[: block.end()].count("\n") < 30
    exec(block[1], {})
    assert is_about(block[1], capsys.readouterr().out, 100)  # it differs with the weights at the start


def test_the_learned_optimizer(capsys):
    block = re.search(r"```python\n(.*?)```", (HOW_TO / "learn-an-optimizer.md").read_text(), re.DOTALL)[1]
    exec(block, {})
    assert is_about(block, capsys.readouterr().out, 2)


def test_your_own_model(tmp_path, monkeypatch):
    block = re.search(r"```python\n(.*?)```", (HOW_TO / "your-own-model.md").read_text(), re.DOTALL)[1]
    (tmp_path / "my_module.py").write_text(block)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    task = find_task("my_module:my_task")
    child = task.child(task.protocols["default"])
    assert length(child.train) == 300 and length(child.validation) == 142


def test_the_readme_is_short():
    assert README.count("\n") <= 150


class Spends(fakes.FakeEvaluator):
    """Says that it took steps, also with fresh seeds."""

    def __call__(self, rule, bar=None):
        return dataclasses.replace(super().__call__(rule, bar), steps=64)

    def measure_again(self, *arguments, **more):
        return dataclasses.replace(super().measure_again(*arguments, **more), steps=64)


@pytest.mark.slow
def test_the_sample_of_a_search_has_the_form_of_a_search(trains_nothing, tmp_path, monkeypatch, capfd):
    """Whoever changes what is printed makes the sample anew, with the command beside it."""
    pytest.importorskip("tf_agents")
    monkeypatch.setitem(EXECUTORS, "local", lambda config, task, protocol, _: InProcess(Spends(protocol=protocol)))
    sample = re.search(PRINTED, (HOW_TO / "search.md").read_text(), re.DOTALL)[1]
    out = tmp_path / "run"
    small = ["--protocol", "reduced", "--seeds_per_rule", "2", "--budget", "12", "--workers", "1"]
    assert command.main([*small, "--cache", "none", "--out", str(out)]) == 0
    printed, shown = capfd.readouterr()
    first, rest = printed.replace(str(out), "runs/digits-guided-0").split("\n", 1)
    assert skeleton("\n".join([first, *last_bars(shown), rest])) == skeleton(sample)


def test_the_code_in_the_sample_runs():
    sample = re.search(PRINTED, (HOW_TO / "search.md").read_text(), re.DOTALL)[1]
    code = re.search(r"^    from .*?\n\n", sample, re.MULTILINE | re.DOTALL)[0]
    names = {}
    exec(textwrap.dedent(code), names)
    table = sample.partition(code)[2]
    assert names["optimizer"].rule.formula() in re.sub(r"\s+", " ", table)


def test_the_readme_shows_a_part_of_the_sample():
    whole = re.search(PRINTED, (HOW_TO / "search.md").read_text(), re.DOTALL)[1].splitlines()
    part = re.search(PRINTED, README, re.DOTALL)[1].splitlines()
    assert 15 < len(part) < 40 and [line for line in part if line != "..." and line not in whole] == []


def last_bars(shown):
    """The bars as they stay on a terminal: the last of each unit."""
    bars = [line.strip() for line in re.split(r"[\r\n]+", shown) if "left" in line]
    return {re.sub(r"^\S+ (.*?) \|.*", r"\1", bar): bar for bar in bars}.values()


def skeleton(text):
    """The lines with numbers, formulas and spaces alike; rows that are alike are one."""
    text = re.sub(r"(digits/)\w+", r"\1PROTOCOL", text)
    # So is what a training is paid.
    text = re.sub(r"(reward of a training: ).*", r"\1PAID", text)
    # What is said of the speed, and of shares, comes with the time.
    text = re.sub(r"(left, best \S+?)(, .*)?$", r"\1", text, flags=re.MULTILINE)
    # The verdict is of one of two kinds; rules go on below, and say how they were found.
    text = re.sub(r"^.* beats .*$", "VERDICT", text, flags=re.MULTILINE)
    # A rule that reads t/T needs another call.
    text = re.sub(r"^    from .*?\n\n", "CODE\n\n", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"better than \S+,", "better than NAME,", text)
    text = re.sub(
        r"^( {40,}|alike: |fresh seeds of |Rules? .* orthogonalize, |A rule is shown by .*\n).*\n",
        "",
        text,
        flags=re.MULTILINE,
    )
    row = r"( ± \S+)?( +([<>] )?\d\S+)+( +\+\d+)?"
    text = re.sub(rf"^ +\d+ +\S+{row} +.*$", "RANK NUMBERS FORMULA", text, flags=re.MULTILINE)
    text = re.sub(rf"^ +\d\S+{row} +\w.*$", "NUMBERS NAME FORMULA", text, flags=re.MULTILINE)
    text = re.sub(r"\|[^|\n]{20}\|", "BAR", text)
    text = re.sub(r"\d[\d.,:e+-]*(?=\W)|\d[\d.,:e+-]*$", "N", text, flags=re.MULTILINE)
    text = re.sub(r"\bN workers?\b", "N workers", text)
    lines = [re.sub(r" +", " ", line).strip() for line in text.strip().splitlines()]
    return [line for line, before in zip(lines, [None, *lines]) if line != before]


def test_the_steps_of_fresh_seeds_are_those_of_the_sample():
    page = (HOW_TO / "search.md").read_text()
    whole, fresh = re.search(r"^([\d,]+) gradient steps: .* ([\d,]+) on fresh seeds\.$", page, re.MULTILINE).groups()
    assert f"this took {fresh} of {whole} gradient steps" in page
