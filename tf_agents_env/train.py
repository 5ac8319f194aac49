"""`nos-search`: the training binary. Configuration, ledger, workers, algorithm, loop, report."""

import contextlib
import dataclasses
import datetime
import sqlite3
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import tensorflow as tf
from tqdm import tqdm

from neural_optimizer_search.dsl.space import search_space
from neural_optimizer_search.evaluation.cache import EvaluationCache
from neural_optimizer_search.evaluation.executors import ProcessExecutor
from neural_optimizer_search.evaluation.ledger import Ledger
from neural_optimizer_search.evaluation.screen import Screen
from neural_optimizer_search.search.baselines import BASELINES
from neural_optimizer_search.search.evolution import Evolution, EvolutionConfig
from neural_optimizer_search.search.exhaustive import Exhaustive
from neural_optimizer_search.search.leaderboard import leaderboard
from neural_optimizer_search.search.loop import Score, search, spelled
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.tasks import UnknownTask, find_task
from tf_agents_env import flags
from tf_agents_env.checkpoints import OtherCheckpoint
from tf_agents_env.controllers import CONTROLLERS, Controller

LEDGER = "ledger.sqlite"
CONTROLLER_NAMES = {"ppo": "PPO", "reinforce": "REINFORCE", "trpo": "TRPO"}
# Strings a step; the screen lets some pass, which then keep the workers busy together.
RANDOM_BATCH = 20
EXHAUSTIVE_BATCH = 1000
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
    except (FileNotFoundError, UnknownTask) as error:
        p.error(str(error))
    except OtherCheckpoint as error:
        p.error(f"argument --resume: {error} Go on with the release that wrote it.")
    except (OSError, sqlite3.OperationalError, tf.errors.OpError) as error:
        _fail(f"cannot go on: {error}. When that is mended: nos-search --resume {out}")
        return 1
    except BrokenProcessPool:
        _fail(f"a worker process died (out of memory?). Try fewer --workers: nos-search --resume {out}")
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
    except (FileNotFoundError, ValueError, sqlite3.DatabaseError) as error:
        p.error(f"argument --resume: {out} is not a run: {error}")
    return flags.resumed_config(p, given, ledger.config), out, ledger


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
        executor = stack.enter_context(ProcessExecutor(task, protocol, config.data_dir, config.workers))
        parts = dict(
            screen=Screen() if config.screens else spelled,
            cache=_cache(config, task, protocol, stack),
        )
        who, algorithm = _algorithm(config, space, out, ledger)
        print(
            f"{who} over {space.name} at depth {space.depth} ({space.size:.2g} strings), {config.task}/"
            f"{config.protocol}, seed {config.seed}, "
            f"{executor.workers} worker{'s' * (executor.workers > 1)} -> {out}",
            flush=True,
        )
        with _bar(len(BASELINES), "known optimizers") as bar:
            score = Score(executor, ledger, **parts, on_evaluation=lambda evaluation: bar.update())
            score(BASELINES.values(), role="baseline")
        with _bar(config.budget, "rules") as bar:
            score = Score(executor, ledger, **parts, on_evaluation=lambda e: _advance(bar, score.best, e))
            bar.update(score.trained)
            bar.unpause()
            writer = tf.summary.create_file_writer(str(out / "tensorboard"))
            for step in search(algorithm, score, ledger, config.budget):
                _write_scalars(writer, step, algorithm.metrics)
                if not config.budget:  # as many as there will be if the rest is like what was proposed
                    bar.total = round(bar.n / algorithm.metrics["share_proposed"])
    _report(out, ledger, config)


def _cache(config, task, protocol, stack):
    # The cache knows nothing of the code of a user's module, which may change between searches.
    if config.cache == flags.NO_CACHE or ":" in config.task:
        return None
    path = Path(config.cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    return stack.enter_context(contextlib.closing(EvaluationCache(path, task, protocol)))


def _bar(total, unit):
    # A terminal redraws the bar; a file gets a line now and then.
    return tqdm(
        total=total,
        mininterval=0.2 if sys.stderr.isatty() else 15,
        bar_format="{n_fmt}/{total_fmt} " + unit + " |{bar:20}| {elapsed}, {remaining} left{postfix}",
    )


def _advance(bar, best, evaluation):
    if not evaluation.cached:
        # The step that reaches the budget is finished, and may train more than the budget.
        bar.total = bar.total and max(bar.total, bar.n + 1)
        bar.update()
    rate = bar.format_dict["rate"]
    speed = f", {60 * rate:.0f} rules/min" if rate else ""
    bar.set_postfix_str(f"best {best:.4f}{speed}", refresh=False)


def _write_scalars(writer, step, metrics):
    rewards = [e.reward for e in step.evaluations]
    scalars = {
        "reward/mean": sum(rewards) / len(rewards),
        "reward/best_of_step": max(rewards),
        "reward/best": step.best,
        "rules/trained": step.trained,
        "rules/distinct_in_step": len({e.key for e in step.evaluations if e.key}),
        "rules/screened_in_step": sum(not e.key for e in step.evaluations),
        **{f"controller/{name}": value for name, value in metrics.items()},
    }
    with writer.as_default(step.number):
        for name, value in scalars.items():
            tf.summary.scalar(name, value)
    writer.flush()


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
        f"of these {counts['diverged']} diverged. Kept in {out}"
    )


if __name__ == "__main__":
    sys.exit(main())
