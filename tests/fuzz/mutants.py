"""What can happen to the files of a run: a table of small functions, each of which damages one.

A mutant's name is "subject/file/what was done to it": its randomness is seeded by the name, so each can be run alone.
"""

import random
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import damaged_json
import damaged_sqlite
from damaged_files import BYTES, PLACES, copy
from worlds import World, remove


class Mutant(NamedTuple):
    """One damaged thing.

    Attributes:
      name: Tells it from all others.
      subject: The directory whose part is damaged.
      damage: Does it, given the `World` and a `random.Random`; what it returns is called when the commands are done.
      kind: What decides which commands are run.
      believable: Why nobody can see it, so that what a command makes of it may differ from the healthy run; or "".
    """

    name: str
    subject: str
    damage: Callable[[World, random.Random], Any]
    kind: str = "run"
    believable: str = ""


# -- Files ------------------------------------------------------------------------------------------

# Files and directories of each subject: (name, where the same of somebody else's is, kind, which damages).
LEDGER = "ledger.sqlite"
EVERY = {**BYTES, **PLACES}
FILES = [
    ("evolution", LEDGER, "other", "run", EVERY),
    ("evolution", f"{LEDGER}-wal", "other", "run", EVERY),
    ("evolution", f"{LEDGER}-shm", "other", "run", EVERY),
    ("evolution", f"{LEDGER}-journal", "other", "run", EVERY),
    ("evolution", "ledger.lock", "other", "run", EVERY),
    ("evolution", f".{LEDGER}.unfinished", "other", "run", PLACES),
    ("evolution", "leaderboard.txt", "other", "run", PLACES),
    ("evolution", ".leaderboard.txt.unfinished", "other", "run", PLACES),
    ("evolution", "report.html", "other", "run", PLACES),
    ("evolution", ".report.html.unfinished", "other", "run", PLACES),
    ("evolution", "tensorboard", "other", "run", PLACES),
    ("evolution", "controller", "other", "run", PLACES),
    ("evolution", "", "other", "run", PLACES),
    ("ppo", "controller", "other-ppo", "checkpoint", PLACES),
    ("ppo", "controller/checkpoint", "other-ppo", "checkpoint", EVERY),
    ("ppo", "controller/.checkpoint.unfinished", "other-ppo", "checkpoint", PLACES),
    ("ppo", "controller/newest.index", "other-ppo", "checkpoint", EVERY),
    ("ppo", "controller/newest.data-00000-of-00001", "other-ppo", "checkpoint", EVERY),
    ("ppo", "controller/oldest.index", "other-ppo", "checkpoint", EVERY),
    ("ppo", "controller/oldest.data-00000-of-00001", "other-ppo", "checkpoint", EVERY),
    ("promoted", "promotion.json", "other", "promotion", EVERY),
    ("promoted", ".promotion.json.unfinished", "other", "promotion", PLACES),
    ("promoted", "rung1.sqlite", "other", "promotion", EVERY),
    ("promoted", LEDGER, "other", "promotion", EVERY),
    ("promoted", f"{LEDGER}-wal", "other", "promotion", EVERY),
    ("promoted", "rung1.lock", "other", "promotion", PLACES),
    ("promoted", "leaderboard.txt", "other", "promotion", PLACES),
    ("promoted", ".leaderboard.txt.unfinished", "other", "promotion", PLACES),
    ("promoted", "", "other", "promotion", PLACES),
    ("evolution", "cache", "other", "cache", EVERY),
    ("evolution", "cache-wal", "other", "cache", EVERY),
    ("evolution", "cache-shm", "other", "cache", EVERY),
    ("evolution", "cache-journal", "other", "cache", PLACES),
]


def _find(world, subject, name):
    """Where a file of `FILES` is."""
    if name.startswith("cache"):
        cache = world.cache_of(subject)
        return cache.with_name(cache.name + name.removeprefix("cache"))
    path = world.here / subject / name
    which, _, ending = path.name.partition(".")
    if which in ("newest", "oldest"):
        saved = sorted(path.parent.glob("ckpt-*.index"), key=lambda one: int(one.stem.removeprefix("ckpt-")))
        if saved:
            return saved[-1 if which == "newest" else 0].with_suffix(f".{ending}")
    return path


def _find_stranger(world, subject, owner, name):
    """The same file of somebody else, or another file of theirs if they have none such."""
    path = _find(world, owner, name)
    # A cache may be shared; no other file of a run may.
    return path if path.exists() and not name.startswith("cache") else world.here / owner / LEDGER


def _file_mutants():
    for subject, name, owner, kind, damages in FILES:
        for what, damage in damages.items():

            def apply(world, rng, subject=subject, name=name, owner=owner, damage=damage):
                damage(_find(world, subject, name), rng, _find_stranger(world, subject, owner, name))

            yield Mutant(f"{subject}/{name or 'directory'}/{what}", subject, apply, kind)


