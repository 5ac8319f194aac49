"""`nos-search`: searches for an update rule; an algorithm proposes, children are trained, a ledger remembers."""

import contextlib
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import tensorflow as tf

from neural_optimizer_search import flags
from neural_optimizer_search.command_line import MissingPackage, require
from neural_optimizer_search.file_lock import Moved
from neural_optimizer_search.files import Damaged, write_whole
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.run_directory import (
    CONTROLLER,
    LEADERBOARD,
    STOPPED,
    TENSORBOARD,
    find_versions,
)
from neural_optimizer_search.search.algorithm import StateLost
from neural_optimizer_search.search.checking import check_run
from neural_optimizer_search.search.config import NO_CACHE, RunConfig, SearchConfig
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.leaderboard import format_leaderboard
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.opening import open_new, open_old
from neural_optimizer_search.search.progress import RuleBar, write_scalars
from neural_optimizer_search.search.recorder import EvaluationRecorder, pass_every_rule
from neural_optimizer_search.search.registry import (
    SearchSetting,
    find_algorithm,
    title_of,
)
from neural_optimizer_search.search.timeout import find_timeout
from neural_optimizer_search.tasks import UnknownTask
from neural_optimizer_search.workers.executor import TaskFailed

# With --async: one in work and one that waits, so that no worker ever does.
RULES_PER_WORKER = 2


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs a search from the command line; returns the exit code."""
    p = flags.build_parser("nos-search", __doc__, SearchConfig, RunConfig)
    given = vars(p.parse_args(argv))
    if "check" in given:
        whole, sentence = check_run(given["check"])
        print(sentence)
        return 0 if whole else 1
    require(p, "search", "tqdm", "tensorboard")
    config, out, ledger = open_old(p, given) if "resume" in given else open_new(p, given)
    try:
        _run(config, out, ledger)
    except KeyboardInterrupt:
        print(f"\nStopped. What was measured is kept. Go on with: nos-search --resume {out}")
        return STOPPED
    except (TaskFailed, UnknownTask, MissingPackage) as error:
        p.error(str(error))
    except ConnectionError as error:
        p.error(f"argument --ray_address: {config.ray_address}: no Ray cluster answers: {error}")
    except StateLost as error:
        p.error(f"argument --resume: {error}")
    except Damaged as error:
        p.error(f"argument --resume: {out} is damaged: {error}")
    except Moved as error:
        where = f" Go on with: nos-search --resume {error.place.parent}" if error.place else ""
        print(f"nos-search: {error} What was measured is kept there.{where}", file=sys.stderr)
        return 1
    except (OSError, sqlite3.OperationalError, tf.errors.OpError) as error:
        message = f"cannot go on: {error}. When that is mended: nos-search --resume {out}"
        print(f"nos-search: {message}", file=sys.stderr)
        return 1
    finally:
        ledger.close()
    return 0


# -- The work --------------------------------------------------------------------------------------


def _run(config, out, ledger):
    task, protocol = config.find()
    space, who = config.make_space(), title_of(config.algorithm, config.preset)
    with contextlib.ExitStack() as stack:
        executor = stack.enter_context(config.open_executor(task, protocol, config.data_dir))
        ledger.add_versions(find_versions())
        screen = Screen() if config.screens else pass_every_rule
        cache = _open_cache(config, task.identity(protocol), stack)
        setting = SearchSetting(space, config.preset, config.seed, out / CONTROLLER, ledger)
        algorithm = find_algorithm(config.algorithm).make(setting)
        print(
            f"{who} over {space.name} at depth {space.depth} ({space.size:.2g} strings), {config.task}/"
            f"{config.protocol}, seed {config.seed}, "
            f"{executor.workers} worker{'' if executor.workers == 1 else 's'} -> {out}",
            flush=True,
        )
        _measure_known_optimizers(executor, ledger, screen, cache)
        executor.timeout = config.timeout or find_timeout(ledger.evaluations("baseline"))
        _search(config, out, algorithm, EvaluationRecorder(executor, ledger, screen, cache), ledger)
    _report(out, ledger, config)


def _measure_known_optimizers(executor, ledger, screen, cache):
    best = max((e.reward for e in ledger.evaluations("baseline")), default=0.0)
    with RuleBar(len(KNOWN_OPTIMIZERS), "known optimizers", best=best) as bar:
        recorder = EvaluationRecorder(executor, ledger, screen, cache, bar.show)
        recorder(KNOWN_OPTIMIZERS.values(), role="baseline")


def _search(config, out, algorithm, recorder, ledger):
    ahead = RULES_PER_WORKER * recorder.executor.workers if config.asynchronous else 0
    writer = tf.summary.create_file_writer(str(out / TENSORBOARD))
    with RuleBar(config.budget, "rules", recorder.trained, recorder.best) as bar:
        recorder.on_evaluation = bar.show
        for step in search(algorithm, recorder, ledger, config.budget, ahead):
            write_scalars(writer, step, algorithm.metrics)
            bar.count(ledger.counts())
            if not config.budget and algorithm.share:
                # As many as there will be if the rest is like what was proposed.
                bar.expect(round(bar.done / algorithm.share))


def _open_cache(config, identity, stack):
    # What has no identity is not shared: a user's module may change between searches.
    if config.cache == NO_CACHE or identity is None:
        return None
    path = Path(config.cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(contextlib.closing(EvaluationCache(path, identity)))


def _report(out, ledger, config):
    ledger.require_in_place()  # else the leaderboard would be written where the run no longer is
    found = ledger.evaluations("search")
    table = format_leaderboard(found, ledger.evaluations("baseline"))
    write_whole(out / LEADERBOARD, lambda unfinished: unfinished.write_text(f"{table}\n"))
    counts = ledger.counts()
    if config.budget and counts["trained"] < config.budget:
        print(
            f"Stopped at {counts['trained']} of {config.budget} rules: "
            f"{config.algorithm} proposes only what it has seen."
        )
    print(
        f"\n{table}\n\n{counts['sampled']} sampled: {counts['screened']} screened out, "
        f"{counts['repeated']} repeated, {counts['cached']} cached, {counts['trained']} trained, "
        f"of these {counts['diverged']} diverged and {counts['failed']} failed. Kept in {out}"
        f"\nAs a page to look at: nos-report {out}"
    )


if __name__ == "__main__":
    sys.exit(main())
