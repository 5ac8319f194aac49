"""`nos-search`: searches for update rules by training small networks with them.

examples:
  nos-search --budget 300                                on the shipped task `digits`
  nos-search --task my_module:my_task --describe         what a search of your own model would cost
  nos-search --task my_module:my_task --minutes 60
  nos-search --resume runs/first                         continues
"""

import sys
from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from neural_optimizer_search import console, flags
from neural_optimizer_search.command_line import MissingPackage, quote, require
from neural_optimizer_search.describe_error import describe_error
from neural_optimizer_search.file_lock import Moved
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.records.cache_file import NotACache
from neural_optimizer_search.records.run_directory import LEDGER, remove_unbegun
from neural_optimizer_search.search.algorithm import StateLost
from neural_optimizer_search.search.checking import check_run
from neural_optimizer_search.search.config import SearchConfig, choose_defaults
from neural_optimizer_search.search.contradictions import check, check_given
from neural_optimizer_search.search.cost import describe_each, make_plan
from neural_optimizer_search.search.description_table import format_tables
from neural_optimizer_search.search.opening import find_start, follow_recipe, open_new, open_old
from neural_optimizer_search.search.own_task import ChangedTask
from neural_optimizer_search.search.recipes import RECIPES
from neural_optimizer_search.search.registry import (
    FALLBACK,
    UnknownAlgorithm,
    find_algorithm,
    preferred_algorithm,
)
from neural_optimizer_search.search.run_config import RunConfig
from neural_optimizer_search.search.running import run_search
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.workers.executor import TaskFailed
from neural_optimizer_search.workers.placement import Misplaced, place_here
from neural_optimizer_search.workers.ray_workers import NoCluster


@console.command("nos-search")
def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs a search from the command line; returns the exit code."""
    p = flags.build_parser("nos-search", __doc__, SearchConfig, RunConfig)
    given = vars(p.parse_args(argv))
    if "check" in given:
        if len(given) > 1:
            p.error("argument --check: no other flag is allowed with it: it changes nothing.")
        whole, sentence = check_run(given["check"])
        print(sentence)
        return 0 if whole else 1
    check_given(p, given)
    given = follow_recipe(p, given)
    if given.get("describe"):
        return _describe(p, given)
    if "changed_task" in given and "resume" not in given:
        p.error("argument --changed_task: needs --resume RUN: a new run has no task from before.")
    require(p, "search", "tqdm", "tensorboard", "scipy")
    config, out, ledger = open_old(p, given) if "resume" in given else open_new(p, given)
    again = f"nos-search --resume {quote(out)}"
    console.goes_on(f"What was measured is kept. Go on with: {again}", f"When that is fixed: {again}")
    try:
        recipe = RECIPES.get(given.get("recipe", ""))
        run_search(config, out, ledger, may_change="changed_task" in given, recipe=recipe)
    except (TaskFailed, UnknownTask, MissingPackage, NoCluster, Misplaced, NotACache) as error:
        if "resume" not in given and not ledger.evaluations():
            ledger.close()
            remove_unbegun(out, LEDGER)
        p.error(f"argument --cache: {error}" if isinstance(error, NotACache) else str(error))
    except (StateLost, ChangedTask) as error:
        p.error(f"argument --resume: {error}")
    except Damaged as error:
        p.error(f"argument --resume: {out} is damaged: {error}")
    except Moved as error:
        where = f" Go on with: nos-search --resume {quote(error.place.parent)}" if error.place else ""
        print(f"nos-search: {error} {error.kept}{where}", file=sys.stderr)
        return 1
    except tf.errors.OpError as error:  # from a file, such as TensorBoard's
        raise OSError(describe_error(error)) from error
    finally:
        ledger.close()
    return 0


def _describe(p, given):
    """Prints what would be trained; returns the exit code."""
    for name in ("out", "resume", "changed_task"):
        if name in given:
            p.error(f"argument --{name}: not allowed with --describe, which says what a new run would train.")
    try:
        chosen = preferred_algorithm(given.get("preset", SearchConfig.preset), given.get("task", SearchConfig.task))
        entry = find_algorithm(given.setdefault("algorithm", chosen))
    except UnknownAlgorithm:  # a missing algorithm does not change what would be trained
        entry = find_algorithm(FALLBACK)
        given["algorithm"] = FALLBACK
    config = flags.configure(SearchConfig, given, **choose_defaults(given, entry))
    check(config, p)
    start = find_start(p, config)
    try:
        described, starting = describe_each(config)
    except TaskFailed as error:
        # A run would keep the traceback in a file of its directory, which there is none of here.
        print(error.traceback, end="", file=sys.stderr)
        p.error(str(error))
    workers = len(place_here(config.wanted).shares)
    print(format_tables(described, make_plan(config, entry, workers, len(start), starting)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
