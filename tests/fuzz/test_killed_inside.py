"""A command that is killed in the midst of a write, at any place, goes on to what an undisturbed one finds."""

import random
import shutil

import marks
import pytest
from children import CHECKPOINT, KILLED, kill_at
from small_searches import find, flags_of, search_on
from worlds import RUNGS, nothing_trained

from neural_optimizer_search.promotion import command as promotion

pytestmark = pytest.mark.long


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
