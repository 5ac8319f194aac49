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
    yield from _Search(algorithm, recorder, ledger, limits, ahead, rounds, pipeline).run()


class _Search:
    """A running search: what is in progress, and what was learned so far; see `search` for the arguments."""

    def __init__(self, algorithm, recorder, ledger, limits, ahead, rounds, pipeline):
        self._algorithm, self._recorder, self._ledger, self._limits = algorithm, recorder, ledger, limits
        self._ahead, self._rounds, self._pipeline = ahead, rounds, pipeline
        self._began = time.monotonic()
        self._number = self._saved = algorithm.restore()
        ledger.drop_samples(self._number)
        self._proposed = self._number - len(ledger.find_tuned_steps())
        recorder.recall(is_repeatable=not ahead)
        if rounds:
            rounds.recall(self._number)
        self._trained, self._idle, self._is_exhausted = ledger.trained, 0, False
        self._in_flight: list[_InFlight] = []

    def run(self) -> Iterator[SearchStep]:
        """Yields the steps."""
        while True:
            if outcome := self._find_outcome():
                self._save_if_due()
                step = self._learn(outcome)
                if step.evaluations:
                    yield step
            elif self._may_propose():
                self._propose()
            elif self._recorder.pending_count:
                self._save_if_due()
                self._recorder.wait()
            else:
                break
        if self._number > self._saved and self._may_begin_here():
            self._algorithm.save()

    def _find_outcome(self):
        """The `_Outcome` to learn from next; None if there is none yet."""
        # With a pipeline, a round waits until nothing else is in progress: it must not exceed the steps left.
        while (self._ahead or not self._in_flight) and self._is_round_due():
            left = None if self._limits.steps is None else self._limits.steps - self._recorder.steps
            if outcome := _carry_out(self._rounds, self._number, left):
                return outcome
        # In order, and only when nothing more may be proposed: the evaluations that a proposal depends on must not
        # depend on timing.
        if self._ahead or not self._may_propose():
            return _finish(self._in_flight if self._ahead else self._in_flight[:1], self._recorder, self._number)
        return None

    def _learn(self, outcome):
        if outcome.source:
            self._in_flight.remove(outcome.source)
        self._algorithm.learn(outcome.proposal, outcome.evaluations)
        self._recorder.settle(outcome.batch)
        # In this order, because a step whose samples are recorded, but not its state, is repeated.
        self._ledger.add_samples(self._number, outcome.evaluations, outcome.staleness, tuned=not outcome.batch)
        self._number += 1
        before, self._trained = self._trained, self._ledger.trained
        is_idle = outcome.batch and self._trained == before and not outcome.proposal.is_given
        self._idle = self._idle + 1 if is_idle else 0
        best, staleness = self._recorder.best, outcome.staleness
        return SearchStep(self._number - 1, outcome.evaluations, self._trained, best, staleness)

    def _propose(self):
        proposal = self._algorithm.propose(self._proposed)
        if proposal is None:
            self._is_exhausted = True
            return
        self._proposed += 1
        claimed = self._recorder.claimed
        most = None if self._limits.rules is None else max(0, self._limits.rules - claimed)
        batch = self._recorder.start(proposal.rules, most=most, trials=proposal.trials)
        unmeasured = [screened.key for screened in batch if screened.key]
        new = self._recorder.claimed - claimed
        self._in_flight.append(_InFlight(self._number, proposal, batch, new, unmeasured))

    def _is_round_due(self):
        # The limit on rules does not matter: with a larger budget, this round would run as well.
        spent = find_spent(self._recorder, self._began)._replace(rules=0)
        rounds = self._rounds
        return rounds and not rounds.is_over and rounds.is_due and self._limits.find_reached(spent) is None

    def _may_propose(self):
        # Rules that were trained before an interruption are proposed again, so that a whole step is learned from.
        # Near the limit on steps, nothing is proposed while rules are in progress: they may take all that is left.
        recorder, limits = self._recorder, self._limits
        spent, in_work = find_spent(recorder, self._began), sum(one.claimed for one in self._in_flight)
        spent = spent._replace(rules=self._trained, steps=spent.steps + in_work * recorder.most_steps)
        is_over = self._is_exhausted or self._idle >= IDLE_STEPS or (self._rounds and self._rounds.is_over)
        if is_over or limits.find_reached(spent):
            return False
        if not self._in_flight:
            return True
        is_claimed = limits.rules is not None and recorder.claimed >= limits.rules
        if is_claimed or (self._pipeline and self._is_round_due()):
            return False
        if recorder.pending_count < self._ahead:
            return True
        return len(self._in_flight) <= self._pipeline and self._proposed % STEPS_PER_SAVE > 0

    def _may_begin_here(self):
        """Whether a search that resumes from here makes the same proposals."""
        done = self._proposed - len(self._in_flight)
        return self._ahead or not self._pipeline or done % STEPS_PER_SAVE == 0

    def _save_if_due(self):
        # Called after the next proposals, which change nothing that is saved, so that workers are busy meanwhile.
        if self._number - self._saved >= STEPS_PER_SAVE and self._may_begin_here():
            self._algorithm.save()
            self._saved = self._number


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
