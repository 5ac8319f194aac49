"""`nos-search`: the training binary. Configuration, ledger, workers, algorithm, loop, report."""

import contextlib
import dataclasses
import datetime
import importlib.metadata
import platform
import sqlite3
import sys
from pathlib import Path

import tensorflow as tf

from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.records.cache import EvaluationCache
from neural_optimizer_search.records.ledger import InUse, Ledger
from neural_optimizer_search.search.evolution import Evolution, EvolutionConfig
from neural_optimizer_search.search.exhaustive import Exhaustive
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.leaderboard import leaderboard
from neural_optimizer_search.search.loop import EvaluationRecorder, screen_nothing, search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.tasks import UnknownTask, find_task
from neural_optimizer_search.workers.pool import TaskFailed
from neural_optimizer_search.workers.processes import ProcessExecutor
from neural_optimizer_search.workers.ray_workers import RayMissing, ray_executor
from tf_agents_env import flags
from tf_agents_env.checkpoints import OtherCheckpoint
from tf_agents_env.controllers import CONTROLLERS, Controller
from tf_agents_env.progress import Bar, write_scalars

LEDGER = "ledger.sqlite"
CONTROLLER_NAMES = {"ppo": "PPO", "reinforce": "REINFORCE", "trpo": "TRPO"}
# Strings a step; the screen lets some pass, which then keep the workers busy together.
RANDOM_BATCH = 20
EXHAUSTIVE_BATCH = 1000
# With --async: one in work and one that waits, so that no worker ever does.
RULES_A_WORKER = 2
LEAST_TIMEOUT = 60
STOPPED = 130  # the shell's code for Ctrl-C


def main(argv=None):
    """Runs a search from the command line; returns the exit code."""
    p = flags.parser()
    given = vars(p.parse_args(argv))
    config, out, ledger = _resumed(p, given) if "resume" in given else _new(p, given)
    try:
        _run(config, out, ledger)
    except KeyboardInterrupt:
        print(f"\nStopped. What was measured is kept. Go on with: nos-search --resume {out}")
        return STOPPED
    except (TaskFailed, UnknownTask, RayMissing) as error:
        p.error(str(error))
    except ConnectionError as error:
        p.error(f"argument --ray_address: {config.ray_address}: no Ray cluster answers: {error}")
    except OtherCheckpoint as error:
        p.error(f"argument --resume: {error} Go on with the release that wrote it.")
    except (OSError, sqlite3.OperationalError, tf.errors.OpError) as error:
        _fail(f"cannot go on: {error}. When that is mended: nos-search --resume {out}")
        return 1
    finally:
        ledger.close()
    return 0


def _fail(message):
    print(f"nos-search: {message}", file=sys.stderr)


def _new(p, given):
    config = flags.new_config(p, given)
    now = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    task = config.task.replace(":", ".")
    out = given.get("out") or Path("runs", f"{task}-{config.algorithm}-seed{config.seed}-{now}")
    if (out / LEDGER).exists():
        p.error(f"argument --out: {out} holds a run. Use --resume {out}, or another directory.")
    try:
        out.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(out / LEDGER, flags.record(config))
    except (OSError, sqlite3.OperationalError) as error:
        p.error(f"argument --out: cannot write to {out}: {error}")
    return config, out, ledger


def _resumed(p, given):
    out = given["resume"]
    try:
        ledger = Ledger(out / LEDGER)
    except InUse as error:
        p.error(f"argument --resume: {error} Wait for it, or stop it.")
    except (FileNotFoundError, ValueError, sqlite3.DatabaseError) as error:
        p.error(f"argument --resume: {out} is not a run: {error}")
    try:
        return flags.resumed_config(p, given, ledger.config), out, ledger
    except SystemExit:
        ledger.close()
        raise


