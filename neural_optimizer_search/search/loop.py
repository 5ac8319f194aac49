"""The search loop: an algorithm proposes rules, each new one is trained once, everything is recorded."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.constants import Rounds
from neural_optimizer_search.search.limits import Limits, find_spent
from neural_optimizer_search.search.recorder import EvaluationRecorder, Screened

# Steps without one new rule after which a search is over: its algorithm proposes only what it has seen.
IDLE_STEPS = 200
# Saving a controller costs a quarter of its step; to redo ten steps, whose rules the ledger knows, costs a second.
STEPS_PER_SAVE = 10


class SearchStep(NamedTuple):
    """One step of a search.

    Attributes:
      number: Its number, from 0.
      evaluations: What was learned from.
      trained: How many rules were trained by then.
      best: The best reward by then.
      staleness: Steps between the proposal and this one, that learned from it.
    """

    number: int
    evaluations: Sequence[Evaluation]
    trained: int
    best: float
    staleness: int


class _InFlight(NamedTuple):
    """A proposal whose rules are being measured; `number` steps were done when it was made."""

    number: int
    proposal: Proposal
    batch: Sequence[Screened]


class _Outcome(NamedTuple):
    """What is learned from in a step; of a proposal also the batch that is known from then on."""

    proposal: Proposal
    evaluations: Sequence[Evaluation]
    batch: Sequence[Screened] = ()
    staleness: int = 0


def step(
    algorithm: Algorithm, evaluate: Callable[[Sequence], Sequence[Evaluation]], number: int
) -> Optional[Sequence[Evaluation]]:
    """Lets an algorithm propose once and learn from it; returns the evaluations, or None if there is nothing left."""
    proposal = algorithm.propose(number)
    if proposal is None:
        return None
    evaluations = evaluate(proposal.rules)
    algorithm.learn(proposal, evaluations)
    return evaluations


def search(
    algorithm: Algorithm,
    recorder: EvaluationRecorder,
    ledger: Ledger,
    limits: Limits,
    ahead: int = 0,
    rounds: Optional[Rounds] = None,
) -> Iterator[SearchStep]:
    """Runs an algorithm until a limit is reached, or it has nothing left to propose.

    If `limits.rules` is reached within a proposal, its other rules are left, and it is neither learned from nor
    recorded as a step: as if the search had been interrupted there. With a larger budget the algorithm proposes it
    again. A round that does not fit into what is left of `limits.steps` is broken off likewise.

    A search whose ledger holds earlier steps continues after the last one that the algorithm has saved; what it
    proposes again on its way to where it was, the ledger knows.

    Args:
      algorithm: An `Algorithm`.
      recorder: An `EvaluationRecorder`.
      ledger: The `Ledger` of the run.
      limits: The `Limits`; their minutes begin with the first step.
      ahead: With 0, the algorithm learns from each proposal before it makes the next. Else it makes more while
        fewer rules than this are being measured, and learns from whichever is finished first: no worker waits, and
        what is learned from is a little stale.
      rounds: `Rounds` of tuning; what one finds is learned in a step of its own. None for none.

    Yields:
      A `SearchStep` after each step. It ends early after `IDLE_STEPS` steps without a new rule.
    """
    began = time.monotonic()
    number = saved = algorithm.restore()
    ledger.drop_samples(number)
    proposed = number - ledger.count_tuned_steps()
    recorder.recall()
    if rounds:
        rounds.recall(number)
    trained, idle, exhausted = ledger.trained, 0, False
    in_flight: list[_InFlight] = []
    while True:
        outcome = _finish(in_flight, recorder, number)
        outcome = outcome or _tune(rounds, limits, lambda: find_spent(recorder, began), number)
        if outcome:
            evaluations = outcome.evaluations
            algorithm.learn(outcome.proposal, evaluations)
            recorder.settle(outcome.batch)
            # In this order: a step whose samples are recorded and whose state is not is done again.
            ledger.add_samples(number, evaluations, outcome.staleness, tuned=not outcome.batch)
            number += 1
            if number % STEPS_PER_SAVE == 0:
                algorithm.save()
                saved = number
            before, trained = trained, ledger.trained
            is_idle = outcome.batch and trained == before and not outcome.proposal.is_given
            idle = idle + 1 if is_idle else 0
            if evaluations:
                yield SearchStep(number - 1, evaluations, trained, recorder.best, outcome.staleness)
        elif (
            not exhausted
            and idle < IDLE_STEPS
            and not (rounds and rounds.is_over)
            # Rules that were trained before an interruption are proposed again, and all of a step is learned from.
            and limits.find_reached(find_spent(recorder, began)._replace(rules=trained)) is None
            and (not in_flight or _has_room(recorder, limits.rules, ahead))
        ):
            proposal = algorithm.propose(proposed)
            exhausted = proposal is None
            if proposal is not None:
                proposed += 1
                most = _count_left(recorder, limits.rules)
                batch = recorder.start(proposal.rules, most=most, trials=proposal.trials)
                in_flight.append(_InFlight(number, proposal, batch))
        elif recorder.pending_count:
            recorder.wait()
        else:
            break
    if number > saved:
        algorithm.save()


def _finish(in_flight, recorder, number):
    """The `_Outcome` of the oldest proposal whose rules are all measured, which is in flight no more; or None."""
    for one in in_flight:
        if recorder.is_finished(one.batch):
            in_flight.remove(one)
            return _Outcome(one.proposal, recorder.evaluations(one.batch), one.batch, number - one.number)
    return None


def _tune(rounds, limits, find, number):
    """The `_Outcome` of rounds, if any are due; None if there is nothing to learn.

    Whether the last of so many rules is trained does not matter: with a larger budget there is a round too. `find`
    gives what is spent.
    """
    while rounds is not None and not rounds.is_over and rounds.is_due:
        spent = find()._replace(rules=0)
        if limits.find_reached(spent):
            break
        left = None if limits.steps is None else limits.steps - spent.steps
        if evaluations := rounds.carry_out(number, left):
            return _Outcome(Proposal([e.rule for e in evaluations]), evaluations)
    return None


def _has_room(recorder, budget, ahead):
    """Whether another proposal may be made although there is one in work."""
    left = _count_left(recorder, budget)
    return recorder.pending_count < ahead and (left is None or left > 0)


def _count_left(recorder, budget):
    """How many more rules may be trained than are in work; None for any number."""
    return None if budget is None else budget - recorder.trained - recorder.pending_count
