"""Commands that are stopped while they import what they need."""

import configparser
import importlib
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

import nos_commands

pytestmark = pytest.mark.once

ROOT = pathlib.Path(__file__).parent.parent
SLOW_IMPORT = """
import importlib, time, nos_commands

def import_slowly(module):
    print("importing", module, flush=True)
    time.sleep(60)

importlib.import_module = import_slowly
nos_commands.search()
"""


def read_scripts():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"]["console_scripts"].strip().splitlines()
    return dict(line.split(" = ") for line in lines)


def test_every_command_names_an_extra():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = config["options.extras_require"]
    assert {command.extra for command in nos_commands.COMMANDS.values() if command.extra} <= set(extras)


def test_every_command_leads_to_its_main(monkeypatch):
    modules = []

    def keep(module):
        modules.append(module)
        return sys.modules[__name__]

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(importlib, "import_module", keep)
    try:
        for name in nos_commands.COMMANDS:
            place = read_scripts()[name]
            module, _, function = place.partition(":")
            assert module == "nos_commands" and function == name.removeprefix("nos-")
            assert getattr(nos_commands, function)() == 7
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    monkeypatch.undo()
    assert all(callable(importlib.import_module(module).main) for module in modules)
    assert len(set(modules)) == len(nos_commands.COMMANDS)


def test_nos_lists_them(monkeypatch, capsys):
    assert read_scripts().keys() == {"nos", *nos_commands.COMMANDS}
    monkeypatch.setattr(sys, "argv", ["nos"])
    assert nos_commands.list_commands() == 0
    told = capsys.readouterr().out
    assert all(f"  {name} " in told for name in nos_commands.COMMANDS)
    monkeypatch.setattr(sys, "argv", ["nos", "search"])
    assert nos_commands.list_commands() == 2
    assert capsys.readouterr().err == "nos: it takes --help and --version alone. Received: search.\n"
    monkeypatch.setattr(sys, "argv", ["nos", "--help"])
    assert nos_commands.list_commands() == 0 and capsys.readouterr().out == told
    monkeypatch.setattr(sys, "argv", ["nos", "--version"])
    assert nos_commands.list_commands() == 0
    assert re.fullmatch(r"neural-optimizer-search \d+\.\d+.*\n", capsys.readouterr().out)


def test_a_reader_of_nos_may_stop_early():
    reading, writing = os.pipe()
    os.close(reading)
    words = [sys.executable, "-c", "import nos_commands as it, sys; sys.exit(it.list_commands())"]
    done = subprocess.run(words, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def main():
    return 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_during_the_imports(number):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW_IMPORT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().startswith("importing neural_optimizer_search")
    process.send_signal(number)
    assert process.communicate(timeout=30)[1] == "\nStopped.\n"
    assert process.returncode == 128 + number
