"""The papers' experiments on any optimizers, each with one command.

    python -m benchmarks.run rosenbrock --scale small
    python -m benchmarks.run cifar_wrn --scale small --data_dir DATA --optimizers adam powersign-cd "sign(g) * m"
    python -m benchmarks.run all --scale smoke

An optimizer is a name that `nos-optimizers` lists, a formula, or `run:RUN#1`, the best rule of a search; `@cosine`,
`@linear_cosine`, `@noisy_linear_cosine` or `@constant` after it sets the decay of its learning rate. Every finished
training is kept in OUT/EXPERIMENT-SCALE.jsonl and not repeated; `python -m benchmarks.report` makes tables and
pictures of them.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import json
import multiprocessing
import os
import pathlib
import runpy
import sys
from concurrent.futures.process import BrokenProcessPool

import tensorflow as tf
from neural_optimizer_search.workers.processes import WORKER_ENVIRONMENT, start_worker
from tqdm import tqdm

from benchmarks import report
from benchmarks.contenders import contender
from benchmarks.experiments import EXPERIMENTS, SCALES, experiment
from benchmarks.protocol import Records, compare, trial_count
from benchmarks.strategies import STRATEGIES
from neural_optimizer_search.command_line import Parser, whole_number

SCRIPTS = {
    "optimizer_step": "milliseconds and memory of a step of each optimizer",
    "evaluation_speed": "one traced training function against model.compile for each rule",
    "learned_optimizers": "Li & Malik's learned optimizers against hand-made ones",
    "search_algorithms": "PPO, evolution and random search on a table of all rules of depth 1",
}
ALL = "all"
OUT = pathlib.Path("runs", "benchmarks")
LISTED = (*EXPERIMENTS, f"{ALL} of these")


def main(argv=None):
    argv = sys.argv[1:] if argv is None else argv
    if argv and argv[0] in SCRIPTS:
        sys.argv[1:] = argv[1:]
        runpy.run_module(f"benchmarks.{argv[0]}", run_name="__main__")
        return 0
    p = Parser(
        "python -m benchmarks.run",
        description=__doc__.splitlines()[0],
        epilog="Also, with flags of their own: " + "; ".join(f"{name}: {what}" for name, what in SCRIPTS.items()),
    )
    p.add_argument("experiment", choices=(*EXPERIMENTS, ALL, *SCRIPTS), metavar="EXPERIMENT", help=", ".join(LISTED))
    p.add_argument("--scale", choices=SCALES, default="small", help="smoke: made-up data; small: for 2 cores")
    p.add_argument("--optimizers", nargs="+", metavar="NAME", help="default: the paper's")
    p.add_argument(
        "--seeds", type=whole_number(1), help="trainings at the chosen learning rate; default: the scale's"
    )
    p.add_argument("--data_dir", type=pathlib.Path, help="where the data sets are")
    p.add_argument("--out", type=pathlib.Path, default=OUT, help=f"for the results; default: {OUT}")
    p.add_argument("--strategy", choices=STRATEGIES, default="default", help="of tf.distribute")
    p.add_argument(
        "--workers", type=whole_number(1), default=1, help="trainings at once, each a process with one thread"
    )
    arguments = p.parse_args(argv)
    if arguments.workers > 1 and arguments.strategy != "default":
        p.error("argument --workers: must be 1 with a --strategy, which has workers of its own")
    figures = {}
    try:
        for name in EXPERIMENTS if arguments.experiment == ALL else (arguments.experiment,):
            figures[name] = run(name, arguments)
    except (ValueError, FileNotFoundError) as error:
        p.error(str(error))
    except BrokenProcessPool:
        print(f"{p.prog}: a worker died (out of memory?). Try fewer --workers: it goes on.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What is finished is kept; the same command goes on.", file=sys.stderr)
        return 130
    print(json.dumps(dict(scale=arguments.scale, experiments=figures)))
    return 0


def run(name, arguments):
    """Makes the trials of an experiment that are missing; prints its table and returns its figures."""
    module = experiment(name)
    setting = module.SETTINGS[arguments.scale]
    sweep = setting.sweep
    named = _named(arguments.optimizers or sweep.contenders, sweep.schedule)
    options = functools.partial(module.options, setting)
    records = Records(arguments.out / f"{name}-{arguments.scale}.jsonl", setting)
    if arguments.seeds:
        sweep = dataclasses.replace(sweep, seeds=arguments.seeds)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(tqdm(total=trial_count(sweep, named, options), unit="training", desc=name))
        train = _trainer(name, arguments, stack)

        def measure(trials):
            bar.update(len(records) - bar.n)  # what an earlier call has done
            for trial, result in train([(trial, named[trial.contender]) for trial in trials]):
                records.add(trial, result)
                bar.set_postfix_str(f"{trial.contender} {trial.learning_rate:.2g}: {result['best']}", refresh=False)
                bar.update()

        compare(sweep, list(named), options, module.METRIC, records, measure)
    return report.show(name, arguments.scale, records, list(named))


def _named(texts, schedule):
    try:
        found = [contender(text, schedule) for text in texts]
    except ValueError as error:
        raise ValueError(f"argument --optimizers: {error}") from None
    return {str(c): c for c in found}


def _trainer(name, arguments, stack):
    """A callable: (trial, contender) pairs -> (trial, result) pairs as they come, from here or from processes."""
    train = functools.partial(_train, name, arguments.scale, arguments.data_dir)
    if arguments.workers == 1:
        strategy = STRATEGIES[arguments.strategy]()
        return lambda jobs: ((job[0], train(*job, strategy)) for job in jobs)
    os.environ.update({k: v for k, v in WORKER_ENVIRONMENT.items() if k not in os.environ})
    context = multiprocessing.get_context("spawn")
    pool = stack.enter_context(concurrent.futures.ProcessPoolExecutor(arguments.workers, context, start_worker))
    # After Ctrl-C nothing waits for trainings whose result nobody will read.
    stack.callback(lambda: [process.terminate() for process in (pool._processes or {}).values()])

    def in_processes(jobs):
        futures = {pool.submit(train, *job): job[0] for job in jobs}
        for future in concurrent.futures.as_completed(futures):
            yield futures[future], future.result()

    return in_processes


def _train(name, scale, data_dir, trial, chosen, strategy=None):
    module = experiment(name)
    tf.keras.utils.set_random_seed(trial.seed)  # the order of shuffled data depends on it too
    return module.run(module.SETTINGS[scale], trial, chosen, data_dir, strategy or tf.distribute.get_strategy())


if __name__ == "__main__":
    sys.exit(main())
