"""Commands that refuse what they are given, in one line."""

import re
from collections.abc import Callable, Iterable

import pytest


def refused(main: Callable[[list[str]], int], flags: Iterable[object], captured, begun: bool = False) -> str:
    """The line with which a command ends, with the exit code 2; it says nothing else.

    Args:
      main: The command.
      flags: Its arguments, as strings or as what is written as they are.
      captured: `capsys` or `capfd`.
      begun: Whether the command begins first: it may then tell what it does, with notes and progress bars.
    """
    captured.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main([str(flag) for flag in flags])
    out, error = captured.readouterr()
    assert stopped.value.code == 2 and error.endswith("\n") and "Traceback" not in error, error
    *before, said = filter(None, error.splitlines())
    assert begun or (out, error) == ("", f"{said}\n"), (out, error)
    assert all(re.search(r": note: |\|.{20}\|", line) for line in before), error
    return said