# -- What the SQLite files and the JSON files hold -------------------------------------------------

# (subject, file, kind, table of damages, which share of them is tried: all would take an hour).
DATABASES = [
    ("evolution", LEDGER, "run", damaged_sqlite.values(damaged_sqlite.COLUMNS), 0.12),
    ("evolution", LEDGER, "run", damaged_sqlite.CONFIG, 0.2),
    ("evolution", LEDGER, "run", damaged_sqlite.LEDGER, 0.7),
    ("ppo", LEDGER, "checkpoint", damaged_sqlite.LEDGER, 0.05),
    ("promoted", "rung1.sqlite", "promotion", damaged_sqlite.values(damaged_sqlite.IN_RUNG), 0.04),
    ("promoted", "rung1.sqlite", "promotion", damaged_sqlite.LEDGER, 0.1),
    ("promoted", LEDGER, "promotion", damaged_sqlite.values(damaged_sqlite.IN_RUNG), 0.04),
    ("promoted", LEDGER, "promotion", damaged_sqlite.LEDGER, 0.1),
    ("whole", LEDGER, "source", damaged_sqlite.values(damaged_sqlite.COLUMNS), 0.02),
    ("evolution", "cache", "cache", damaged_sqlite.values(damaged_sqlite.CACHE_COLUMNS), 0.08),
    ("evolution", "cache", "cache", damaged_sqlite.CACHE, 0.3),
    ("promoted", "promotion.json", "promotion", damaged_json.PROMOTION, 0.4),
]


def _content_mutants():
    for subject, name, kind, table, share in DATABASES:
        for what, damage in table.items():
            if random.Random(f"{subject} {name} {what}").random() < share:

                def apply(world, rng, subject=subject, name=name, damage=damage):
                    return damage(_find(world, subject, name), rng)

                yield Mutant(f"{subject}/{name}/{what}", subject, apply, kind)


# -- Backups that were put back in part ------------------------------------------------------------


def _put_back(name, *patterns):
    """Puts files of some steps before in the place of today's."""

    def damage(world, rng):
        for pattern in patterns:
            for path in (world.here / name).glob(pattern):
                remove(path)
            for path in (world.earlier / name).glob(pattern):
                copy(world.here / name / path.relative_to(world.earlier / name), path)

    return damage


def _give(path, owner):
    def damage(world, rng):
        remove(world.here / path)
        copy(world.here / path, world.here / owner)

    return damage


BACKUPS = [
    Mutant("ppo/the ledger is older than the checkpoints", "ppo", _put_back("ppo", f"{LEDGER}*"), "checkpoint"),
    Mutant("ppo/the checkpoints are older", "ppo", _put_back("ppo", "controller"), "checkpoint"),
    Mutant("ppo/both are older", "ppo", _put_back("ppo", "controller", f"{LEDGER}*"), "checkpoint"),
    Mutant("ppo/the checkpoints are another's", "ppo", _give("ppo/controller", "other-ppo/controller"), "checkpoint"),
    Mutant("evolution/the ledger is older", "evolution", _put_back("evolution", f"{LEDGER}*")),
    Mutant("evolution/it has checkpoints", "evolution", _give("evolution/controller", "ppo/controller")),
]


# -- What nobody can see ---------------------------------------------------------------------------

# Why what a command makes of these may differ from what it makes of the healthy run; the name of each is matched.
BELIEVABLE = {
    "evolution/(ledger.sqlite|directory)/(link to )?another's": "It is another run, whole.",
    ".*/(the ledger is|both are) older": "So was the run once; but the cache knows what it measured later.",
    ".*-wal/": "SQLite takes a log that ends early for one that a kill has cut.",
    ".*(sqlite|cache)/bits flipped": "SQLite's pages have no checksum.",
    ".*/a candidate (fewer|more|is missing)|.*/a candidate's (rank|reward) is zero": "So may a promotion have begun.",
    "promoted/.*/(evaluations are doubled|key of evaluations)": "A rung may have measured more.",
    "(evolution|ppo)/.*/(evaluations are doubled|key of evaluations)": "Only the screen knows which key a rule has.",
    "promoted/.*/reward of evaluations is zero": "A rule may be worth nothing.",
    ".*/(the last sample is missing|step of samples is zero)": "A step may have so many.",
    ".*/no --": "A run of before a flag was there has none of it, and goes on with its default.",
    "evolution/.*/roles are exchanged": "A search may have found a known optimizer.",
    ".*/staleness of samples is the largest": "A batch may have waited for any number of others.",
}


def _all():
    found = [*_file_mutants(), *_content_mutants(), *BACKUPS]
    assert len({mutant.name for mutant in found}) == len(found)
    return [one._replace(believable=_find_reason(one.name)) for one in found]


def _find_reason(name):
    return next((reason for pattern, reason in BELIEVABLE.items() if re.match(pattern, name)), "")


MUTANTS = _all()
