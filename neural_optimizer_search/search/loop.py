"""The search loop: an algorithm proposes rules, each new one is trained once, and everything is recorded."""

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Optional

from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.records.ledger import Ledger
from neural_optimizer_search.search.algorithm import Algorithm, Proposal
from neural_optimizer_search.search.constants import Rounds
from neural_optimizer_search.search.limits import Limits, find_spent
from neural_optimizer_search.search.recorder import EvaluationRecorder, Screened

# A search ends after this many steps without a new rule, because its algorithm only proposes what it has seen.
IDLE_STEPS = 200
# Saving a controller costs as much as its step; repeating ten steps, whose rules the ledger knows, costs a second.
# After this many proposals, a pipeline runs empty: only there can a search resume as if it had never stopped.
STEPS_PER_SAVE = 10


class SearchStep(NamedTuple):
    """One step of a search.

    Attributes:
      number: Its number, from 0.
      evaluations: The evaluations learned from.
      trained: Number of rules trained so far.
      best: The best reward so far.
      staleness: Number of steps between the proposal and this step, which learned from it.
    """

    number: int
    evaluations: Sequence[Evaluation]
    trained: int
    best: float
    staleness: int


class _InFlight(NamedTuple):
    """A proposal whose rules are being measured; `number` steps were done when it was made.

    `claimed` is the number of its rules that nothing earlier has measured, or will measure. `unmeasured` has the keys
    of its rules that are not known to be measured: checking the others again in hundreds of proposals would double
    the time.
    """

    number: int
    proposal: Proposal
    batch: Sequence[Screened]
    claimed: int
    unmeasured: list[str]


class _Outcome(NamedTuple):
    """The evaluations that a step learns from; for a proposal, also its batch, which then counts as known."""

    proposal: Proposal
    evaluations: Sequence[Evaluation]
    batch: Sequence[Screened] = ()
    staleness: int = 0
    source: Optional[_InFlight] = None


def rewind(ledger: Ledger) -> None:
    """Rewinds a search with a pipeline to its last step at which nothing was in progress.

    Call it before the algorithm reads the ledger. The ledger forgets the later steps, but keeps their evaluations.
    """
    tuned, number = ledger.find_tuned_steps(), ledger.steps
    late = (number - len(tuned)) % STEPS_PER_SAVE
    while late:
        number -= 1
        late -= number not in tuned
    ledger.drop_samples(number)


