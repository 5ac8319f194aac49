"""The README's snippet is short, comes early, and runs."""

import pathlib
import re

import pytest

from neural_optimizer_search.flags import flags_of, spell
from neural_optimizer_search.search.config import RunConfig, SearchConfig

pytestmark = pytest.mark.once

README = (pathlib.Path(__file__).parent.parent / "README.md").read_text()


def test_the_snippet(capsys):
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    lines = block[1].splitlines()
    assert len(lines) <= 10
    assert README[: block.end()].count("\n") < 30
    exec(block[1], {})
    assert 0.0 <= float(capsys.readouterr().out) < 8.0  # the loss of predicting nothing


def test_the_learned_optimizer(capsys):
    block = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "PredictedStep" in block)
    exec(block, {})
    assert 0.0 < float(capsys.readouterr().out) < 0.3  # log 2 at the start


def test_every_flag_is_in_the_readme():
    for name in flags_of(SearchConfig, RunConfig):
        assert f"`{spell(SearchConfig if name in flags_of(SearchConfig) else RunConfig, name)}`" in README
