"""A command that is killed in the midst of a write, at any place, goes on to what an undisturbed one finds."""

import os
import random
import shutil

import marks
import pytest
from children import CHECKPOINT, KILLED, kill_at
from worlds import RUNGS, SMALL, nothing_trained, record

from neural_optimizer_search.promotion import command as promotion
from neural_optimizer_search.search import command as search

pytestmark = pytest.mark.long


def find(out):
    """What a command's ledgers hold."""
    return {path.name: record(path) for path in sorted(out.glob("*.sqlite"))}


def flags_of(algorithm, place):
    return [*SMALL, "--algorithm", algorithm, "--out", str(place / "run"), "--cache", str(place / "cache.sqlite")]


def search_on(flags):
    """Begins the search, or goes on with it."""
    out = flags[flags.index("--out") + 1]
    return search.main(["--resume", out] if os.path.exists(f"{out}/ledger.sqlite") else flags)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What each command finds that nobody kills."""
    place, found = tmp_path_factory.mktemp("undisturbed"), {}
    with nothing_trained():
        for algorithm in ("evolution", "ppo"):
            assert search_on(flags_of(algorithm, place / algorithm)) == 0
            found[algorithm] = find(place / algorithm / "run")
        searched = place / "evolution" / "run"
        assert promotion.main([str(searched), *RUNGS]) == 0
    return {**found, "promotion": find(searched / "promoted-digits"), "searched": searched}


def kill_and_go_on(main, flags, kills):
    """Kills the command again and again, and then lets it end; returns how many kills came to their place."""
    codes = [kill_at(place, count, main, flags) for place, count in kills]
    assert set(codes) <= {KILLED, 0}, (kills, codes)
    with nothing_trained():
        assert main(flags) == 0
    return codes.count(KILLED)


# The n-th time that a place is come to; a search of this size begins some 500 statements, and a promotion 200. At 86
# the ledger has an evaluation that the cache has not.
OF_SEARCH, OF_PROMOTION = (range(1, 480, 8), range(1, 190, 3)) if marks.LONG else ((31, 86), (31, 86))
CHECKPOINTS = (
    [(place, count) for place in CHECKPOINT for count in (1, 2, 6)] if marks.LONG else [("before the index", 2)]
)


@pytest.mark.parametrize("count", OF_SEARCH)
def test_at_a_statement(tmp_path, undisturbed, count):
    assert kill_and_go_on(search_on, flags_of("evolution", tmp_path), [("at a statement of SQLite", count)])
    assert find(tmp_path / "run") == undisturbed["evolution"]


@pytest.mark.parametrize("count", OF_PROMOTION)
def test_a_promotion_at_a_statement(tmp_path, undisturbed, count):
    shutil.copytree(undisturbed["searched"], tmp_path / "run", ignore=shutil.ignore_patterns("promoted*"))
    flags = [str(tmp_path / "run"), *RUNGS]
    assert kill_and_go_on(promotion.main, flags, [("at a statement of SQLite", count)])
    assert find(tmp_path / "run" / "promoted-digits") == undisturbed["promotion"]


@pytest.mark.parametrize("place", ["before a file has its name", "before a file is surely written"])
@pytest.mark.parametrize("count", (1, 2) if marks.LONG else (2,))
def test_before_a_file_is_there(tmp_path, undisturbed, place, count):
    assert kill_and_go_on(search_on, flags_of("evolution", tmp_path), [(place, count)])
    assert find(tmp_path / "run") == undisturbed["evolution"]


@pytest.mark.slow
@pytest.mark.parametrize(("place", "count"), CHECKPOINTS)
def test_in_a_checkpoint(tmp_path, undisturbed, place, count):
    assert kill_and_go_on(search_on, flags_of("ppo", tmp_path), [(place, count)])
    assert find(tmp_path / "run") == undisturbed["ppo"]


@marks.only_long("Twelve kills take a minute.")
@pytest.mark.slow
def test_in_many_checkpoints(tmp_path, undisturbed):
    rng = random.Random(1)
    kills = [(rng.choice(list(CHECKPOINT)), rng.randrange(1, 3)) for _ in range(12)]
    assert kill_and_go_on(search_on, flags_of("ppo", tmp_path), kills)
    assert find(tmp_path / "run") == undisturbed["ppo"]
