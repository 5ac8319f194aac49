"""Ledgers of searches that never ran, with any number of rules and made-up rewards."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.search_space import SearchSpace
from neural_optimizer_search.measuring.evaluation import Evaluation, without_reward
from neural_optimizer_search.recorded_flags import record
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.records.roles import BASELINE, FOUND
from neural_optimizer_search.records.run_directory import LEDGER
from neural_optimizer_search.search.config import NO_CACHE, SearchConfig
from neural_optimizer_search.search.known_optimizers import KNOWN_OPTIMIZERS
from neural_optimizer_search.workers.in_process import InProcess

# New rules per step, with as many repeats and screened rules, as in an advanced search by PPO.
NEW = 10
RATES = tuple(10.0**k for k in range(-5, 2))
SEEDS = (0, 1, 2)
DIVERGED = 0.05  # share of the rules


def make_config(evaluations: int) -> SearchConfig:
    """The recorded configuration of the searches; without a screen, the key of a rule is its canonical form.

    Without fresh seeds, resuming trains nothing.
    """
    made_up = dict(screen="off", cache=NO_CACHE, fresh_seeds=0)
    return SearchConfig(algorithm="evolution", budget=evaluations, workers=1, **made_up)


def make_run(directory: Path, evaluations: int) -> None:
    """Writes the ledger of a search.

    Args:
      directory: The directory to create.
      evaluations: Number of rules that the search has trained.
    """
    directory.mkdir(parents=True)
    config = make_config(evaluations)
    rng = np.random.default_rng(0)
    rules = _draw_new(config.make_space(), rng)
    with contextlib.closing(Ledger(directory / LEDGER, record(config))) as ledger:
        ledger._db.execute("PRAGMA synchronous = OFF")  # waiting for the disk at each row would take half an hour
        for rule in KNOWN_OPTIMIZERS.values():
            ledger.add_evaluation(make_evaluation(rule), BASELINE)
        found: list[Evaluation] = []
        step = 0
        while len(found) < evaluations:
            new = [make_evaluation(next(rules)) for _ in range(min(NEW, evaluations - len(found)))]
            for evaluation in new:
                ledger.add_evaluation(evaluation, FOUND)
            found += new
            again = [found[i] for i in rng.integers(len(found), size=NEW)]
            stopped = [without_reward(next(rules), "screened", "Made up.") for _ in range(NEW)]
            ledger.add_samples(step, [*new, *again, *stopped])
            step += 1


def make_evaluation(rule: Rule) -> Evaluation:
    """A made-up evaluation, which depends only on what the rule computes."""
    key = rule.canonical()
    rng = np.random.default_rng(list(key.encode()))
    diverged = rng.random() < DIVERGED
    rewards = [0.0] * len(SEEDS) if diverged else rng.normal(rng.beta(4, 2), 0.01, len(SEEDS)).clip(0.0, 1.0).tolist()
    losses = (2.3 * rng.random(len(RATES))).tolist()
    return Evaluation(
        rule=rule,
        reward=sum(rewards) / len(rewards),
        status="diverged" if diverged else "ok",
        message="The final run stopped being finite." if diverged else "Trained with each seed to the end.",
        learning_rate=None if diverged else RATES[int(np.argmin(losses))],
        accuracy=float(rng.random()),
        rewards=tuple(rewards),
        sweep=tuple(zip(RATES, (*losses[:-1], None))),
        seconds=float(rng.gamma(4.0, 0.5)),
        seeds=SEEDS,
        worker="nobody-1",
        key=key,
    )


def _draw_new(space: SearchSpace, rng: np.random.Generator) -> Iterator[Rule]:
    """Yields rules of a space, none of which computes the same as an earlier one or a known optimizer."""
    seen = {rule.canonical() for rule in KNOWN_OPTIMIZERS.values()}
    while True:
        for tokens in space.sample(rng, 1000):
            rule = space.decode(tokens)
            key = rule.canonical()
            if key not in seen:
                seen.add(key)
                yield rule


made_up_executor = InProcess(make_evaluation)
