"""Runs the trials of an experiment in this process or in several."""

import concurrent.futures
import contextlib
import functools
import importlib
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Optional

import tensorflow as tf

from benchmarks.trials.contenders import Contender
from benchmarks.trials.experiment import Setting
from benchmarks.trials.processes import process_pool, set_environment
from benchmarks.trials.records import Records
from benchmarks.trials.strategies import STRATEGIES
from benchmarks.trials.trials import Trial

Jobs = Iterable[tuple[Trial, Contender]]
RunTrials = Callable[[Jobs], Iterator[tuple[Trial, dict[str, Any]]]]


@contextlib.contextmanager
def trial_runner(
    module: str, setting: Setting, data_dir: Optional[pathlib.Path], strategy: str, workers: int
) -> Iterator[RunTrials]:
    """Context manager for a callable: (trial, contender) pairs -> (trial, result) pairs as they finish.

    Args:
      module: Name of the experiment's module; each process imports it.
      setting: One of its settings.
      data_dir: The data directory.
      strategy: A name of `STRATEGIES`.
      workers: Number of concurrent trainings; if more than one, each is a process with one thread. If one fails, its
        error is raised when the others have finished.
    """
    run_one = functools.partial(_run_trial, module, setting, data_dir)
    if workers == 1:
        here = STRATEGIES[strategy]()
        yield lambda jobs: ((job[0], run_one(*job, here)) for job in jobs)
        return
    set_environment()
    with process_pool(workers) as pool:

        def run_in_processes(jobs):
            futures = {pool.submit(run_one, *job): job[0] for job in jobs}
            errors = []
            for future in concurrent.futures.as_completed(futures):
                try:
                    result = future.result()
                except Exception as error:
                    errors.append(error)
                else:
                    yield futures[future], result
            if errors:  # not before the others have finished, or their results would be lost
                raise errors[0]

        yield run_in_processes


def measure_trials(
    contenders: Mapping[str, Contender], records: Records, run_trials: RunTrials, bar: Any
) -> Callable[[list[Trial]], None]:
    """The `measure` argument of `compare`: runs the trials that have no record, stores each, and moves a tqdm bar.

    The bar counts each trial once it has a record, whether of this call or of an earlier one; so the records may also
    hold trials that this comparison does not ask for.

    Args:
      contenders: The contenders, by their names in the trials.
      records: Where to store the results.
      run_trials: The callable from `trial_runner`.
      bar: The tqdm bar, with the result of `count_trials` as its total.
    """

    def measure(trials: list[Trial]) -> None:
        missing = [trial for trial in trials if trial not in records]
        bar.update(len(trials) - len(missing))
        for trial, result in run_trials([(trial, contenders[trial.contender]) for trial in missing]):
            records.add(trial, result)
            bar.set_postfix_str(f"{trial.contender} {trial.learning_rate:.2g}: {result['best']}", refresh=False)
            bar.update()

    return measure


def _run_trial(module, setting, data_dir, trial, contender, strategy=None):
    experiment = importlib.import_module(module)
    tf.keras.utils.set_random_seed(trial.seed)  # the order of shuffled data depends on it too
    return experiment.run_trial(setting, trial, contender, data_dir, strategy or tf.distribute.get_strategy())