def _algorithm(config, space, out, ledger):
    """(what it is called, the algorithm)."""
    if config.algorithm in CONTROLLERS:
        settings = CONTROLLERS[config.algorithm][config.preset]
        name = f"{CONTROLLER_NAMES[config.algorithm]} ({config.preset})"
        return name, Controller(space, settings, config.seed, out / "controller")
    return {
        "random": lambda: ("Random search", RandomSearch(space, RANDOM_BATCH, config.seed, ledger.steps)),
        "evolution": lambda: (
            "Regularized evolution",
            Evolution(space, EvolutionConfig(), config.seed, ledger.samples()),
        ),
        "exhaustive": lambda: (
            "Exhaustive search",
            Exhaustive(space, EXHAUSTIVE_BATCH, ledger.steps),
        ),
    }[config.algorithm]()


def _run(config, out, ledger):
    task = find_task(config.task)
    protocol = task.protocols[config.protocol]
    if config.seeds_per_rule:
        protocol = dataclasses.replace(protocol, seeds=tuple(range(config.seeds_per_rule)))
    space = search_space(config.space, config.depth)
    if config.unconstrained:
        space = space.unconstrained()
    with contextlib.ExitStack() as stack:
        executor = stack.enter_context(_executor(config, task, protocol))
        ledger.add_versions(_versions())
        parts = dict(
            screen=Screen() if config.screens else screen_nothing,
            cache=_cache(config, task, protocol, stack),
        )
        who, algorithm = _algorithm(config, space, out, ledger)
        print(
            f"{who} over {space.name} at depth {space.depth} ({space.size:.2g} strings), {config.task}/"
            f"{config.protocol}, seed {config.seed}, "
            f"{executor.workers} worker{'s' * (executor.workers > 1)} -> {out}",
            flush=True,
        )
        with Bar(len(KNOWN_OPTIMIZERS), "known optimizers") as bar:
            score = EvaluationRecorder(executor, ledger, **parts, on_evaluation=lambda e: bar.advance(e, score.best))
            score(KNOWN_OPTIMIZERS.values(), role="baseline")
        executor.timeout = config.timeout or _timeout(ledger)
        with Bar(config.budget, "rules") as bar:
            score = EvaluationRecorder(executor, ledger, **parts, on_evaluation=lambda e: bar.advance(e, score.best))
            bar.start(score.trained)
            writer = tf.summary.create_file_writer(str(out / "tensorboard"))
            ahead = RULES_A_WORKER * executor.workers if config.asynchronous else 0
            for step in search(algorithm, score, ledger, config.budget, ahead):
                write_scalars(writer, step, algorithm.metrics)
                bar.count(ledger.counts())
                if not config.budget:  # as many as there will be if the rest is like what was proposed
                    bar.tqdm.total = round(bar.tqdm.n / algorithm.metrics["share_proposed"])
    _report(out, ledger, config)


def _executor(config, task, protocol):
    if config.executor == "ray":
        return ray_executor(task, protocol, config.data_dir, config.workers, config.ray_address)
    return ProcessExecutor(task, protocol, config.data_dir, config.workers)


def _timeout(ledger):
    """Seconds for a rule: what the known optimizers take tells of the task and the machine."""
    slowest = max((evaluation.seconds for evaluation in ledger.evaluations("baseline")), default=0.0)
    return max(LEAST_TIMEOUT, 10 * slowest)


def _versions():
    names = ("neural-optimizer-search", "tensorflow", "tf-agents", "keras", "numpy")
    found = {name: _version(name) for name in names}
    return {"python": platform.python_version(), **{name: version for name, version in found.items() if version}}


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return None


def _cache(config, task, protocol, stack):
    # The cache knows nothing of the code of a user's module, which may change between searches.
    if config.cache == flags.NO_CACHE or ":" in config.task:
        return None
    path = Path(config.cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(contextlib.closing(EvaluationCache(path, task, protocol)))


def _report(out, ledger, config):
    found = ledger.evaluations("search")
    table = leaderboard(found, ledger.evaluations("baseline"))
    (out / "leaderboard.txt").write_text(table + "\n")
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
