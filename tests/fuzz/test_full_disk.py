"""A disk that is full at any moment: a command says so in one line, and goes on when there is room again.

In place of a full disk no file may get larger than a certain size, for which nobody needs to be root.
"""

import shutil

import marks
import pytest
from children import run_with_room
from harness import judge
from small_searches import find, flags_of, search_on
from worlds import RUNGS, nothing_trained

from neural_optimizer_search.promotion import command as promotion
from neural_optimizer_search.report import command as report

pytestmark = pytest.mark.long

# A ledger has some 80 kB, its log 400, a checkpoint 2,000.
SIZES = (0, 8192, 65_536)
if marks.LONG:
    SIZES += (1, 100, 1000, 4096, 20_000, 32_768, 40_000, 50_000, 100_000, 200_000, 300_000, 500_000, 1_000_000)


def at_sizes(*sizes, enough):
    """Runs a test with each size, and whether it is less than enough for all files of its command."""
    return pytest.mark.parametrize(("size", "is_full"), [(size, size < enough) for size in sizes])


def run_full(main, flags, size, is_full):
    """Runs a command on a full disk, and then with room enough."""
    code, said = run_with_room(size, main, flags)
    assert code in (0, 1, 2) and not judge(code, said), (size, code, said)
    assert bool(code) == is_full, (size, code, said)
    with nothing_trained():
        assert main(flags) == 0


@at_sizes(*SIZES, enough=1_000_000)
def test_a_search(tmp_path, undisturbed, size, is_full):
    run_full(search_on, flags_of("evolution", tmp_path), size, is_full)
    assert find(tmp_path / "run") == undisturbed["evolution"]


@pytest.mark.slow
@at_sizes(
    *((100, 200_000, 500_000, 1_000_000, 1_900_000, 3_000_000) if marks.LONG else (1_000_000,)), enough=3_000_000
)
def test_a_search_with_checkpoints(tmp_path, undisturbed, size, is_full):
    run_full(search_on, flags_of("ppo", tmp_path), size, is_full)
    assert find(tmp_path / "run") == undisturbed["ppo"]


@at_sizes(*SIZES, enough=100_000)
def test_a_promotion(tmp_path, undisturbed, size, is_full):
    shutil.copytree(undisturbed["searched"], tmp_path / "run", ignore=shutil.ignore_patterns("promoted*"))
    run_full(promotion.main, [str(tmp_path / "run"), *RUNGS], size, is_full)
    assert find(tmp_path / "run" / "promoted-digits") == undisturbed["promotion"]


@at_sizes(*SIZES, enough=500_000)
def test_a_report(tmp_path, undisturbed, size, is_full):
    out = tmp_path / "report.html"
    flags = [str(undisturbed["searched"]), "--out", str(out)]
    assert report.main(flags) == 0
    whole = out.read_text()
    run_full(report.main, flags, size, is_full)
    assert out.read_text() == whole
