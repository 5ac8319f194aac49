"""Whatever has happened to the files of a run, a command says so in one line or does what it would have done.

One mutant alone: NOS_LONG=1 pytest tests/fuzz/test_damaged_runs.py -k "rung1.sqlite/emptied"
"""

import random

import marks
import pytest
from harness import COMMANDS, run
from mutants import MUTANTS
from worlds import World

# What is run on each kind of mutant, and on which directory.
ON = {
    "run": ("nos-search --check", "nos-report", "nos-report --compare", "run:RUN#1", "nos-promote",
            "nos-search --resume"),
    "checkpoint": ("nos-search --check", "nos-search --resume"),
    "promotion": ("nos-report", "run:RUN#1", "nos-search --resume", "nos-promote again"),
    "source": ("nos-report", "run:RUN#1", "nos-promote"),
    "cache": ("nos-search --cache", "nos-search --resume with a cache"),
}  # fmt: skip
REFUSED = [("nos-search --resume", "promoted")]
CHOSEN = 10


def choose():
    if marks.LONG:
        return MUTANTS
    quick = [mutant for mutant in MUTANTS if mutant.kind != "checkpoint"]
    slow = [mutant for mutant in MUTANTS if mutant.kind == "checkpoint" and "another's" not in mutant.name]
    return [*random.Random(1).sample(quick, CHOSEN - 2), *random.Random(1).sample(slow, 2)]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"), with_controllers=marks.LONG)


@pytest.fixture(scope="module")
def healthy(world):
    """What each command finds in each subject, if nothing is damaged: computed when it is asked for first."""
    known = {}

    def find(command, subject):
        if (command, subject) not in known:
            world.set_back()
            ending = run(world, command, subject, None, lambda: ("", "nos-search: as ever"))
            assert (ending.code, ending.faults) == (2 if (command, subject) in REFUSED else 0, [])
            known[command, subject] = COMMANDS[command].result(world, subject) if ending.code == 0 else None
        return known[command, subject]

    return find


def test_a_kill_alone_does_no_harm(world, healthy):
    for name in ("evolution", "ppo"):
        assert healthy("nos-search --resume", name) == world.undisturbed[name]


@pytest.mark.long
@pytest.mark.parametrize("mutant", choose(), ids=lambda mutant: mutant.name)
def test_damaged(mutant, world, healthy, capfd, record_property):
    found = []
    for command in ON[mutant.kind]:
        expected = None if mutant.believable else healthy(command, mutant.subject)
        world.set_back()
        release = mutant.damage(world, random.Random(mutant.name))
        try:
            ending = run(world, command, mutant.subject, expected, capfd.readouterr)
        finally:
            if release:
                release()
        found += [(command, *fault) for fault in ending.faults]
        record_property("ending", [mutant.name, command, ending.faults])
    assert not found, "\n".join(" | ".join(fault) for fault in found)
