"""Searches of a few rules that can be begun again, and what they find."""

import os

from worlds import SMALL, record

from neural_optimizer_search.search import command as search


def find(out):
    """What a command's ledgers hold."""
    return {path.name: record(path) for path in sorted(out.glob("*.sqlite"))}


def flags_of(algorithm, place):
    return [*SMALL, "--algorithm", algorithm, "--out", str(place / "run"), "--cache", str(place / "cache.sqlite")]


def search_on(flags):
    """Begins the search, or goes on with it."""
    out = flags[flags.index("--out") + 1]
    return search.main(["--resume", out] if os.path.exists(f"{out}/ledger.sqlite") else flags)
