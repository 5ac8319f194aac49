"""Replays of one search by any algorithm: rewards are looked up in the table, and nothing is trained."""

import dataclasses
import functools
import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping

from benchmarks.studies.depth1_table import TABLE, read_space, read_table
from benchmarks.studies.search_algorithms.kept import Replayed
from neural_optimizer_search import Rule
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.evaluation import Evaluation, without_reward
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.probe import Probe
from neural_optimizer_search.measuring.recording import make_descent
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.algorithm import Algorithm
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.evolution import Evolution, EvolutionConfig
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.local import Local, LocalConfig
from neural_optimizer_search.search.loop import search
from neural_optimizer_search.search.random_search import RandomSearch
from neural_optimizer_search.search.recorder import EvaluationRecorder, pass_every_rule
from neural_optimizer_search.search.registry import PREFERRED
from neural_optimizer_search.search.standing import Standing
from neural_optimizer_search.tasks import TASKS
from neural_optimizer_search.workers.in_process import InProcess

BATCH = 5
# In memory where possible: a ledger is written a hundred times a second, and then thrown away.
SCRATCH = next((place for place in ("/dev/shm",) if os.access(place, os.W_OK)), None)


def _make_controller(algorithm: str, preset: str) -> Callable[..., Algorithm]:
    def make(space, seed, known):
        from tf_agents_env.controller_config import CONTROLLERS
        from tf_agents_env.controllers import Controller

        return Controller(space, CONTROLLERS[algorithm][preset], seed)

    return make


def _make_guided(space, seed, known):
    from tf_agents_env.guided import make_guided

    return make_guided(space, "fast", seed, known)


# Name -> function of the space, the seed and the evaluations of the known optimizers that makes the algorithm.
ALGORITHMS: dict[str, Callable[..., Algorithm]] = {
    "random": lambda space, seed, known: RandomSearch(space, seed, sizes=BatchSizes(BATCH)),
    "random, no screen": lambda space, seed, known: RandomSearch(space, seed, sizes=BatchSizes(BATCH)),
    "evolution": lambda space, seed, known: Evolution(space, EvolutionConfig(), seed),
    "local": lambda space, seed, known: Local(space, LocalConfig(), seed, known),
    "guided": _make_guided,
    "ppo": _make_controller("ppo", "fast"),
    "ppo, paper": _make_controller("ppo", "paper"),
    "reinforce": _make_controller("reinforce", "fast"),
    "trpo": _make_controller("trpo", "fast"),
}
UNSCREENED = {"random, no screen", "ppo, paper"}  # as in the paper, every new string is trained
# The same algorithms, training only one of the rules that behave alike.
ALIKE = {f"{name}, alike": name for name in ("random", "evolution", "local", "guided", "ppo")}
# The same, starting from the known optimizers that the space contains: they are trained first, and count.
FROM_KNOWN = {f"{name}, alike, known": name for name in ("local", "guided")}
ALGORITHMS.update({title: ALGORITHMS[name] for title, name in {**ALIKE, **FROM_KNOWN}.items()})
# The same, proposing a batch before learning from the previous one, so that workers need not wait.
PIPELINED = {f"{name}, ahead": name for name in ALIKE}
ALGORITHMS.update({title: ALGORITHMS[name] for title, name in PIPELINED.items()})
# The default of nos-search.
DEFAULT = f"{PREFERRED}, alike"


def replay(name: str, seed: int, budget: int, table: pathlib.Path = TABLE) -> Replayed:
    """Replays one search by an algorithm, with a budget of rules to train."""
    look_up, title = LookUp(read_table(table)), name
    name = PIPELINED.get(title, title)
    space, curve = read_space(table), []
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        ledger = Ledger(pathlib.Path(scratch, LEDGER), config={})
        score = EvaluationRecorder(
            InProcess(look_up),
            ledger,
            screen=pass_every_rule if name in UNSCREENED else look_up.screen,
            on_evaluation=lambda evaluation: curve.append(evaluation.reward),
            standing=Standing(Behaviours(make_probes()) if name in (*ALIKE, *FROM_KNOWN) else None),
        )
        known = score(rule for rule in KNOWN_OPTIMIZERS.values() if space.embed(rule)) if name in FROM_KNOWN else ()
        for _ in search(
            ALGORITHMS[name](space, seed, known), score, ledger, Limits(budget), pipeline=title in PIPELINED
        ):
            pass
        sampled = ledger.counts()["sampled"]
        ledger.close()
    return Replayed(sampled, curve[:budget])


@functools.lru_cache(1)  # a process replays many searches
def make_probes() -> tuple[Probe, ...]:
    """The screen's probe, and a probe of the first gradients of the table's task."""
    task = TASKS["digits"]
    evaluator = Evaluator(task, task.protocols["default"])
    return Screen().probe, Probe(make_descent(evaluator.record_descent(CATALOGUE["adam"].rule)))


class LookUp:
    """Looks the evaluation of a rule up in the table, and trains nothing.

    Rules that the screen rejects are not in the table and get the reward 0; most would get little more.
    """

    def __init__(self, table: Mapping[str, Evaluation]):
        self.screen = Screen()
        self._table = table

    def __call__(self, rule: Rule) -> Evaluation:
        screening = self.screen(rule)
        # A rule that still ascends here has passed no screen that would have flipped it.
        descends = screening.rule and not screening.flipped
        found = self._table[screening.key] if descends else without_reward(rule, "screened", screening.reason)
        return dataclasses.replace(found, rule=rule)
