"""Every flag of every command that takes a number or the name of a file, with what is none."""

import re

import pytest

from benchmarks.run import NAMES, load_command
from neural_optimizer_search.command_line import number
from neural_optimizer_search.flags import build_parser, flags_of, spell
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.promotion.config import OutConfig, PromotionConfig
from neural_optimizer_search.report.command import ReportConfig
from neural_optimizer_search.search.config import SearchConfig
from neural_optimizer_search.search.run_config import RunConfig

pytestmark = pytest.mark.once

CONFIGS = (SearchConfig, RunConfig, PromotionConfig, OutConfig, ReportConfig, GuidedPolicySearchConfig)
NO_NUMBERS = (
    "",
    " ",
    "x",
    "1e3",
    "٣",
    "²",
    "0x10",
    "1_0",
    "nan",
    "inf",
    "-inf",
    "9" * 5000,
    "1e-999999999",
    "-",
    "\0",
)


def configs():
    return [*CONFIGS, *(load_command(name).config for name in NAMES)]


def find_flags(names):
    """Of every command, the flags whose `parse` has one of these names."""
    return [
        (config, spell(config, name))
        for config in configs()
        for name, (one, _) in flags_of(config).items()
        if one.parse.__qualname__.partition(".")[0] in names and not one.positional
    ]


def say(config, flag, value, capsys):
    """What the command says of a value; empty if it takes it."""
    p = build_parser("nos-example", "", config)
    p._actions = [action for action in p._actions if action.option_strings]
    try:
        p.parse_args([f"{flag}={value}"])
    except SystemExit as stopped:
        assert stopped.code == 2
        error = capsys.readouterr().err
        assert error.startswith(f"nos-example: argument {flag}: ") and error.count("\n") == 1 and len(error) < 300
        return error
    return ""


def test_whole_numbers(capsys):
    flags = find_flags(["whole_number"])
    assert len(flags) > 40
    for config, flag in flags:
        for value in NO_NUMBERS:
            found = re.search(
                r"must be a whole number from (\d+) to (\d+)\. Received: ", say(config, flag, value, capsys)
            )
            assert found, (config, flag, value)
        least, most = map(int, found.groups())
        assert least < most and (most < 2**31)
        for value in (least - 1, most + 1, -(10**18), 10**18):
            assert "must be a whole number from" in say(config, flag, value, capsys), (config, flag, value)
        for value in (least, most):
            assert not say(config, flag, value, capsys), (config, flag, value)


def test_other_numbers(capsys):
    flags = find_flags(["number", "_share"])
    assert len(flags) == 7
    for config, flag in flags:
        zeros = () if flag in ("--constants", "--apart") else ("0", "1e-999999999")  # or none at all
        for value in ("", "x", "nan", "inf", "-1", *zeros, "9" * 5000, "1e999999999", "1/0", "\0"):
            assert " must be " in say(config, flag, value, capsys), (flag, value)
        assert not say(config, flag, 0.5, capsys)


def test_a_share_is_a_fraction_or_a_number(capsys):
    keep = flags_of(PromotionConfig)["keep"][0].parse
    assert [keep(text) for text in ("1/3", "0.3333333333333333", "2/7", "1e-3")] == [1 / 3, 1 / 3, 2 / 7, 1e-3]


def test_no_other_flag_has_a_number():
    for config in configs():
        for name, (one, default) in flags_of(config).items():
            if isinstance(default, (int, float)) and not isinstance(default, bool):
                assert one.parse.__qualname__.partition(".")[0] in ("whole_number", "number", "_share"), name


def test_names_of_files(capsys):
    flags = find_flags(["path", "path_text", "cache_file"])
    assert len(flags) > 15
    for config, flag in flags:
        for value in ("", "\0", "x" * 5000, "x/" * 3000):
            assert " must " in say(config, flag, value, capsys), (config, flag, value)
        assert not say(config, flag, "a/b", capsys)


def test_the_address_of_a_data_set_is_kept_as_it_was_written():
    assert flags_of(SearchConfig)["data_dir"][0].parse("gs://bucket/data") == "gs://bucket/data"


def test_number_has_limits():
    assert number(0.5, 2)("5e-1") == 0.5 and number(0.5, 2)("2") == 2.0