def search(
    algorithm: Algorithm,
    recorder: EvaluationRecorder,
    ledger: Ledger,
    limits: Limits,
    ahead: int = 0,
    rounds: Optional[Rounds] = None,
    pipeline: int = 0,
) -> Iterator[SearchStep]:
    """Runs an algorithm until a limit is reached or it has nothing left to propose.

    If `limits.rules` is reached within a proposal, its other rules are not trained, and it is neither learned from
    nor recorded as a step, as if the search had been interrupted there. With a larger budget, the algorithm proposes
    it again. A round that does not fit into the rest of `limits.steps` is cut short in the same way.

    A search whose ledger has earlier steps continues after the last one that the algorithm saved. The rules that it
    proposes again are in the ledger, and are not trained again.

    Args:
      algorithm: An `Algorithm`.
      recorder: An `EvaluationRecorder`.
      ledger: The `Ledger` of the run.
      limits: The `Limits`; their minutes begin with the first step.
      ahead: With 0, the algorithm learns from its proposals in order, and a search is repeatable. Otherwise it makes
        more while fewer rules than this are being measured, and learns from whichever is finished first, so that no
        worker ever waits.
      rounds: The `Rounds` of tuning; the result of each is learned in a separate step. None for none.
      pipeline: Number of proposals that may be in progress in addition to the oldest: while workers measure them, the
        algorithm learns from the oldest, and makes the next. With 0, it learns from each before it makes the next.

    Yields:
      A `SearchStep` after each step. It ends early after `IDLE_STEPS` steps without a new rule.
    """
    began = time.monotonic()
    number = saved = algorithm.restore()
    ledger.drop_samples(number)
    proposed = number - len(ledger.find_tuned_steps())
    recorder.recall(is_repeatable=not ahead)
    if rounds:
        rounds.recall(number)
    trained, idle, exhausted = ledger.trained, 0, False
    in_flight: list[_InFlight] = []

    def is_round_due():
        # The limit on rules does not matter: with a larger budget, this round would run as well.
        spent = find_spent(recorder, began)._replace(rules=0)
        return rounds and not rounds.is_over and rounds.is_due and limits.find_reached(spent) is None

    def may_propose():
        # Rules that were trained before an interruption are proposed again, so that a whole step is learned from.
        # Near the limit on steps, nothing is proposed while rules are in progress: they may take all that is left.
        spent, in_work = find_spent(recorder, began), sum(one.claimed for one in in_flight)
        spent = spent._replace(rules=trained, steps=spent.steps + in_work * recorder.most_steps)
        if exhausted or idle >= IDLE_STEPS or (rounds and rounds.is_over) or limits.find_reached(spent):
            return False
        if not in_flight:
            return True
        if (limits.rules is not None and recorder.claimed >= limits.rules) or (pipeline and is_round_due()):
            return False
        return recorder.pending_count < ahead or (len(in_flight) <= pipeline and proposed % STEPS_PER_SAVE > 0)

    def may_begin_here():
        """Whether a search that resumes from here makes the same proposals."""
        return ahead or not pipeline or (proposed - len(in_flight)) % STEPS_PER_SAVE == 0

    def save_if_due():
        # Called after the next proposals, which change nothing that is saved, so that workers are busy meanwhile.
        nonlocal saved
        if number - saved >= STEPS_PER_SAVE and may_begin_here():
            algorithm.save()
            saved = number

    while True:
        outcome = None
        # With a pipeline, a round waits until nothing else is in progress: it must not exceed the steps left.
        while not outcome and (ahead or not in_flight) and is_round_due():
            outcome = _carry_out(rounds, number, None if limits.steps is None else limits.steps - recorder.steps)
        # In order, and only when nothing more may be proposed: the evaluations that a proposal depends on must not
        # depend on timing.
        if ahead or not may_propose():
            outcome = outcome or _finish(in_flight if ahead else in_flight[:1], recorder, number)
        if outcome:
            save_if_due()
            evaluations = outcome.evaluations
            if outcome.source:
                in_flight.remove(outcome.source)
            algorithm.learn(outcome.proposal, evaluations)
            recorder.settle(outcome.batch)
            # In this order, because a step whose samples are recorded, but not its state, is repeated.
            ledger.add_samples(number, evaluations, outcome.staleness, tuned=not outcome.batch)
            number += 1
            before, trained = trained, ledger.trained
            is_idle = outcome.batch and trained == before and not outcome.proposal.is_given
            idle = idle + 1 if is_idle else 0
            if evaluations:
                yield SearchStep(number - 1, evaluations, trained, recorder.best, outcome.staleness)
        elif may_propose():
            proposal = algorithm.propose(proposed)
            exhausted = proposal is None
            if proposal is not None:
                proposed += 1
                claimed = recorder.claimed
                most = None if limits.rules is None else max(0, limits.rules - claimed)
                batch = recorder.start(proposal.rules, most=most, trials=proposal.trials)
                unmeasured = [screened.key for screened in batch if screened.key]
                in_flight.append(_InFlight(number, proposal, batch, recorder.claimed - claimed, unmeasured))
        elif recorder.pending_count:
            save_if_due()
            recorder.wait()
        else:
            break
    if number > saved and may_begin_here():
        algorithm.save()


def _finish(in_flight, recorder, number):
    """The `_Outcome` of the first proposal whose rules are all measured; None if there is none."""
    for one in in_flight:
        while one.unmeasured and recorder.is_measured(one.unmeasured[-1]):
            one.unmeasured.pop()
        if not one.unmeasured:
            return _Outcome(one.proposal, recorder.evaluations(one.batch), one.batch, number - one.number, one)
    return None


def _carry_out(rounds, number, left):
    """The `_Outcome` of a round; None if there is nothing to learn."""
    evaluations = rounds.carry_out(number, left)
    return _Outcome(Proposal([e.rule for e in evaluations]), evaluations) if evaluations else None
