"""Checks that the files of a search are complete and belong together, without writing or running anything."""

import contextlib
import math
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import is_own, shorten
from neural_optimizer_search.files import Damaged
from neural_optimizer_search.measuring.evaluation import FAILURES, MEASURED, Evaluation
from neural_optimizer_search.origin import is_made_here
from neural_optimizer_search.plurals import count_of
from neural_optimizer_search.recorded_flags import check_recorded, complete
from neural_optimizer_search.records.cache import read_rewards
from neural_optimizer_search.records.ledger import SEARCH, Ledger
from neural_optimizer_search.records.rows import check_parts
from neural_optimizer_search.records.run_directory import CONTROLLER, LEDGER, require_own_files, say_no_search
from neural_optimizer_search.search.anchors import Anchors
from neural_optimizer_search.search.config import NO_CACHE, SearchConfig
from neural_optimizer_search.search.prepared import join_identities
from neural_optimizer_search.search.registry import UnknownAlgorithm, find_algorithm
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.user_error import UserError

# The fields that a training with fresh seeds takes over from the search.
_KEPT = ("rule", "form", "learning_rate", "schedule", "weight_decay")


class Check(NamedTuple):
    """The result of a check of a run.

    Attributes:
      whole: Whether everything is in order.
      sentence: A report in one line.
    """

    whole: bool
    sentence: str


def check_run(out: Path) -> Check:
    """Checks the ledger, the algorithm's own files, and the cached rewards of the same rules.

    Args:
      out: The directory of a search, which may be running.
    """
    try:
        require_own_files(out)
        with contextlib.closing(Ledger(out / LEDGER, read_only=True, kind=SEARCH)) as ledger:
            found = [_check_ledger(ledger), _check_state(out, ledger), _check_cache(out, ledger)]
    except FileNotFoundError as error:
        return Check(False, say_no_search(out, error))
    except (OSError, sqlite3.OperationalError) as error:
        return Check(False, f"{out} cannot be checked now: {error}")
    except (UserError, sqlite3.Error) as error:
        return Check(False, f"{out} is damaged, or no search: {error}")
    return Check(True, f"{out} is intact: {', '.join(filter(None, found))}.")


def _check_ledger(ledger):
    ledger.check_pages()
    check_recorded(SearchConfig, ledger.run.config)
    evaluations, samples = ledger.evaluations(), ledger.samples()
    # Reading a row checks it.
    _ = (
        ledger.run.fingerprint,
        ledger.run.fingerprints,
        ledger.run.descent,
        ledger.run.start,
        ledger.run.end,
        ledger.tunings(),
    )
    _ = ledger.proposed, ledger.run.earlier_batch_sizes
    fresh = ledger.fresh_evaluations()
    _check_rewards([*evaluations, *fresh.values()])
    _check_parts([*evaluations, *fresh.values()], ledger.run.anchors)
    _check_fresh(fresh, {e.key: e for e in evaluations})
    tuned = sum(bool(e.form) for e in evaluations)
    proposed = sum(not sample.tuned for sample in samples)
    found = f"{len(evaluations) - tuned} rules measured, known optimizers included"
    found += f", {tuned} more measurements with tuned constants" if tuned else ""
    return f"{found}, and {proposed} proposed in {count_of(ledger.steps, 'step')}"


def _check_parts(evaluations: Sequence[Evaluation], anchors: Sequence[Evaluation]):
    """Checks that rules were measured on the anchors' tasks, in their order and with their scales."""
    scales = [(part.task, part.zero, part.one) for part in anchors[0].parts] if anchors else []
    for e in evaluations:
        check_parts(e)
        own = [(part.task, part.zero, part.one) for part in e.parts]
        is_whole = own == scales or e.status in FAILURES or e.status == "stopped" or not e.reward
        if own != scales[: len(own)] or not is_whole:
            raise Damaged(f"{e.rule.formula():.100} was not measured on the tasks of the run.")


def _check_rewards(evaluations: Sequence[Evaluation]):
    """Checks that each rule trained to the end has one reward per seed, and their mean as its reward."""
    for e in evaluations:
        if e.status in MEASURED and len(e.rewards) != len(e.seeds):
            raise Damaged(f"{e.rule.formula():.100} has {len(e.rewards)} rewards with {len(e.seeds)} seeds.")
        if (
            e.rewards
            and e.status != "stopped"
            and not math.isclose(e.reward, sum(e.rewards) / len(e.rewards), rel_tol=1e-9, abs_tol=1e-12)
        ):
            raise Damaged(f"the reward of {e.rule.formula():.100} is not the mean of its seeds' rewards.")


def _check_fresh(fresh, seen):
    """Checks that trainings with fresh seeds used the settings of the search."""
    for key, e in fresh.items():
        as_seen = [getattr(seen.get(key), name, None) == getattr(e, name) for name in _KEPT]
        if not all(as_seen) or e.status in ("screened", "stopped") or not e.seeds:
            raise Damaged(f"{e.rule.formula():.100} was trained with fresh seeds, but not as the search trained it.")


def _check_state(out, ledger):
    name = ledger.run.config["algorithm"]
    try:
        entry = find_algorithm(name)
    except UnknownAlgorithm:
        return f"the files of {name} cannot be checked, because it is not installed"
    if entry.check_state is None:
        return ""
    if entry.missing:
        return f"the files of {name} cannot be checked without {entry.missing}"
    return entry.check_state(out / CONTROLLER, ledger.run.id, ledger.steps)


def _check_cache(out, ledger):
    """Checks that the cache has the same rewards as the run for rules that the run measured to the end."""
    config = flags.configure(SearchConfig, complete(SearchConfig, ledger.run.config))
    if config.cache == NO_CACHE:
        return "no cache"
    if any(map(is_own, config.task)):
        return "the cache was not checked, because that would run your task's module"
    if not is_made_here(ledger.run.origin, out):
        return "the cache is where the run was made"
    try:
        identities = [task.identity(protocol) for task, protocol in config.find_each()]
    except (UnknownTask, KeyError):
        named = f"{shorten(flags.tell(config.task))} with the protocol {shorten(config.protocol)}"
        raise Damaged(f"there is no task {named}.") from None
    identity = join_identities(identities, Anchors(*ledger.run.anchors) if ledger.run.anchors else None)
    assert identity is not None  # a task of this package has one
    try:
        kept = read_rewards(Path(config.cache), identity)
    except FileNotFoundError:
        return f"no cache at {config.cache}"
    shared = [e for e in ledger.evaluation_rows() if e.key in kept and e.status in MEASURED]
    for e in shared:
        if kept[e.key] != e.reward:
            raise Damaged(f"the cache {config.cache} has another reward for {e.rule.formula():.100}.")
    return f"the cache agrees about {len(shared)} rules"
