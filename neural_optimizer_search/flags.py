"""Flags as fields of frozen dataclasses.

One field holds everything about a flag: its name, type, default, help, and whether it may change when a run is
resumed. The parser, the record of a run, the command that repeats it, and the tables in documents are derived from
it.

A dataclass may have `GROUPS`, a dict from the first flag of each group in the help to the group's title.
"""

import argparse
import dataclasses
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Optional, TypeVar, Union

from neural_optimizer_search.command_line import Parser, one_of, shorten
from neural_optimizer_search.versions import describe_versions

_KEY = "flag"
Config = TypeVar("Config")


@dataclass(frozen=True)
class Flag:
    """The properties of a flag besides its name and its default.

    Attributes:
      help: One sentence without its default.
      parse: Converts the given text to a value; raises `argparse.ArgumentTypeError`.
      choices: The allowed values, or a function that returns them; None if `parse` decides.
      default_text: The default in words, if the value itself does not explain it.
      metavar: The name of the value in the help.
      option: The flag as it is typed, if not "--" and the field's name.
      positional: Whether it is typed without its name.
      nargs: See `argparse`. With "+" or "*", the value is a tuple, and `parse` converts each word.
      changeable: Whether a resumed run may be given another value.
      recorded: Whether a run records it.
      is_local: Called with a value; returns whether it names something on one machine, such as a file, an address or
        a user's own module. Such a value of a run that was made elsewhere is used only if the user confirms it.
      may_be_none: Whether a run may record None although that is not the default, as for no budget.
      earlier: The value for a run that did not record it, because its release lacked this flag; None for the default.
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
    may_be_none: bool = False
    earlier: Any = None

    @property
    def is_tuple(self) -> bool:
        """Whether the flag takes several words, so that its value is a tuple."""
        return self.nargs in ("+", "*")


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


def with_default(config: type, name: str, default: Any, text: Optional[str] = None) -> Any:
    """A copy of another configuration's field with a different default, or a different `default_text`."""
    (field,) = (field for field in dataclasses.fields(config) if field.name == name)
    row = field.metadata[_KEY]
    described = dataclasses.replace(row, default_text=text) if text else row
    return dataclasses.field(default=default, metadata={_KEY: described})


def flags_of(*configs: type) -> dict[str, tuple[Flag, Any]]:
    """The (`Flag`, default) of each flag in the dataclasses, by the field's name."""
    return {
        field.name: (field.metadata[_KEY], field.default)
        for config in configs
        for field in dataclasses.fields(config)
        if _KEY in field.metadata
    }


def spell(config: type, name: str) -> str:
    """The name of a flag for users: "--async" for the field `asynchronous`, RUN for a positional argument."""
    return _spell(name, flags_of(config)[name][0])


