"""A whole search on a tiny task, with rules that are alike and a race: by any number of workers, or broken off."""

import concurrent.futures
import contextlib
import dataclasses
import functools
import pickle
import unittest.mock

import fakes

from neural_optimizer_search.dsl.formula import parse_formula
from neural_optimizer_search.dsl.presets import search_space
from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.evaluation import without_reward
from neural_optimizer_search.measuring.evaluator import Evaluator
from neural_optimizer_search.measuring.screen import Screen
from neural_optimizer_search.optimizers.catalogue import CATALOGUE
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.rows import Start
from neural_optimizer_search.search import constants, loop
from neural_optimizer_search.search.alike import record_descent
from neural_optimizer_search.search.batch_sizes import BatchSizes
from neural_optimizer_search.search.constants import ConstantsConfig, Rounds
from neural_optimizer_search.search.fresh import FreshSeeds, choose_contenders
from neural_optimizer_search.search.limits import Limits
from neural_optimizer_search.search.ranking import read_probes, read_ranking
from neural_optimizer_search.search.recorder import EvaluationRecorder
from neural_optimizer_search.search.registry import SearchSetting, find_algorithm
from neural_optimizer_search.search.standing import Standing
from neural_optimizer_search.search.start import Started
from neural_optimizer_search.tasks.image_task import ImageTask, TaskSetting
from neural_optimizer_search.tasks.protocol import Racing
from neural_optimizer_search.tasks.small_networks import MLP
from neural_optimizer_search.workers.executor import MEASURE, Executor

RACING = Racing(best=3, deviations=0.5, doubt=1.0)
PROTOCOL = dataclasses.replace(fakes.TINY, seeds=(0, 1, 2), learning_rates=(1e-3, 1e-2, 1e-1), racing=RACING)
TASK = ImageTask("blobs", 2, fakes.two_classes, (TaskSetting(PROTOCOL, MLP(units=4)),))
SPACE = search_space("arxiv2017_no_decay", 1)
# Searches that tune: name -> their algorithm, and how.
WITH_ROUNDS = {"local, with rounds": ("local", ConstantsConfig(share=0.6, forms=2, known=1, trials=3))}
STARTS = [
    Start(parse_formula("sign(m) * sqrt(|g|)"), (0.03, "cosine", 0.0)),
    Start(parse_formula("m + clip(g, 1e-3)")),
]
STEPS_PER_SAVE = 2  # so that a short search has several
LOCK_STEP = "{}, in lock step"
KNOWN = [CATALOGUE[name].rule for name in ("sgd", "momentum", "adam", "rmsprop")]


class Measured:
    """A real evaluator, which answers at once what it was asked before, and fails with some rules."""

    def __init__(self):
        self._evaluate = Evaluator(TASK, PROTOCOL)
        self.measure_again = functools.lru_cache(None)(self._evaluate.measure_again)
        self._measure = functools.lru_cache(None)(self._evaluate)
        self._record = functools.lru_cache(None)(self._evaluate.record_descent)
        self._answers = {}

    def __call__(self, rule, bar=None):
        if rule not in KNOWN and len(rule.formula()) % 5 == 0:
            return without_reward(rule, "failed", "It failed. Tried twice.")
        return self._measure(rule, bar)

    def record_descent(self, rule):
        return self._record(rule)

    def answer(self, rule, ask):
        """What a worker answers that was asked; rounds of tuning fail with some rules too."""
        if not callable(ask.method):
            return ask.answer(self, rule)
        if len(rule.formula()) % 4 == 3:
            return without_reward(rule, "failed", "It failed. Tried twice.")
        asked = repr((rule, ask))
        if asked not in self._answers:
            self._answers[asked] = pickle.dumps(ask.answer(self._evaluate, rule))
        return pickle.loads(self._answers[asked])


