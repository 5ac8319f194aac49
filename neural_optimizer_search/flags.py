"""Flags as fields of frozen dataclasses.

One field holds all that is to be said of a flag: its name, type, default, sentence, and whether it may change when a
run is resumed. The parser, what a run records, the command that repeats it and the README's table are made from it.
"""

import argparse
import dataclasses
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional, TypeVar, Union

from neural_optimizer_search.command_line import Parser, shorten
from neural_optimizer_search.files import Damaged

_KEY = "flag"
Config = TypeVar("Config")


@dataclass(frozen=True)
class Flag:
    """What is said of a flag beside its name and its default.

    Attributes:
      help: One sentence without its default.
      parse: Makes a value of the text that was given; raises `argparse.ArgumentTypeError`.
      choices: The values allowed, or a function that gives them; None if `parse` decides.
      default_text: The default in words, where the value does not tell it.
      metavar: What stands for the value in the help.
      option: The flag as it is typed, if not "--" and the field's name.
      positional: Whether it is typed without its name.
      nargs: As for `argparse`.
      changeable: Whether a resumed run may be given another value.
      recorded: Whether it is a part of what a run records of itself.
      is_local: Tells of a value whether it names something of one machine, such as a file, an address or a module of
        the user's own. Of a run that was made elsewhere nobody takes it without being told to.
    """

    help: str
    parse: Callable[[str], Any] = str
    choices: Union[Iterable, Callable[[], Iterable], None] = None
    default_text: Optional[str] = None
    metavar: Optional[str] = None
    option: Optional[str] = None
    positional: bool = False
    nargs: Optional[str] = None
    changeable: bool = False
    recorded: bool = True
    is_local: Callable[[Any], bool] = lambda value: False


def flag(default: Any, help: str, **more: Any) -> Any:
    """A dataclass field that is a flag.

    Args:
      default: The field's default.
      help: One sentence.
      **more: Other attributes of its `Flag`.

    Example:
      >>> from dataclasses import dataclass
      >>> from neural_optimizer_search.command_line import whole_number
      >>> from neural_optimizer_search.flags import build_parser, flag
      >>> @dataclass(frozen=True)
      ... class Config:
      ...     depth: int = flag(2, "iterations of the language", parse=whole_number(1))
      >>> vars(build_parser("nos-example", "An example.", Config).parse_args(["--depth", "3"]))
      {'depth': 3}
    """
    return dataclasses.field(default=default, metadata={_KEY: Flag(help, **more)})


def with_default(config: type, name: str, default: Any) -> Any:
    """The field of another configuration as a field of this one, with another default."""
    (field,) = (field for field in dataclasses.fields(config) if field.name == name)
    return dataclasses.field(default=default, metadata=field.metadata)


def flags_of(*configs: type) -> dict[str, tuple[Flag, Any]]:
    """(its `Flag`, its default) of each flag of the dataclasses, by the field's name."""
    return {
        field.name: (field.metadata[_KEY], field.default)
        for config in configs
        for field in dataclasses.fields(config)
        if _KEY in field.metadata
    }


def spell(config: type, name: str) -> str:
    """What a person calls a flag: "--async" for the field `asynchronous`, RUN for a positional argument."""
    return _spell(name, flags_of(config)[name][0])


def build_parser(prog: str, description: Optional[str], *configs: type) -> Parser:
    """A parser of the flags of the dataclasses; a flag that is not given is absent from its result.

    Args:
      prog: The command.
      description: What it does; a command's docstring, which begins with its name, does.
      *configs: The dataclasses.
    """
    text = (description or "").removeprefix(f"`{prog}`: ")
    p = Parser(prog, description=text[:1].upper() + text[1:], argument_default=argparse.SUPPRESS, allow_abbrev=False)
    for name, (one, default) in flags_of(*configs).items():
        word = name if one.positional else _spell(name, one)  # argparse shows its metavar
        p.add_argument(word, help=_help(one, default), **_arguments(name, one, default))
    return p


def configure(config: type[Config], given: Mapping[str, Any], **defaults: Any) -> Config:
    """A configuration of what was given on the command line; flags of other configurations are left aside.

    Args:
      config: The dataclass.
      given: Values by the field's name.
      **defaults: Values of fields that were not given, in place of their defaults.
    """
    return config(**{name: value for name, value in {**defaults, **given}.items() if name in _field_names(config)})


def record(config: Any) -> dict[str, Any]:
    """What a run records of its configuration: a JSON-able dict."""
    kept = {name for name, (one, _) in flags_of(type(config)).items() if one.recorded}
    return {name: value for name, value in dataclasses.asdict(config).items() if name in kept}


