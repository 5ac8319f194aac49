"""Records the flags of a run, and decides which of them apply when it is resumed."""

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from typing import Any, TypeVar

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import Parser, quote, shorten
from neural_optimizer_search.files import Damaged

Config = TypeVar("Config")


def record(config: Any) -> dict[str, Any]:
    """The part of a configuration that a run records, as a JSON-able dict."""
    kept = {name for name, (one, _) in flags.flags_of(type(config)).items() if one.recorded}
    return {name: value for name, value in dataclasses.asdict(config).items() if name in kept}


def complete(config: type, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Completes a run's record with values for the flags that its release lacked; the record may be anything.

    Converts JSON's lists to tuples, and also single values from releases in which a flag did not take several words.
    """
    known = flags.flags_of(config)
    earlier = {name: one.earlier for name, (one, _) in known.items() if one.earlier is not None}
    several = {name for name, (one, _) in known.items() if one.is_tuple}
    return {**earlier, **{name: _as_tuple(value) if name in several else value for name, value in recorded.items()}}


def _as_tuple(value):
    if value is None:
        return None
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def changed_on_resume(
    p: Parser, config: type[Config], given: Mapping[str, Any], recorded: Mapping[str, Any], made_here: bool = True
) -> Config:
    """The recorded configuration, updated with the flags given now.

    Ends the command if a flag may not change, or if the run names something on this machine that must be confirmed.

    Args:
      p: The command's parser.
      config: The dataclass.
      given: The values given now, by the field's name.
      recorded: The run's record, checked by `check_recorded`.
      made_here: Whether the run was made here: see `origin.is_made_here`.
    """
    known, recorded = flags.flags_of(config), complete(config, recorded)
    for name in sorted(given.keys() & known.keys()):
        one, default = known[name]
        if one.recorded and not one.changeable and given[name] != recorded.get(name, default):
            _refuse_change(p, config, name, recorded)
    believed = recorded if made_here else _without_local(p, config, given, recorded)
    return flags.configure(config, {**believed, **given})


def _refuse_change(p, config, name, recorded):
    kept = f" ({flags.tell(recorded[name])})" if name in recorded else ""
    may_change = sorted(
        flags.spell(config, name) for name, (one, _) in flags.flags_of(config).items() if one.changeable
    )
    only = f" Only {', '.join(may_change)} may change." if may_change else ""
    word = flags.spell(config, name)
    p.error(f"argument {word}: not allowed with --resume: a resumed run keeps its own{kept}.{only}")


def _without_local(p, config, given, recorded):
    """The record of a run that was made elsewhere, without values that name something on this machine."""
    believed = dict(recorded)
    for name, (one, default) in flags.flags_of(config).items():
        value, word = recorded.get(name, default), flags.spell(config, name)
        values = value if isinstance(value, tuple) else (value,)
        if name in given or value == default or not any(map(one.is_local, values)):
            continue
        by_whom = "was made by another user, on another machine or in another directory"
        if not one.changeable:
            code, words = shorten(flags.tell(value)), " ".join(map(quote, values))
            p.error(
                f"argument {word}: the run {by_whom}, and resuming it runs the code of {code}. "
                f"If you trust that code, say so with {word} {words}"
            )
        instead = f"{flags.tell(default)}, not {shorten(flags.tell(value))} as recorded"
        print(f"{p.prog}: the run {by_whom}: {word} is {instead}.", file=sys.stderr)
        believed[name] = default
    return believed


def check_recorded(config: type, recorded: Any) -> None:
    """Checks that a command with these flags can have made a record.

    Args:
      config: The dataclass.
      recorded: The record from a file; it may be anything.

    Raises:
      Damaged: If the command cannot have made it; the message says what is wrong.
    """
    known = flags.flags_of(config)
    if not isinstance(recorded, dict):
        raise Damaged("its configuration is not a table of names and values.")
    unknown = sorted(set(recorded) - set(known))
    if unknown:
        raise Damaged(f"its configuration has {shorten(unknown[0])!r}, which is none of this command's flags.")
    for name, value in recorded.items():
        if not _is_allowed(*known[name], value):
            raise Damaged(f"its configuration has {shorten(flags.tell(value))} for {flags.spell(config, name)}.")


def _is_allowed(one, default, value):
    """Whether this value can come from the command line or the default."""
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if value is None:
        return default is None or one.may_be_none
    if one.is_tuple and isinstance(value, (list, tuple)):
        return bool(value or one.nargs == "*") and all(_is_allowed_word(one, each) for each in value)
    return _is_allowed_word(one, value)


def _is_allowed_word(one, value):
    """Whether this value, or this element of a tuple, can come from a word on the command line."""
    try:
        parsed = one.parse(str(value))
    except (argparse.ArgumentTypeError, ValueError, TypeError):
        return False
    choices = flags.choices_of(one)
    return type(parsed) is type(value) and parsed == value and (choices is None or value in choices)
