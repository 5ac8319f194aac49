"""Learned optimizers against hand-made ones on functions that neither has seen (Li & Malik 2017, Figures 1-5).

    python -m benchmarks.run learned_optimizers --workers 2

learns a policy for each family and seed with `nos-learn`, tunes every baseline on the training functions of seed 0,
and follows all of them for 100 iterations on 100 held-out functions. Trainings are kept in OUT and not repeated.
"""

import concurrent.futures
import csv
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
from neural_optimizer_search.workers.processes import WORKER_ENVIRONMENT
from tqdm import tqdm

from benchmarks import learned_figures
from benchmarks.curves import RESULTS, mean_interval
from benchmarks.margins import diverged, margins, share
from neural_optimizer_search.command_line import Parser, whole_number
from neural_optimizer_search.l2o import PredictedStepDescent, saved
from neural_optimizer_search.l2o.baselines import BASELINES, Counted, tune
from neural_optimizer_search.l2o.guided_policy_search import STARTS, TRAINING
from neural_optimizer_search.l2o.training import FUNCTIONS
from neural_optimizer_search.l2o.trajectories import capped, run, starts
from neural_optimizer_search.objectives import FAMILIES

LEARNED = "predicted step descent"
# The paper's four have no line search; the other set has all.
FIXED = ("gradient descent", "momentum", "conjugate gradient", "l-bfgs")
OTHERS = tuple(name for name in BASELINES if name not in FIXED)
ITERATIONS = 100
HELD_OUT = 100
TEST = 99  # its stream of random numbers; those of a training are `TRAINING`, `VALIDATION`, ...
GAUSSIANS = (5, 6, 8, 12)
SHOWN = (1, 5, 40, 100)
PICTURED = "logistic_2d"  # one training is enough for a picture of where it goes
OUT = pathlib.Path("runs", "learned_optimizers")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Values of every optimizer on the held-out functions of a family.

    Args:
      name: Of the family, with the number of Gaussians if it is another than in training.
      values: Optimizer -> `[F, ITERATIONS + 1]`; the learned one has a row of these for each seed, `[seeds, F, ..]`.
      evaluations: Optimizer -> computations of value and gradient an iteration, in the mean.
    """

    name: str
    values: dict
    evaluations: dict

    def margins(self, names):
        """Optimizer -> mean margins `[seeds, ITERATIONS + 1]` among these and the learned one."""
        others = {name: self.values[name] for name in names}
        each = [margins({LEARNED: values, **others}) for values in self.values[LEARNED]]
        return {name: np.stack([one[name] for one in each]) for name in (LEARNED, *names)}


def learn(family, seed, out):
    """Learns with `nos-learn`, or goes on; its messages are in a file beside. Returns the policy's file."""
    directory = out / f"{family}-seed{seed}"
    if saved.finished(directory):
        return directory / saved.POLICY
    begun = (directory / saved.CONFIG).exists()
    flags = ["--resume", directory] if begun else ["--family", family, "--seed", seed, "--out", directory]
    environment = {**WORKER_ENVIRONMENT, **os.environ}  # a thread for each training
    command = [sys.executable, "-m", "neural_optimizer_search.l2o.training", *map(str, flags)]
    with open(out / f"{family}-seed{seed}.log", "a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=environment)
    return directory / saved.POLICY


def learn_all(families, seeds, out, workers):
    """(family, seed) -> the policy's file."""
    out.mkdir(parents=True, exist_ok=True)
    jobs = [(family, seed) for family in families for seed in range(_trainings(family, seeds))]
    with concurrent.futures.ThreadPoolExecutor(workers) as pool, tqdm(total=len(jobs), unit="training") as bar:
        futures = {pool.submit(learn, *job, out): job for job in jobs}
        for _ in concurrent.futures.as_completed(futures):
            bar.update()
    return {job: future.result() for future, job in futures.items()}


def compare(name, family, policies, settings):
    """A `Comparison` on held-out functions of a family."""
    functions = family.sample(HELD_OUT, [0, TEST])
    start = starts(HELD_OUT, 1, family.dimension, [0, TEST, STARTS])
    learned = [run(functions, policy, start, ITERATIONS, history=policy.history) for policy in policies]
    values, evaluations = {LEARNED: np.stack([one.values[:, 0] for one in learned])}, {LEARNED: 1.0}
    for baseline, setting in settings.items():
        counted = Counted(functions)
        values[baseline] = BASELINES[baseline].run(counted, start, ITERATIONS, **setting).values[:, 0]
        evaluations[baseline] = counted.evaluations / HELD_OUT / (ITERATIONS + 1)
    return Comparison(name, values, evaluations)


def tuned(family, count, path, names=tuple(BASELINES)):
    """Baseline -> its setting with the least mean value over `ITERATIONS` on the training functions of seed 0.

    Each is kept in the JSON file `path`, and not tuned again.
    """
    functions = family.sample(count, [0, TRAINING])
    start = starts(count, 1, family.dimension, [0, 0, STARTS])
    found = json.loads(path.read_text()) if path.exists() else {}
    for name in tqdm([name for name in names if name not in found], desc="tuning", leave=False):
        found[name] = tune(name, functions, start, ITERATIONS)
        path.write_text(json.dumps(found))
    return {name: found[name] for name in names}


def figures(comparison, settings):
    """Optimizer -> what the table shows, for JSON."""
    fixed, every = comparison.margins(FIXED), comparison.margins(list(settings))
    ours, rng = comparison.values[LEARNED], np.random.default_rng(0)
    found = {}
    for name, values in comparison.values.items():
        by_seed = values if name == LEARNED else values[None]
        means = capped(by_seed).mean(axis=1)
        row = dict(setting=settings.get(name, {}), evaluations=comparison.evaluations[name])
        row["values"] = {t: [float(means[:, t].mean()), float(means[:, t].std())] for t in SHOWN}
        row["diverged"] = int(diverged(by_seed).sum())
        if name != LEARNED:
            among = fixed if name in FIXED else every
            row["share"] = [share(*pair) for pair in zip(among[LEARNED], among[name])]
            lead = capped(values)[:, -1] - capped(ours)[..., -1].mean(axis=0)
            row["lead"] = list(map(float, mean_interval(lead, rng)))
            # Where gradient descent stays, does the learned one?
            row["only_learned_diverged"] = int((diverged(ours) & ~diverged(values)).sum())
        found[name] = row
    return found


def table(title, found):
    """Markdown."""
    head = ["optimizer", "setting", *(f"value at {t}" for t in SHOWN), "computations", "diverged"]
    lines = [[*head, "learned one is ahead in", "its lead at 100"]]
    lines.append(["---"] * len(lines[0]))
    for name, row in found.items():
        setting = ", ".join(f"{key} {value:.3g}" for key, value in row["setting"].items() if value is not None)
        values = [f"{mean:.4f}" + f" ± {std:.4f}" * (name == LEARNED) for mean, std in row["values"].values()]
        ahead = ["", ""]
        if name != LEARNED:
            lead, low, high = row["lead"]
            shares = " ".join(f"{100 * part:.0f} %" for part in row["share"])
            ahead = [shares, f"{lead:.4f} ({low:.4f} to {high:.4f})"]
        lines.append([name, setting, *values, f"{row['evaluations']:.1f}", str(row["diverged"]), *ahead])
    return f"\n{title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_curves(path, comparisons):
    """Mean value and mean margin of each optimizer at each iteration, as CSV."""
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["family", "optimizer", "seed", "iteration", "value", "margin_fixed_steps", "margin_all"])
        for comparison in comparisons:
            names = [name for name in comparison.values if name != LEARNED]
            fixed, every = comparison.margins(FIXED), comparison.margins(names)
            for name in comparison.values:
                for seed in range(len(comparison.values[LEARNED])):
                    values = comparison.values[name][seed] if name == LEARNED else comparison.values[name]
                    for t, value in enumerate(capped(values).mean(axis=0)):
                        among = [f"{m[name][seed, t]:.6g}" if name in m else "" for m in (fixed, every)]
                        writer.writerow([comparison.name, name, seed, t, f"{value:.6g}", *among])


