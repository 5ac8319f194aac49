"""The search loop: an algorithm proposes rules, each new one is trained once, everything is recorded."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.constants import Rounds
from neural_optimizer_search.search.recorder import EvaluationRecorder, Screened

# Steps without one new rule after which a search is over: its algorithm proposes only what it has seen.
PATIENCE = 200
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
    budget: Optional[int],
    ahead: int = 0,
    step_budget: Optional[int] = None,
    rounds: Optional[Rounds] = None,
) -> Iterator[SearchStep]:
    """Runs an algorithm until exactly `budget` rules were trained, or there are no more.

    If that is within a proposal, its other rules are left, and it is neither learned from nor recorded as a step: as
    if the search had been interrupted there. With a larger budget the algorithm proposes it again.

    A search whose ledger holds earlier steps continues after the last one that the algorithm has saved; what it
    proposes again on its way to where it was, the ledger knows.

    Args:
      algorithm: An `Algorithm`.
      recorder: An `EvaluationRecorder`.
      ledger: The `Ledger` of the run.
      budget: Number of trained rules, or None for no limit; what was screened out, repeated or cached does
        not count.
      ahead: With 0, the algorithm learns from each proposal before it makes the next. Else it makes more while
        fewer rules than this are being measured, and learns from whichever is finished first: no worker waits, and
        what is learned from is a little stale.
      step_budget: Gradient steps after which nothing more is proposed; None for no limit.
      rounds: `Rounds` of tuning; each that has something to learn from is a step, and no proposal.

    Yields:
      A `SearchStep` after each step. It ends early after `PATIENCE` steps without a new rule.
    """
    number = saved = algorithm.restore()
    ledger.drop_samples(number)
    proposed = number - ledger.count_tuned_steps()
    recorder.recall()
    if rounds:
        rounds.recall(number)
    trained, idle, exhausted = ledger.trained, 0, False
    in_flight: list[_InFlight] = []
    while True:
        finished = _first_finished(in_flight, recorder)
        is_left = step_budget is None or recorder.steps < step_budget
        is_round = not finished and is_left and rounds is not None and rounds.is_due
        if finished or is_round:
            if finished:
                in_flight.remove(finished)
                evaluations, staleness = recorder.evaluations(finished.batch), number - finished.number
                algorithm.learn(finished.proposal, evaluations)
                recorder.settle(finished.batch)
            else:
                evaluations, staleness = rounds.carry_out(number), 0
                if not evaluations:
                    continue
                algorithm.learn(Proposal([e.rule for e in evaluations]), evaluations)
            # In this order: a step whose samples are recorded and whose state is not is done again.
            ledger.add_samples(number, evaluations, staleness)
            number += 1
            if number % STEPS_PER_SAVE == 0:
                algorithm.save()
                saved = number
            before, trained = trained, ledger.trained
            idle = idle + 1 if evaluations and trained == before else 0
            if evaluations:
                yield SearchStep(number - 1, evaluations, trained, recorder.best, staleness)
        elif not exhausted and idle < PATIENCE and is_left and _has_room(in_flight, recorder, trained, budget, ahead):
            proposal = algorithm.propose(proposed)
            exhausted = proposal is None
            if proposal is not None:
                proposed += 1
                most = None if budget is None else budget - recorder.trained - recorder.pending_count
                in_flight.append(_InFlight(number, proposal, recorder.start(proposal.rules, most=most)))
        elif recorder.pending_count:
            recorder.wait()
        else:
            break
    if number > saved:
        algorithm.save()


def _first_finished(in_flight, recorder):
    """The oldest proposal whose rules are all measured, or None."""
    return next((one for one in in_flight if recorder.is_finished(one.batch)), None)


def _has_room(in_flight, recorder, trained, budget, ahead):
    """Whether another proposal may be made now."""
    if not in_flight:
        # Rules that were trained before an interruption are proposed again, and a whole step of them is learned from.
        return budget is None or trained < budget
    pending = recorder.pending_count
    return pending < ahead and (budget is None or recorder.trained + pending < budget)
