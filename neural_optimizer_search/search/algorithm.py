"""The interface of an algorithm, which proposes rules and learns from their rewards."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation
from neural_optimizer_search.user_error import UserError


class Trial(NamedTuple):
    """The setting with which a rule is trained, in place of the protocol's sweep and schedules.

    Attributes:
      learning_rate, schedule, weight_decay, least, centred: See `Evaluator.measure_setting`.
      form: The key of the known optimizer that this rule is, up to constants; "" if it is none.
    """

    learning_rate: float
    schedule: str
    weight_decay: float
    least: Optional[tuple[float, ...]] = None
    centred: bool = True
    form: str = ""

    def name(self, key: str) -> str:
        """The key of the evaluation, given the key of the rule."""
        as_given = "" if self.centred else " not centred"
        return f"{key} {self.learning_rate!r} {self.schedule} {self.weight_decay!r}{as_given}"


class Proposal(NamedTuple):
    """A batch of rules.

    Attributes:
      rules: `Rule`s; empty if no candidate is legal.
      trials: The setting of each training; None to measure the rules by the protocol.
      drawn: Data that the algorithm needs when it learns from their evaluations.
      is_given: Whether the user gave them; if none of them is new, the algorithm may still find new ones.
    """

    rules: Sequence[Rule]
    drawn: Any = None
    is_given: bool = False
    trials: Optional[Sequence[Trial]] = None


class StateLost(UserError):
    """The saved state of an algorithm cannot be restored; the message says what to do."""


class Algorithm(abc.ABC):
    """Proposes batches of rules and learns from them.

    Every implementation passes `tests/contracts/test_algorithm_contract.py`.

    The loop calls `restore` first, and then `propose` and `learn`, with increasing numbers. It trains each rule once,
    records everything, and uses nothing else of an algorithm. Searches are repeatable: a proposal depends only on the
    seed, its number, and the evaluations learned from.

    An algorithm also learns from rules that it did not propose, such as those that a search starts with. Their
    proposal has `drawn` None, and they may lie outside its space.

    Attributes:
      metrics: Metrics of the last `learn`, by name, for display.
      share: The share of its proposals made so far; None for an algorithm that never runs out of them.
    """

    metrics: Mapping[str, float] = {}
    share: Optional[float] = None

    @abc.abstractmethod
    def propose(self, number: int) -> Optional[Proposal]:
        """The proposal with this number; None if there is nothing left to propose.

        It must not change any state that `learn` or `save` reads, because an interrupted search proposes again.
        Several proposals may be made before the first is learned from: with `--async`, no worker ever waits.
        """

    @abc.abstractmethod
    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Learns from a proposal.

        Args:
          proposal: A proposal from `propose`, or another one with `drawn` None; others may have been learned from in
            the meantime.
          evaluations: The evaluations of its rules, in their order, including those of rules that the screen stopped,
            which have `screened` set.
        """

    @abc.abstractmethod
    def restore(self) -> int:
        """Restores the saved state; called once, before anything else.

        Returns:
          The number of proposals that it has learned from; 0 if it was never saved. The loop repeats the later ones.

        Raises:
          StateLost: If it was saved with other settings, or by another version.
        """

    def save(self) -> None:
        """Saves the state that `restore` needs; none by default, because the ledger has all that was learned."""
        return None
