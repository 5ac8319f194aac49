"""The knowledge that a search proposes from: how the measured rules behave, and how good the best are.

Rules are added when they are proposed, and evaluations when they are learned from, in the order of the proposals. The
knowledge therefore does not depend on the number of workers or on where the search was stopped.
"""

import bisect
from collections.abc import Callable, Sequence
from typing import Optional, Union

from neural_optimizer_search.measuring.behaviour import Behaviours
from neural_optimizer_search.measuring.evaluation import FAILURES, Evaluation
from neural_optimizer_search.measuring.joint import JointBar
from neural_optimizer_search.measuring.racing import Bar, make_bar
from neural_optimizer_search.measuring.screen import Screening
from neural_optimizer_search.search.best_so_far import BestSoFar
from neural_optimizer_search.tasks.protocol import Racing


class Standing:
    """The knowledge of a search.

    Args:
      behaviours: The `Behaviours` to which rules are added; None if a rule is alike only to itself.
      racing: The `Racing` that stops rules; None if all are fully measured.
      make_bar: Creates the bar that a rule must reach, from the best evaluations and `racing`.

    Attributes:
      steps: Gradient steps of everything that was learned from and not measured by another search.
      most_steps: The most steps that one evaluation took, wherever it was measured.
      settled: The evaluations that were learned from, by key, in the order of the proposals.
    """

    def __init__(
        self,
        behaviours: Optional[Behaviours] = None,
        racing: Optional[Racing] = None,
        make_bar: Callable[[Sequence[Evaluation], Optional[Racing]], Union[Bar, JointBar, None]] = make_bar,
    ):
        self._behaviours, self._racing, self._make_bar = behaviours, racing, make_bar
        self._proposed: set[str] = set()
        self.settled: dict[str, Evaluation] = {}
        self._known: set[str] = set()
        # A rule that could not be measured says nothing about another rule.
        self._failed: set[str] = set()
        self._best: list[tuple[float, int, Evaluation]] = []
        self._bar: Union[Bar, JointBar, None] = None
        self._best_so_far = BestSoFar()
        self.steps = self.most_steps = 0

    @property
    def waited(self) -> int:
        """The number of rules trained since the best one; known optimizers do not count."""
        return self._best_so_far.waited

    @property
    def bar(self) -> Union[Bar, JointBar, None]:
        """The bar that a rule proposed now must reach; None if there is none."""
        if self._bar is None:
            self._bar = self._make_bar([evaluation for *_, evaluation in self._best], self._racing)
        return self._bar

    def find_key(self, screening: Screening) -> str:
        """The key of the evaluation that a screened rule has: its own, or that of a rule that behaves alike."""
        assert screening.rule is not None
        if self._behaviours is None or screening.key in self._proposed:
            return screening.key
        key = self._behaviours.find(screening.rule)
        return screening.key if key is None or key in self._failed else key

    def add_rule(self, screening: Screening) -> None:
        """Adds a rule that has an evaluation of its own, or will have one."""
        if screening.key not in self._proposed:
            self._proposed.add(screening.key)
            if self._behaviours is not None:
                assert screening.rule is not None
                self._behaviours.add(screening.key, screening.rule)

    def settle(self, evaluation: Evaluation, is_known: bool = False) -> None:
        """Adds an evaluation that was learned from, or that of a known optimizer."""
        if evaluation.key in self.settled:
            return
        self.settled[evaluation.key] = evaluation
        self.steps += 0 if evaluation.cached else evaluation.steps
        self.most_steps = max(self.most_steps, evaluation.steps)
        if is_known:
            self._known.add(evaluation.key)
        elif evaluation.form not in self._known:
            self._best_so_far.learn(evaluation)
        if evaluation.status in FAILURES:
            self._failed.add(evaluation.key)
        if self._racing is not None and evaluation.status == "ok":
            # Among equal ones, the first counts as better.
            bisect.insort(self._best, (-evaluation.reward, len(self.settled), evaluation))
            del self._best[self._racing.best :]
            self._bar = None

    def settle_tuned(self, evaluation: Evaluation) -> None:
        """Adds an evaluation with tuned constants that was learned from; it does not raise the bar for others."""
        if evaluation.form not in self._known:
            self._best_so_far.learn(evaluation)

    def spend(self, steps: int) -> None:
        """Adds gradient steps that were not spent on a proposed rule."""
        self.steps += steps
