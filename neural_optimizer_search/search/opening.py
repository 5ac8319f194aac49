"""Opens the search that a command line means: a new one in its own directory, or one to resume."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import Parser, is_own
from neural_optimizer_search.dsl.composed import COMPOSED
from neural_optimizer_search.file_lock import InUse, Moved
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.origin import is_made_here
from neural_optimizer_search.recorded_flags import changed_on_resume, check_recorded, record
from neural_optimizer_search.records.ledger import SEARCH, Ledger, NotThisRun
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.records.run_directory import (
    CONTROLLER,
    LEADERBOARD,
    LEDGER,
    OF_SEARCH,
    TENSORBOARD,
    explain_no_resume,
    make_directory,
    require_free,
    require_own_files,
)
from neural_optimizer_search.search.config import SearchConfig, choose_defaults
from neural_optimizer_search.search.contradictions import check
from neural_optimizer_search.search.ended import forget_end, has_ended
from neural_optimizer_search.search.named_rules import find_starts
from neural_optimizer_search.search.recipes import ALWAYS, RECIPES
from neural_optimizer_search.search.registry import (
    UnknownAlgorithm,
    algorithm_names,
    default_algorithm,
    find_algorithm,
    find_usable_algorithm,
    preferred_algorithm,
    title_of,
)
from neural_optimizer_search.user_error import UserError

# Maximum length of several tasks in the name of a run's directory; a single task may be longer.
LONGEST_TASKS = 80


class OpenSearch(NamedTuple):
    """A search that is open for writing.

    Attributes:
      config: Its `SearchConfig`.
      out: Its directory.
      ledger: Its `Ledger`, which no other process can open for writing meanwhile.
    """

    config: SearchConfig
    out: Path
    ledger: Ledger


def follow_recipe(p: Parser, given: Mapping[str, Any]) -> dict[str, Any]:
    """Adds the flags that the recipe stands for to those on the command line, and prints them.

    Ends the command if it resumes a run, which keeps its own flags.
    """
    if "recipe" not in given:
        return dict(given)
    if "resume" in given:
        p.error("argument --recipe: not allowed with --resume: a resumed run keeps the flags that it began with.")
    recipe = RECIPES[given["recipe"]]
    others = [
        f"{flags.spell(SearchConfig, name)} {flags.tell(given[name])} in place of {flags.tell(value)}"
        for name, value in recipe.flags.items()
        if given.get(name, value) != value
    ]
    print(f"{recipe.paper}: {flags.command('nos-search', SearchConfig, recipe.flags)}")
    if others:
        print(f"Overridden by your flags: {'; '.join(others)}.")
    print(f"Chosen here, because the paper leaves it open: {recipe.chosen}.")
    print(f"Differences that no flag turns off: {ALWAYS}.", flush=True)
    # Composed forms have no depth.
    unused = {"depth"} if given.get("space") == COMPOSED else set()
    return {**{name: value for name, value in recipe.flags.items() if name not in unused}, **given}


def open_new(p: Parser, given: dict[str, Any]) -> OpenSearch:
    """Creates a search from the command line; ends the command if that is impossible."""
    if "algorithm" not in given:
        of = given.get("preset", SearchConfig.preset), given.get("task", SearchConfig.task)
        preferred, given["algorithm"] = preferred_algorithm(*of), default_algorithm(*of)
        if given["algorithm"] != preferred:
            print(f"{title_of(given['algorithm'])}, because {_explain_absence(preferred)}")
    try:
        defaults = choose_defaults(given, find_usable_algorithm(given["algorithm"]))
    except UnknownAlgorithm as error:
        p.error(f"argument --algorithm: {error}")
    config = flags.configure(SearchConfig, given, **defaults)
    check(config, p)
    start = find_start(p, config)
    out = given.get("out", Path("runs"))
    try:
        out = given.get("out") or _make_directory(config)
        require_free(p, out, "the run", (LEADERBOARD, CONTROLLER, TENSORBOARD), resumes=OF_SEARCH)
        out.mkdir(parents=True, exist_ok=True)
        require_own_files(out)
        try:
            ledger = Ledger(out / LEDGER, record(config), kind=SEARCH, start=start)
        except (FileExistsError, InUse):  # another process was faster
            p.error(f"argument --out: {out} holds a search that has just begun. Give another directory.")
    except (OSError, Damaged, sqlite3.Error) as error:
        p.error(f"argument --out: cannot write to {out}: {error}. Give another directory.")
    return OpenSearch(config, out, ledger)


def open_old(p: Parser, given: Mapping[str, Any]) -> OpenSearch:
    """Opens the search to resume; ends the command if there is none, or it is damaged."""
    out = given["resume"]
    if "out" in given:
        p.error("argument --out: not allowed with --resume: a resumed run stays in its directory.")
    with explain_no_resume(p, out, "a run"):
        require_own_files(out)
        try:
            ledger = Ledger(out / LEDGER, kind=SEARCH)
        except NotThisRun:
            p.error(f"argument --resume: {out} was not written by nos-search.")
    try:
        ledger.check_pages()  # before anything is written to it
        config = _read_config(p, given, out, ledger)
        ledger.run.set_config(record(config))
        if not has_ended(config, ledger):  # with these flags
            forget_end(ledger)
        return OpenSearch(config, out, ledger)
    except Moved as error:
        ledger.close()
        p.error(f"argument --resume: {error}")
    except Damaged as error:
        ledger.close()
        p.error(f"argument --resume: {out} is damaged: {error}")
    except sqlite3.OperationalError as error:
        ledger.close()
        p.error(f"argument --resume: {out} cannot be written now: {error}. It is intact; fix that, and try again.")
    except BaseException:  # however the command ends, it releases the ledger at once
        ledger.close()
        raise


def _read_config(p, given, out, ledger):
    """The configuration in the ledger, updated with the flags that were given."""
    try:
        recorded, origin = ledger.run.config, ledger.run.origin
        if isinstance(recorded.get("algorithm"), str):
            find_usable_algorithm(recorded["algorithm"])
        check_recorded(SearchConfig, recorded)
    except UnknownAlgorithm as error:
        p.error(f"argument --resume: the algorithm {error}")
    except Damaged as error:
        p.error(f"argument --resume: {out} is not a run: {error}")
    config = changed_on_resume(p, SearchConfig, given, recorded, is_made_here(origin, out))
    if "fresh_seeds" in given:
        _check_fresh_seeds(p, config.fresh_seeds, out, ledger)
    check(config, p, "Go on where its module is." if any(map(is_own, config.task)) else "")
    if config.batch_size != recorded.get("batch_size"):
        # Proposals that may be partly measured are proposed again, at the earlier size.
        ledger.change_batch_size(recorded.get("batch_size"), config.batches_ahead)
    return config


def _check_fresh_seeds(p, count, out, ledger):
    """Refuses fewer fresh seeds: earlier measurements are kept, so some rules would have more seeds than others."""
    measured = max((len(e.seeds) for e in ledger.fresh_evaluations().values()), default=0)
    if count < measured:
        p.error(
            f"argument --fresh_seeds: must be at least {measured}, with which {out} was measured. Received: {count}."
        )


def find_start(p: Parser, config: SearchConfig) -> list[Start]:
    """Finds the rules to start with; a run keeps them, whatever happens to their files later.

    Ends the command with one line if the flag does not name rules.
    """
    try:
        return find_starts(config.starts_with)
    except (OSError, UserError, sqlite3.Error) as error:
        p.error(f"argument --start: {error}")


def _explain_absence(name):
    try:
        return f"{name} needs {find_algorithm(name).missing}"
    except UnknownAlgorithm as error:
        # A checkout that is not installed has no entry points.
        return str(error) if name in algorithm_names() else f"{name} is not among the installed algorithms"


def _make_directory(config):
    tasks = "+".join(config.task).replace(":", ".")
    named = tasks if len(config.task) == 1 or len(tasks) <= LONGEST_TASKS else f"{len(config.task)}-tasks"
    return make_directory(f"{named}-{config.algorithm}-seed{config.seed}")