def _trainings(family, seeds):
    return 1 if family == PICTURED else seeds


def _kinds(name, family):
    """What a policy of a family is tried on: the classifier's also on data of more Gaussians (appendix 8.1)."""
    if name != "classifier":
        return {name: family}
    more = {f"{name}, {n} Gaussians": dataclasses.replace(family, gaussians=n) for n in GAUSSIANS}
    return {name: family, **more}


def _ways(policy, settings):
    """Three held-out functions of two numbers, and where each optimizer goes on them."""
    family = FAMILIES[PICTURED]
    functions, start = family.sample(3, [0, TEST]), starts(3, 1, 2, [0, TEST, STARTS])
    ways = {LEARNED: run(functions, policy, start, ITERATIONS)}
    ways |= {name: BASELINES[name].run(functions, start, ITERATIONS, **settings[name]) for name in FIXED}
    return functions, {name: way.iterates[:, 0] for name, way in ways.items()}


def main(argv=None):
    p = Parser("python -m benchmarks.run learned_optimizers", description=__doc__.splitlines()[0])
    p.add_argument("--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), metavar="FAMILY")
    p.add_argument("--seeds", type=whole_number(1), default=3, help="trainings of each family; default: 3")
    p.add_argument("--workers", type=whole_number(1), default=1, help="trainings at once")
    p.add_argument(
        "--baselines", nargs="*", choices=OTHERS, default=OTHERS, metavar="NAME",
        help=f"beside those with fixed steps; default: all of {', '.join(OTHERS)}",
    )  # fmt: skip
    p.add_argument("--out", type=pathlib.Path, default=OUT, help=f"for the trainings; default: {OUT}")
    p.add_argument("--results", type=pathlib.Path, default=RESULTS, help="for the curves and pictures")
    arguments = p.parse_args(argv)
    try:
        files = learn_all(arguments.families, arguments.seeds, arguments.out, arguments.workers)
    except subprocess.CalledProcessError as error:
        p.error(f"a training failed, and says why in {arguments.out}/*.log; the others are kept. It was: {error}")
    found, comparisons = {}, []
    for name in arguments.families:
        family = FAMILIES[name]
        policies = [PredictedStepDescent.load(file).policy for (of, _), file in files.items() if of == name]
        path = arguments.out / f"{name}-baselines.json"
        settings = tuned(family, FUNCTIONS[name], path, (*FIXED, *arguments.baselines))
        for title, kind in _kinds(name, family).items():
            comparison = compare(title, kind, policies, settings)
            found[title] = figures(comparison, settings)
            comparisons.append(comparison)
            print(table(title, found[title]), flush=True)
        if name == PICTURED:
            learned_figures.trajectories(*_ways(policies[0], settings), arguments.results)
    write_curves(arguments.results / "learned_optimizers.csv", comparisons)
    learned_figures.draw(comparisons, LEARNED, FIXED, arguments.results)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
