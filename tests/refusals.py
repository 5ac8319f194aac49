"""Commands that refuse what they are given, in one line."""

from collections.abc import Callable, Iterable

import pytest


def refused(main: Callable[[list[str]], int], flags: Iterable[object], captured) -> str:
    """The one line with which a command ends, with the exit code 2 and nothing on standard output.

    Args:
      main: The command.
      flags: Its arguments, as strings or as what is written as they are.
      captured: `capsys` or `capfd`.
    """
    captured.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main([str(flag) for flag in flags])
    out, said = captured.readouterr()
    assert (stopped.value.code, out) == (2, "")
    assert said.endswith("\n") and said.count("\n") == 1 and len(said) < 1000, said
    return said.rstrip("\n")
