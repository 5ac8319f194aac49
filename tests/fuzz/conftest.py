"""Random input: a little in `make test`, much in `make test-long`."""

import marks
import pytest
from small_searches import find, flags_of, search_on
from worlds import RUNGS, nothing_trained

from neural_optimizer_search.promotion import command as promotion

pytest_collection_modifyitems = marks.mark_below(__file__, pytest.mark.once)


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
