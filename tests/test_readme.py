"""The README's snippet is short, comes early, and runs."""

import pathlib
import re

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
    from tf_agents_env.flags import parser

    for action in parser()._actions:
        if action.dest != "help":
            assert f"`{action.option_strings[0]}`" in README
