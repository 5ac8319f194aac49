"""The contract of an algorithm: what proposes rules, and learns from what they are worth."""

import abc
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.evaluation import Evaluation


class Trial(NamedTuple):
    """With what a rule is trained, in place of the sweep and the schedules of the protocol.

    Attributes:
      learning_rate, schedule, weight_decay, least, centred: As `Evaluator.measure_setting` has them.
      form: The key of the known optimizer whose rule this is with other constants; "" if it is of none.
    """

    learning_rate: float
    schedule: str
    weight_decay: float
    least: Optional[tuple[float, ...]] = None
    centred: bool = True
    form: str = ""

    def name(self, key: str) -> str:
        """The key of the evaluation of a rule that has a key itself."""
        return f"{key} {self.learning_rate!r} {self.schedule} {self.weight_decay!r}"


class Proposal(NamedTuple):
    """A batch of rules.

    Attributes:
      rules: `Rule`s; none if none of those considered is legal.
      trials: With what each of them is trained; None to measure them as the protocol says.
      drawn: What the algorithm wants to know of them when it learns from their evaluations.
      is_given: Whether a person gave them: that none of many is new does not say that nothing new is left.
    """

    rules: Sequence[Rule]
    drawn: Any = None
    is_given: bool = False
    trials: Optional[Sequence[Trial]] = None


class StateLost(ValueError):
    """What an algorithm kept of its state cannot be restored; the message says what to do."""


class Algorithm(abc.ABC):
    """Proposes batches of rules and learns from them.

    Every implementation passes `tests/contracts/test_algorithm_contract.py`.

    The loop calls `restore` first, and then `propose` and `learn`, with numbers that go up. It trains each rule once,
    records everything, and knows no more of an algorithm than this. A search is repeatable: what is proposed depends
    on the seed, on the number, and on what was learned from, and on nothing else.

    An algorithm also learns from rules that it did not propose, such as those that a search starts with: their
    proposal has `drawn` None, and they need not be of its space.

    Attributes:
      metrics: Numbers of the last `learn` to show, by name.
      share: The share of its proposals that is made; None for an algorithm that could go on forever.
    """

    metrics: Mapping[str, float] = {}
    share: Optional[float] = None

    @abc.abstractmethod
    def propose(self, number: int) -> Optional[Proposal]:
        """The proposal of this number; None if there is nothing left to propose.

        It changes nothing that `learn` or `save` see, for a search that was stopped proposes again. There may be
        several proposals before the first is learned from: a search with `--async` lets no worker wait.
        """

    @abc.abstractmethod
    def learn(self, proposal: Proposal, evaluations: Sequence[Evaluation]) -> None:
        """Learns from a proposal.

        Args:
          proposal: One that `propose` made, or one of somebody else with `drawn` None; others may have been learned
            from since.
          evaluations: Of its rules, in their order. What the screen stopped is among them, with `screened` set.
        """

    @abc.abstractmethod
    def restore(self) -> int:
        """Goes back to where it was saved; called once, before anything else.

        Returns:
          How many proposals it has learned from; 0 if it was never saved. The loop makes the later ones again.

        Raises:
          StateLost: If it was saved with other settings, or by another version.
        """

    def save(self) -> None:
        """Keeps what `restore` needs beside the ledger. By default nothing: the ledger has all that was learned."""
        return None