def build_parser(prog: str, description: Optional[str], *configs: type) -> Parser:
    """A parser of the flags of the dataclasses; a flag that is not given is absent from its result.

    Args:
      prog: The command.
      description: The command's docstring, which begins with its name; examples follow an empty line.
      *configs: The dataclasses.
    """
    text, _, examples = (description or "").removeprefix(f"`{prog}`: ").partition("\n\n")
    p = Parser(
        prog,
        description=text[:1].upper() + text[1:],
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    titles = {
        first: title for config in configs for one in config.__mro__ for first, title in _groups_of(one).items()
    }
    group = p
    for name, (one, default) in flags_of(*configs).items():
        group = p.add_argument_group(titles[name]) if name in titles else group
        word = name if one.positional else _spell(name, one)  # argparse shows its metavar
        group.add_argument(word, help=_help(one, default), **_arguments(name, one, default))
    p.add_argument("--version", action="version", version=describe_versions(), help="print all versions, and exit")
    return p


def _groups_of(config):
    return vars(config).get("GROUPS", {})


def configure(config: type[Config], given: Mapping[str, Any], **defaults: Any) -> Config:
    """Creates a configuration from the command line; flags of other configurations are ignored.

    Args:
      config: The dataclass.
      given: Values by the field's name.
      **defaults: Values of fields that were not given, instead of their defaults.
    """
    return config(**{name: value for name, value in {**defaults, **given}.items() if name in _field_names(config)})


def command(prog: str, config: type, recorded: Mapping[str, Any]) -> str:
    """The command line that reproduces a recorded configuration; the record may be anything."""
    words = [prog]
    for name, (one, _) in flags_of(config).items():
        value, word = recorded.get(name), _spell(name, one)
        if one.is_tuple and isinstance(value, (tuple, list)):
            words += _write_tuple(word, one, value)
        elif value is True:
            words.append(word)
        elif one.positional and isinstance(value, str):
            words.append(f"./{value}" if value.startswith("-") else value)
        elif isinstance(value, (str, int, float)) and value is not False:
            # With =, a value that starts with a dash is not taken for a flag.
            words += [f"{word}={value}"] if str(value).startswith("-") else [word, str(value)]
    return shlex.join(words)


def _write_tuple(word, one, values):
    """The words for a flag that takes several."""
    texts = [str(value) for value in values if isinstance(value, (str, int, float))]
    if len(texts) == 1 and not one.positional and texts[0].startswith("-"):
        return [f"{word}={texts[0]}"]
    # With a space before it, a value that starts with a dash is not taken for a flag.
    texts = [f" {text}" if text.startswith("-") else text for text in texts]
    return texts if one.positional or not texts else [word, *texts]


def markdown_table(*configs: type) -> str:
    """The flags as a table for a document: flag, meaning, default."""
    rows = [_row(name, one, default) for name, (one, default) in flags_of(*configs).items()]
    return "\n".join(["| flag | what | default |", "|---|---|---|", *rows])


def tell(value: Any) -> str:
    """A flag's value in words, for a message."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (tuple, list)):
        return " ".join(map(str, value))
    return "left out" if value is None else str(value)


def _spell(name: str, one: Flag) -> str:
    return one.metavar or name if one.positional else one.option or f"--{name}"


def choices_of(one: Flag) -> Optional[list]:
    """The allowed values of a flag; None if its `parse` decides."""
    choices = one.choices() if callable(one.choices) else one.choices
    return None if choices is None else list(choices)


def _arguments(name: str, one: Flag, default: Any) -> dict[str, Any]:
    """The arguments of `add_argument` besides the name and the help."""
    dest = {} if one.positional else {"dest": name}
    if default is False:
        return {**dest, "action": "store_true"}
    choices, parse, metavar = choices_of(one), one.parse, one.metavar
    if choices is not None:
        # Not the `choices` of argparse, whose messages are not sentences.
        parse, metavar = one_of(choices, one.parse), metavar or f"{{{','.join(map(str, choices))}}}"
    more = {"metavar": metavar, "nargs": one.nargs, "action": _StoreTuple if one.is_tuple else None}
    return {**dest, "type": parse, **{key: value for key, value in more.items() if value is not None}}


class _StoreTuple(argparse.Action):
    """Stores a tuple in place of argparse's list, so that a configuration is hashable."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        twice = [value for i, value in enumerate(values) if value in values[:i]]
        if twice and self.option_strings:  # nos-report may compare a run with itself
            raise argparse.ArgumentError(self, f"must name each once. Received twice: {shorten(str(twice[0]))}.")
        setattr(namespace, self.dest, tuple(values))


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
    choices = "".join(f", `{choice}`" for choice in choices_of(one) or ())
    cells = f"`{_spell(name, one)}`", one.help + choices.replace(",", ":", 1), _default_text(one, default)
    line = " | ".join(["", *(cell.replace("|", "\\|") for cell in cells), ""]).strip()
    return line.replace("|  |", "| |")  # no default


def _field_names(config: type) -> set:
    return {field.name for field in dataclasses.fields(config)}
