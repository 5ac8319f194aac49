"""Describes an error in the user's code in one line: the error, and its place in the user's file.

TensorFlow and Keras wrap the errors of the code that they call. An error that is raised while a function is traced
becomes part of a text that begins with "in user code:". One that is raised in a `tf.py_function` or a generator
becomes part of an op's error. Keras adds the arguments of a layer.
"""

import os
import re
import sysconfig
import traceback
from typing import NamedTuple, Optional

from neural_optimizer_search.code_hash import INSTALLED
from neural_optimizer_search.command_line import drop_error_numbers, shorten

# Packages whose frames are not the user's code.
_NOT_THEIRS = {"tensorflow", "keras", "tf_keras", "numpy", "tf_agents"}
_STANDARD_LIBRARY = tuple({os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "platstdlib")})
_THIS_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")

_FRAME = re.compile(r'( *)File "(.+)", line (\d+)(?:, in ([\w<>]+))?')
_KERAS = re.compile(
    r"Exception encountered when calling .*?\n\n(.*?)(?:\n\n(?:Call a|A)rguments received by .*|$)", re.S
)
_COLOURS = re.compile(r"\x1b\[\d*m")
# The beginning and the end of an op's error, which describe the op in TensorFlow.
_OP = re.compile(r"^(?:\{\{function_node .*?\}\} ?|Graph execution error:\s*)+|\s*\[\[\{+node.*|\s*\[Op:.*", re.S)
_RAISED = re.compile(r"(?:[A-Za-z_][\w.<>]*\.)?([A-Za-z_]\w*)(?:: *(.*))?")
# The beginnings of Python tracebacks within a text.
_PYTHON = ("Traceback (most recent call last):", "in user code:")
# The line before the frames in which an op of a graph was created.
_GRAPH = "defined at (most recent call last):"
# The beginnings of lines after a frame that are neither its code nor the error.
_NO_ERROR = ("[Previous line repeated", "Node: ")
MOST_CHARACTERS, MOST_OF_TRACEBACK = 500, 20_000


class _Place(NamedTuple):
    file: str
    line: int
    function: str = ""


class _Told(NamedTuple):
    """An error's class, its text, and the frames that the text lists, the innermost last."""

    name: str
    text: str
    places: list[_Place]


def describe_error(error: BaseException) -> str:
    """Describes an error in one line, with its place in the innermost file that belongs to the task's author.

    Args:
      error: The caught error.

    Example:
      >>> from neural_optimizer_search.describe_error import describe_error
      >>> describe_error(OSError("cannot read shard 7"))
      'OSError: cannot read shard 7'
    """
    told = _read(error)
    place = _find_place([*_places(error), *told.places])
    text = shorten(drop_error_numbers(told.text), MOST_CHARACTERS)
    line = f"{told.name}{': ' if text else ''}{text}{place}"
    # A path in it may have bytes that are not text, which neither a ledger nor a file accepts.
    return line.encode(errors="backslashreplace").decode()


def is_of_this_package(error: BaseException) -> bool:
    """Whether this package raised the error with no other code in between, so that its text is sufficient."""
    places = _places(error)
    return bool(places) and places[-1].file.startswith(_THIS_PACKAGE) and not any(_is_theirs(p.file) for p in places)


def format_traceback(error: BaseException) -> str:
    """The traceback of an error, without its middle if it is too long for a pipe or a person."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    if len(text) > MOST_OF_TRACEBACK:
        half = MOST_OF_TRACEBACK // 2
        text = f"{text[:half]}\n...\n{text[-half:]}"
    return text.encode(errors="backslashreplace").decode()


def _read(error) -> _Told:
    name = type(error).__name__
    if isinstance(error, SyntaxError):
        return _Told(name, error.msg or "", [])
    text = _unwrap(_text(error))
    return _read_traceback(name, text) or _Told(name, _first_line(text), [])


def _text(error):
    try:
        return str(error)
    except Exception:  # the class is the user's code
        return ""


def _unwrap(text):
    """The text of an error without the additions of Keras and TensorFlow."""
    keras = _KERAS.match(text)
    return _OP.sub("", _COLOURS.sub("", keras[1] if keras else text))


def _read_traceback(name, text) -> Optional[_Told]:
    """Reads the last traceback within the text of an error; None if there is none."""
    if not any(beginning in text for beginning in (*_PYTHON, _GRAPH)):
        return None
    lines = text.splitlines()
    frames = [(number, frame) for number, line in enumerate(lines) if (frame := _FRAME.match(line))]
    if not frames:
        return None
    last, frame = frames[-1]
    # The last frame is followed by its line of code, indented further, and then by the error.
    rest = [line for line in lines[last + 1 :] if line.strip() and not line.lstrip().startswith(_NO_ERROR)]
    while rest and _indentation(rest[0]) > len(frame[1]):
        rest.pop(0)
    if not rest:
        return None
    places = [_Place(frame[2], int(frame[3]), frame[4] or "") for _, frame in frames]
    raised = _RAISED.fullmatch(rest[0].strip())
    # If an op fails by itself, the class is that of the caught error.
    if raised and any(beginning in text for beginning in _PYTHON):
        name, rest[0] = raised[1], raised[2] or ""
    return _Told(name, _first_line(_unwrap("\n".join(rest))), places)


def _indentation(line):
    return len(line) - len(line.lstrip())


def _first_line(text):
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


# -- Where -----------------------------------------------------------------------------------------


def _places(error):
    frames = traceback.extract_tb(error.__traceback__)
    places = [_Place(frame.filename, frame.lineno or 0, frame.name) for frame in frames]
    if isinstance(error, SyntaxError) and error.filename:
        places.append(_Place(error.filename, error.lineno or 0))
    return places


def _find_place(places):
    theirs = [place for place in places if _is_theirs(place.file)]
    if not places:
        return ""
    place = (theirs or places)[-1]
    is_named = place.function and not place.function.startswith("<")  # neither a module nor a lambda
    function = f", in {place.function}" if is_named else ""
    return f" ({os.path.basename(place.file)}:{place.line}{function})"


def _is_theirs(file):
    # "<string>" is the `__init__` of a dataclass, such as a `KerasTask`.
    if (
        file.startswith(("<frozen ", "<string>", "<__array_function__", _THIS_PACKAGE))
        or "__autograph_generated_file" in file
    ):
        return False
    directories = os.path.normpath(file).split(os.sep)
    for before, package in zip(directories, directories[1:]):
        if before in INSTALLED:
            return package not in _NOT_THEIRS
    return not file.startswith(_STANDARD_LIBRARY)