def changed_on_resume(
    p: Parser, config: type[Config], given: Mapping[str, Any], recorded: Mapping[str, Any], made_here: bool = True
) -> Config:
    """The recorded configuration with what was given anew.

    Ends the command if a flag may not change, or if what the run names on this machine has to be confirmed.

    Args:
      p: The command's parser.
      config: The dataclass.
      given: What was given now, by the field's name.
      recorded: What the run recorded, checked by `check_recorded`.
      made_here: Whether the run was made here: see `origin.is_made_here`.
    """
    known = flags_of(config)
    for name in sorted(given.keys() & known.keys()):
        one, default = known[name]
        if one.recorded and not one.changeable and given[name] != recorded.get(name, default):
            kept = f" ({tell(recorded[name])})" if name in recorded else ""
            may_change = ", ".join(sorted(spell(config, name) for name, (one, _) in known.items() if one.changeable))
            only = f" Only {may_change} may change." if may_change else ""
            p.error(
                f"argument {spell(config, name)}: not allowed with --resume: a resumed run keeps its own{kept}.{only}"
            )
    believed = recorded if made_here else _without_local(p, config, given, recorded)
    return configure(config, {**believed, **given})


def _without_local(p, config, given, recorded):
    """What a run that was made elsewhere recorded, without the names of what is on this machine."""
    believed = dict(recorded)
    for name, (one, default) in flags_of(config).items():
        value, word = recorded.get(name, default), spell(config, name)
        if name in given or value == default or not one.is_local(value):
            continue
        by_whom = "was made by another user, on another machine or in another directory"
        if not one.changeable:
            p.error(
                f"argument {word}: the run {by_whom}, and goes on only with code that it names: {shorten(value)}. "
                f"If you trust that code: {word} {shlex.quote(shorten(value))}"
            )
        print(
            f"{p.prog}: the run {by_whom}: {word} is {tell(default)}, not {shorten(tell(value))} as recorded.",
            file=sys.stderr,
        )
        believed[name] = default
    return believed


def check_recorded(config: type, recorded: Any) -> None:
    """Checks that a command can have recorded this of its flags.

    Args:
      config: The dataclass.
      recorded: What a file says of its fields, which may be anything.

    Raises:
      Damaged: If it cannot; the message says what is wrong.
    """
    known = flags_of(config)
    if not isinstance(recorded, dict):
        raise Damaged("its configuration is no table of names and values.")
    unknown = sorted(set(recorded) - set(known))
    if unknown:
        raise Damaged(f"its configuration has {shorten(unknown[0])!r}, which is none of this command's flags.")
    for name, value in recorded.items():
        if not _is_allowed(*known[name], value):
            raise Damaged(f"its configuration has {shorten(tell(value))} for {spell(config, name)}.")


def _is_allowed(one, default, value):
    """Whether the command line, or the default, gives this value."""
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if value is None:
        return default is None
    try:
        parsed = one.parse(str(value))
    except (argparse.ArgumentTypeError, ValueError, TypeError):
        return False
    choices = _choices(one)
    return type(parsed) is type(value) and parsed == value and (choices is None or value in choices)


def command(prog: str, config: type, recorded: Mapping[str, Any]) -> str:
    """The command line that gives a configuration, from what was recorded of it, which may be anything."""
    words = [prog]
    for name, (one, _) in flags_of(config).items():
        value, word = recorded.get(name), _spell(name, one)
        if value is True:
            words.append(word)
        elif isinstance(value, (str, int, float)) and value is not False:
            # With = a value that starts with a dash is no flag.
            words += [f"{word}={value}"] if str(value).startswith("-") else [word, str(value)]
    return shlex.join(words)


def markdown_table(*configs: type) -> str:
    """The flags as a table for a document: flag, what it is, default."""
    rows = [_row(name, one, default) for name, (one, default) in flags_of(*configs).items()]
    return "\n".join(["| flag | what | default |", "|---|---|---|", *rows])


def tell(value: Any) -> str:
    """A flag's value in words, for a message."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "left out" if value is None else str(value)


def _spell(name: str, one: Flag) -> str:
    return one.metavar or name if one.positional else one.option or f"--{name}"


def _choices(one: Flag) -> Optional[list]:
    choices = one.choices() if callable(one.choices) else one.choices
    return None if choices is None else list(choices)


def _arguments(name: str, one: Flag, default: Any) -> dict[str, Any]:
    """What `add_argument` takes beside the name and the help."""
    dest = {} if one.positional else {"dest": name}
    if default is False:
        return {**dest, "action": "store_true"}
    more = {"metavar": one.metavar, "nargs": one.nargs, "choices": _choices(one)}
    return {**dest, "type": one.parse, **{key: value for key, value in more.items() if value is not None}}


def _default_text(one: Flag, default: Any) -> str:
    if one.default_text is not None:
        return one.default_text
    if default is None or default is False:
        return "" if default is None else "off"
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)


def _help(one: Flag, default: Any) -> str:
    text = "" if default is False else _default_text(one, default)
    return (one.help + (f" (default: {text})" if text else "")).replace("%", "%%")


def _row(name: str, one: Flag, default: Any) -> str:
    choices = "".join(f", `{choice}`" for choice in _choices(one) or ())
    cells = f"`{_spell(name, one)}`", one.help + choices.replace(",", ":", 1), _default_text(one, default)
    line = " | ".join(["", *(cell.replace("|", "\\|") for cell in cells), ""]).strip()
    return line.replace("|  |", "| |")  # no default


def _field_names(config: type) -> set:
    return {field.name for field in dataclasses.fields(config)}
