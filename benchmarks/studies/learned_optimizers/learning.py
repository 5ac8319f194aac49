"""Trainings by `nos-learn` and tuning of the baselines, each stored and not repeated."""

import concurrent.futures
import dataclasses
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from tqdm import tqdm

from benchmarks.studies import StudyFailed
from benchmarks.studies.common.kept import Kept
from benchmarks.studies.learned_optimizers import digits
from benchmarks.studies.learned_optimizers.comparison import ITERATIONS, USUAL
from neural_optimizer_search.l2o import saved
from neural_optimizer_search.l2o.baselines import BASELINES, tune
from neural_optimizer_search.l2o.config import GuidedPolicySearchConfig
from neural_optimizer_search.l2o.guided_policy_search import STARTS, TRAINING
from neural_optimizer_search.l2o.presets import FUNCTIONS, PRESETS
from neural_optimizer_search.l2o.trajectories import starts
from neural_optimizer_search.workers.placement import ONE_THREAD


class Job(NamedTuple):
    """One training by `nos-learn`."""

    family: str
    preset: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its directory."""
        kind = self.family if self.preset == USUAL else f"{self.family}-{self.preset}"
        return f"{kind}-seed{self.seed}"

    @property
    def flags(self) -> list[str]:
        """The flags of the command."""
        family = digits.NAMES.get(self.family, self.family)
        return ["--family", family, "--preset", self.preset, "--seed", str(self.seed)]


def learn_policy(job: Job, out: pathlib.Path, running: list[subprocess.Popen]) -> pathlib.Path:
    """Starts or resumes `nos-learn`, with its messages in a log file; returns the policy's file.

    Args:
      job: What to learn.
      out: Directory of all trainings.
      running: Receives the process, so that it can be ended.
    """
    directory = out / job.name
    begun = (directory / saved.CONFIG).exists()
    if begun:
        _require_same(job, directory)
    if saved.is_finished(directory):
        return directory / saved.POLICY
    flags = ["--resume", str(directory)] if begun else [*job.flags, "--out", str(directory)]
    environment = {**ONE_THREAD.environment, **os.environ}  # one thread for each training
    command = [sys.executable, "-m", "neural_optimizer_search.l2o.training", *flags]
    with open(out / f"{job.name}.log", "a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    running.append(process)
    if code := process.wait():
        raise subprocess.CalledProcessError(code, command)
    return directory / saved.POLICY


def _require_same(job, directory):
    """Raises a StudyFailed if a training was begun with other settings, such as those of another release."""
    count = FUNCTIONS.get(job.family, GuidedPolicySearchConfig.functions)
    wanted = GuidedPolicySearchConfig(functions=count, seed=job.seed, **PRESETS[job.preset])
    found = saved.load_config(directory).config
    for name, value in dataclasses.asdict(wanted).items():
        if (had := getattr(found, name)) != value:
            raise StudyFailed(
                f"{directory} was learned with {name} = {had!r}, and this study learns with {value!r}: move it away, "
                "or give another --out"
            )


def learn_all(jobs: Sequence[Job], out: pathlib.Path, workers: int) -> dict[Job, pathlib.Path]:
    """Runs all trainings; returns `Job` -> the policy's file, without those that failed, which it names.

    Raises:
      StudyFailed: If all trainings of a family with a preset failed.
    """
    out.mkdir(parents=True, exist_ok=True)
    running: list[subprocess.Popen] = []
    with concurrent.futures.ThreadPoolExecutor(workers) as pool, tqdm(total=len(jobs), unit="training") as bar:
        futures = {pool.submit(learn_policy, job, out, running): job for job in jobs}
        try:
            for _ in concurrent.futures.as_completed(futures):
                bar.update()
        except BaseException:  # if stopped, stops all trainings; each keeps what it has finished
            pool.shutdown(wait=False, cancel_futures=True)
            for process in running:
                process.terminate()
            raise
    found = {job: future.result() for future, job in futures.items() if not future.exception()}
    failed = {job: future.exception() for future, job in futures.items() if future.exception()}
    for job, error in failed.items():
        if not isinstance(error, subprocess.CalledProcessError):
            raise error
        print(f"left out, because its training failed; the reason is in {out / job.name}.log: {job.name}")
    if lost := {job[:2] for job in failed} - {job[:2] for job in found}:
        names = ", ".join(" ".join(one) for one in sorted(lost))
        raise StudyFailed(f"all trainings failed of {names}; the reasons are in {out}/*.log, the others are kept")
    return found


def tune_baselines(
    family: Any, count: int, path: pathlib.Path, names: Sequence[str] = tuple(BASELINES)
) -> dict[str, Any]:
    """Baseline -> its setting with the least mean value over `ITERATIONS` on the training functions of seed 0.

    Each result is stored in the file `path` and not tuned again.
    """
    kept = Kept(path)
    functions = family.sample(count, [0, TRAINING])
    start = starts(count, 1, family.dimension, [0, 0, STARTS])
    found = {}
    for name in tqdm(names, desc="tuning", leave=False):
        grid = {key: list(values) for key, values in BASELINES[name].grid.items()}
        of = dict(baseline=name, functions=count, iterations=ITERATIONS, grid=grid)
        found[name] = kept.get(of, lambda name=name: tune(name, functions, start, ITERATIONS))
    return found