class Workers(Executor):
    """So many workers, of which the last that began is the first that ends, and each end is one `work`."""

    def __init__(self, evaluator, workers, breaks_at=None):
        self._evaluator, self.workers = evaluator, workers
        self._waiting, self._left = [], iter(range(breaks_at)) if breaks_at is not None else None
        self.done = 0

    def submit(self, rule, ask=MEASURE):
        future = concurrent.futures.Future()
        self._waiting.append((future, rule, ask))
        # Of what is no rule of the search, the result is waited for.
        if self.workers == 1 or (ask.method != "__call__" and not callable(ask.method)):
            self.work()
        return future

    def work(self):
        if self._left is not None and next(self._left, None) is None:
            raise KeyboardInterrupt
        self.done += 1
        future, rule, ask = self._waiting.pop(min(self.workers, len(self._waiting)) - 1)
        future.set_result(self._evaluator.answer(rule, ask))


class _Recorder(EvaluationRecorder):
    def wait(self):
        self.executor.work()
        super().wait()


def _wait(executor, futures, on_wait):
    if not any(future.done() for future in futures):
        executor.work()


def run(directory, algorithm, executor, batch_size=None, changes_size=False, **limits):
    """Begins a search in a directory, or goes on with it, to its end.

    Args:
      directory, algorithm, executor: Of the search.
      batch_size: Rules a proposal; None for the algorithm's own number.
      changes_size: Whether the search goes on, and its proposals had the algorithm's own size.
      **limits: What ends it.
    """
    path, name = directory / "ledger.sqlite", algorithm.removesuffix(LOCK_STEP.format(""))
    pipeline = int(name == algorithm)
    directory.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        ledger = Ledger(path, **({} if path.exists() else dict(config={}, run_id="a")))
        stack.enter_context(contextlib.closing(ledger))
        record_descent(executor, ledger)
        standing = Standing(Behaviours(read_probes(ledger)), PROTOCOL.racing)
        recorder = _Recorder(executor, ledger, Screen(), standing=standing)
        known = recorder(KNOWN, role="baseline")
        name, config = WITH_ROUNDS.get(name, (name, ConstantsConfig()))
        given = {Screen()(one.rule).key: one for one in STARTS if one.tuned}
        rounds = Rounds(config, PROTOCOL, recorder, standing, ledger, known, seed=3, given=given)
        stack.enter_context(unittest.mock.patch.object(loop, "STEPS_PER_SAVE", STEPS_PER_SAVE))
        if changes_size:
            ledger.change_batch_size(None, pipeline)
        if pipeline:
            loop.rewind(ledger)
        place = SearchSetting(SPACE, "fast", 3, directory / "controller", ledger, known=[], protocol=PROTOCOL)
        sizes = BatchSizes(batch_size, ledger.run.earlier_batch_sizes)
        made = find_algorithm(name).make(place._replace(batch_sizes=sizes))
        made = Started(made, [one.rule for one in STARTS]) if config.share else made
        stack.enter_context(unittest.mock.patch.object(constants, "wait_for_any", _wait))
        list(
            loop.search(made, recorder, ledger, Limits(**limits or dict(rules=12)), rounds=rounds, pipeline=pipeline)
        )
        contenders = choose_contenders(read_ranking(ledger))
        FreshSeeds(executor, ledger, contenders, seeds=(7, 8)).measure()


def broken(directory, algorithm, make_executor, points, **limits):
    """What is recorded by a search that is broken off at each of these points, and goes on."""
    for point in points:
        with contextlib.suppress(KeyboardInterrupt):
            run(directory / str(point), algorithm, make_executor(breaks_at=point), **limits)
            raise AssertionError(f"Nothing broke at {point}.")
        run(directory / str(point), algorithm, make_executor(), **limits)
        yield point, read(directory / str(point))


def read(directory):
    """All that a ledger has, but what time and place decide."""

    def by_key(evaluations):
        return {e.key: dataclasses.replace(e, seconds=0.0, worker="") for e in evaluations}

    with contextlib.closing(Ledger(directory / "ledger.sqlite", read_only=True)) as ledger:
        return dict(
            baseline=by_key(ledger.evaluations("baseline")),
            search=by_key(ledger.evaluations("search")),
            tuned=by_key(ledger.evaluations("tuned")),
            tunings=ledger.tunings(),
            fresh=by_key(ledger.fresh_evaluations().values()),
            samples=ledger.samples(),
            counts=ledger.counts(),
            steps=ledger.count_steps(),
            descent=[array.tolist() for array in (ledger.run.descent.g, ledger.run.descent.w)],
        )
