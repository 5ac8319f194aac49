"""Guided PPO: a controller and local search share each batch, and each learns from the other's finds.

The method follows neural-guided genetic programming (Mundhenk et al., 2021, arXiv:2111.00053): what the controller
draws joins the population, and the controller imitates the best of the population.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Optional

from neural_optimizer_search.dsl.space import Space
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger, Sample
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.batch_sizes import OWN, BatchSizes
from neural_optimizer_search.search.local import Local, LocalConfig
from tf_agents_env.controller_config import CONTROLLERS
from tf_agents_env.controllers import Controller

# Rules per batch that the controller draws, in addition to those of `LocalConfig`. Batches of another size have the
# same share of them, rounded down, but at least one.
DRAWN_RULES = 2
OWN_SIZE = DRAWN_RULES + LocalConfig.batch_size
# Number of best rules that the controller imitates; also in preset paper, because otherwise nothing guides it.
IMITATED = LocalConfig.parents


class Guided(Algorithm):
    """Proposes the rules of local search together with those of a controller.

    Args:
      controller: A `Controller` with a queue; its checkpoints say how many proposals were learned from.
      make_local: Function that creates a `Local` from the `Sample`s that it has learned from.
      samples: The samples of all recorded steps; those later than the newest checkpoint are not read.
    """

    def __init__(
        self, controller: Controller, make_local: Callable[[Iterable[Sample]], Local], samples: Iterable[Sample] = ()
    ):
        self._controller, self._make_local, self._samples = controller, make_local, samples
        self._local = make_local(())

    def propose(self, number: int) -> Proposal:
        """The `Proposal` with this number; the controller's rules are the last."""
        own = self._controller.propose(number)
        return Proposal([*self._local.propose(number).rules, *own.rules], own.drawn)

    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Updates local search with all rules. The controller learns from its own, and imitates the best of all."""
        self._local.learn(proposal, evaluations)
        first = 0 if proposal.drawn is None else len(proposal.rules) - proposal.drawn.count
        own = Proposal(proposal.rules[first:], proposal.drawn)
        self._controller.learn(own, evaluations[first:], self._local.best)
        self.metrics = {**self._local.metrics, **self._controller.metrics}

    def save(self) -> None:
        """Saves the controller; local search can be restored from the ledger."""
        self._controller.save()

    def restore(self) -> int:
        """Restores the controller's newest checkpoint, and what local search had learned by then."""
        steps = self._controller.restore()
        self._local = self._make_local(itertools.takewhile(lambda sample: sample.step < steps, self._samples))
        return steps


def make_guided(
    space: Space,
    preset: str,
    seed: int,
    known: Iterable[Evaluation] = (),
    directory: Optional[Path] = None,
    ledger: Optional[Ledger] = None,
    sizes: BatchSizes = OWN,
) -> Guided:
    """Creates a `Guided` with the settings of PPO's preset.

    Args:
      space: A `Space`.
      preset: "fast" or "paper".
      seed: Seed of local search and of the controller.
      known: Evaluations of the known optimizers.
      directory: Directory of the controller's checkpoints; None for none.
      ledger: The `Ledger` of the run to continue, if there is one.
      sizes: Sizes of proposals that differ from `OWN_SIZE`; at least 2.
    """
    config = dataclasses.replace(CONTROLLERS["ppo"][preset], batch_size=DRAWN_RULES, queue_size=IMITATED)
    run_id, steps, samples = (ledger.run.id, ledger.steps, ledger.sample_rows()) if ledger else ("", None, ())
    controller = Controller(space, config, seed, directory, run_id, steps, sizes.part(_count_drawn))
    others = sizes.part(lambda size: size - _count_drawn(size))
    return Guided(controller, functools.partial(Local, space, LocalConfig(), seed, known, sizes=others), samples)


def _count_drawn(size):
    """The number of rules of a proposal that the controller draws."""
    return max(1, size * DRAWN_RULES // OWN_SIZE)
