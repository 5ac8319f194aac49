"""Parses the commands' arguments, and reports a user's mistakes."""

import argparse
import difflib
import importlib
import importlib.util
import os
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, Union

from neural_optimizer_search.user_error import UserError

# Packages whose name for installation differs from the name for import.
_INSTALLED_AS = {"sklearn": "scikit-learn"}


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line, with the exit code 2."""

    def error(self, message: str) -> NoReturn:
        """Ends the command with a message."""
        self.exit(2, f"{self.prog}: {one_line(drop_error_numbers(message))}\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Like that of `argparse`, with our own message for an unknown argument."""
        found, rest = self.parse_known_args(args, namespace)
        if rest:
            what = "it is one argument too many."
            if rest[0].startswith("-"):
                what = f"there is no such flag.{self._suggest(rest[0])}"
            self.error(f"argument {shorten(rest[0])}: {what} To see all arguments: {self.prog} --help")
        return found

    def _suggest(self, text):
        """A sentence with the flag that is written nearly like this; "" if there is none."""
        name = f"--{text.partition('=')[0].lstrip('-').replace('-', '_')}"
        close = difflib.get_close_matches(name, self._option_string_actions, n=1, cutoff=0.8)
        return f" Did you mean {close[0]}?" if close else ""


# The largest signed 32-bit integer: TensorFlow, NumPy and SQLite do not accept larger ones everywhere.
LARGEST = 2**31 - 1
# Limits of current file systems, in bytes, with room for the names of the files in a directory.
LONGEST_NAME, LONGEST_PATH = 255, 3500


_ERROR_NUMBER = re.compile(r"\[Errno -?\d+\] ")
_WHOLE = re.compile("-?[0-9]{1,19}")  # Python refuses to read thousands of digits


def whole_number(least: int, most: int = LARGEST) -> Callable[[str], int]:
    """The `type` of a flag that takes whole numbers from `least` to `most`."""

    def parse(text):
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(
                f"must be a whole number from {least} to {most}. Received: {shorten(text)}."
            )
        return int(text)

    return parse


def path(text: str) -> pathlib.Path:
    """The `type` of a flag that names a file or a directory."""
    if not text or "\0" in text:
        raise argparse.ArgumentTypeError(f"must be the name of a file or a directory. Received: {shorten(text)!r}.")
    try:
        text.encode()
    except UnicodeEncodeError:  # TensorFlow cannot write a file with such a name
        raise argparse.ArgumentTypeError(f"must be a name of UTF-8 text. Received: {shorten(repr(text))}.") from None
    named = pathlib.Path(text)
    longest = max((len(os.fsencode(part)) for part in named.parts), default=0)
    if longest > LONGEST_NAME or len(os.fsencode(text)) > LONGEST_PATH:
        raise argparse.ArgumentTypeError(
            f"must have names of at most {LONGEST_NAME} bytes and {LONGEST_PATH} in all. Received: {shorten(text)}."
        )
    return named


def one_of(choices: Iterable, parse: Callable[[str], Any] = str) -> Callable[[str], Any]:
    """The `type` of a flag that takes one of several values, which `parse` reads from text."""
    allowed = list(choices)

    def parse_choice(text):
        value = parse(text)
        if value not in allowed:
            raise argparse.ArgumentTypeError(
                f"must be one of: {', '.join(map(str, allowed))}. Received: {shorten(text)!r}."
            )
        return value

    return parse_choice


def number(least: float, most: float) -> Callable[[str], float]:
    """The `type` of a flag that takes numbers from `least` to `most`."""

    def parse(text):
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(
                f"must be a number from {least:g} to {most:g}. Received: {shorten(text)}."
            )
        return value

    return parse


def path_text(text: str) -> str:
    """Like `path`, but returns the text unchanged, because it may be a remote address such as gs://bucket."""
    path(text)
    return text


def quote(place: Union[str, pathlib.Path]) -> str:
    """Quotes a path so that it can be pasted into a shell, and a leading dash does not make it a flag.

    Example:
      >>> from neural_optimizer_search.command_line import quote
      >>> quote("runs/a"), quote("my runs/a"), quote("-x")
      ('runs/a', "'my runs/a'", './-x')
    """
    text = str(place)
    return shlex.quote(f"./{text}" if text.startswith("-") else text)


def shorten(text: str, most: int = 60) -> str:
    """The text, or the beginning of a text too long for a message, with escaped control characters."""
    shown = one_line(text[:most])
    return shown if len(text) <= most else f"{shown}... ({len(text)} characters)"


def one_line(text: str) -> str:
    """The text with escaped control characters, so that it is one line and moves no cursor."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def drop_error_numbers(text: str) -> str:
    """The text without the numbers that Python puts before operating system errors, such as "[Errno 2] "."""
    return _ERROR_NUMBER.sub("", text)


def require(p: argparse.ArgumentParser, extra: str, *modules: str) -> None:
    """Ends the command if a package is missing, and says in one line how to install it.

    Args:
      p: The command's parser.
      extra: The extra of this package that installs them.
      *modules: The modules that the command imports, such as "sklearn".
    """
    missing = [name for name in modules if not is_installed(name)]
    if missing:
        p.error(f"needs {_list([_name(module) for module in missing])}: {advise_install(extra)}")


def is_installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # None in `sys.modules` marks it as missing
        return False


def advise_install(extra: str) -> str:
    """The command that installs an extra of this package."""
    return f"pip install 'neural-optimizer-search[{extra}]'"


class MissingPackage(ImportError):
    """A required package is not installed; the message says how to install it."""


def import_package(module: str, extra: str, purpose: str) -> Any:
    """Imports an optional dependency of this package.

    Args:
      module: The module, such as "sklearn.datasets".
      extra: The extra of this package that installs it.
      purpose: What needs it, for the message.

    Raises:
      MissingPackage: If it is not installed.
    """
    package = module.partition(".")[0]
    if not is_installed(package):
        raise MissingPackage(f"{purpose} needs {_name(package)}: {advise_install(extra)}", name=package)
    return importlib.import_module(module)


class NotFound(UserError):
    """Nothing has this name."""


def is_own(name: str) -> bool:
    """Whether a name is that of the user's own object, "module:attribute", and not of something shipped."""
    return ":" in name


def import_named(name: str) -> Any:
    """Imports an object that the user named as "module:attribute"; the current directory is searched, too.

    Raises:
      NotFound: If there is no such module or attribute. An error that the module itself raises passes through.
    """
    module_name, _, attribute = name.partition(":")
    if not attribute or not all(module_name.split(".")):
        raise NotFound(f"must be module:attribute, such as directory.file:name. Received: {name!r}.")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does, and a console script does not
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module exists, but imports one that does not
        raise NotFound(
            f"there is no module {module_name!r} in {here} or on Python's path. Write it as in an import "
            f"statement: directory.file, without .py. Received: {name!r}."
        ) from None
    finally:
        os.chdir(here)  # many scripts change to their own directory; relative paths of the command keep their meaning
    if not hasattr(module, attribute):
        raise NotFound(f"module {module_name!r} ({module.__file__}) has no {attribute!r}. Received: {name!r}.")
    return getattr(module, attribute)


def _name(module):
    return _INSTALLED_AS.get(module, module.replace("_", "-"))


def _list(words):
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
