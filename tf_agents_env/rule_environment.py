"""The controller's environment: update rules are spelled token by token, and the last token earns the reward."""

import typing
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from tf_agents.environments import py_environment
from tf_agents.specs import array_spec
from tf_agents.trajectories import time_step as ts

from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.space import Space


class Worth(typing.Protocol):
    """The part of an evaluation that determines a rule's pay."""

    @property
    def reward(self) -> float:
        """The reward."""
        ...


class RuleEnvironment(py_environment.PyEnvironment):
    """Episodes in lockstep, each of which spells one rule of a search space (arXiv v2, section 3.2).

    An episode has exactly 5n steps. An action is a token, int32 `[batch]`; an observation, a dict of

      prev: int32 `[batch]`, the last token, or V before the first one;
      pos:  int32 `[batch]`, the position of the next token, 0 .. 5n-1;
      mask: int32 `[batch, V]`, 1 where a token is legal (the constraints of section 4.1),

    where V is the space's largest vocabulary. Rewards are 0 except for the last step. After that step,
    `pos` stays in range and `mask` is that of a first token, so that a policy can act, without effect.

    Args:
      space: A `Space`.
      score: Called once per batch of episodes, on the last step, with the list of `Rule`s in batch
        order; returns their evaluations, each with a float `reward`. With `pay_nothing`, the rules are paid later.
      batch_size: Rules per batch.

    Attributes:
      rules, evaluations: Rules and evaluations of the last finished batch of episodes, in batch order.

    Raises:
      ValueError: From `step`, if a token is not legal, or a reward is not finite.

    Example:
      >>> from neural_optimizer_search import search_space
      >>> environment = RuleEnvironment(search_space("signs", depth=1), pay_nothing, batch_size=3)
      >>> environment.reset().observation["mask"][0]
      array([1, 1, 1, 1, 1, 1], dtype=int32)
    """

    def __init__(self, space: Space, score: Callable[[list[Rule]], Iterable[Worth]], batch_size: int):
        super().__init__(handle_auto_reset=True)
        self.space, self.score = space, score
        self.rules: list[Rule] = []
        self.evaluations: list[Worth] = []
        self._batch_size = batch_size
        self._width = max(space.sizes)
        self._tokens = self._no_tokens()

    @property
    def batched(self) -> bool:
        return True

    @property
    def batch_size(self) -> int:
        return self._batch_size

    def action_spec(self) -> array_spec.BoundedArraySpec:
        return array_spec.BoundedArraySpec((), np.int32, 0, self._width - 1, name="token")

    def observation_spec(self) -> dict[str, array_spec.BoundedArraySpec]:
        return {
            "prev": array_spec.BoundedArraySpec((), np.int32, 0, self._width, name="prev"),
            "pos": array_spec.BoundedArraySpec((), np.int32, 0, self.space.length - 1, name="pos"),
            "mask": array_spec.BoundedArraySpec((self._width,), np.int32, 0, 1, name="mask"),
        }

    def _reset(self):
        self._tokens = self._no_tokens()
        return ts.restart(self._observation(), batch_size=self._batch_size)

    def _step(self, action):
        tokens = np.asarray(action, np.int32).reshape(self._batch_size)
        self._check_legal(tokens)
        self._tokens = np.concatenate([self._tokens, tokens[:, None]], axis=1)
        if self._tokens.shape[1] == self.space.length:
            return ts.termination(self._observation(), self._rewards())
        nothing = np.zeros(self._batch_size, np.float32)
        return ts.transition(self._observation(), nothing, np.ones_like(nothing))

    def _no_tokens(self):
        return np.zeros((self._batch_size, 0), np.int32)

    def _observation(self):
        position = self._tokens.shape[1]
        ended = position == self.space.length
        start = np.full(self._batch_size, self._width, np.int32)
        legal = self.space.legal_tokens(self._no_tokens() if ended else self._tokens)
        return {
            "prev": self._tokens[:, -1] if position else start,
            "pos": np.full(self._batch_size, position - ended, np.int32),
            "mask": legal.astype(np.int32),
        }

    def _check_legal(self, tokens):
        legal = self.space.legal_tokens(self._tokens)
        for row, token in zip(legal, tokens):
            if not (0 <= token < self._width and row[token]):
                raise ValueError(
                    "Argument `action` must have a legal token at position "
                    f"{self._tokens.shape[1]}. Received: {token}. "
                    f"Allowed: {', '.join(map(str, np.flatnonzero(row)))}."
                )

    def _rewards(self):
        rules = self.rules = [self.space.decode(tokens) for tokens in self._tokens]
        self.evaluations = list(self.score(rules))
        if len(self.evaluations) != len(rules):
            raise ValueError(
                f"Argument `score` must return one evaluation per rule. "
                f"Received: {len(self.evaluations)} for {len(rules)} rules."
            )
        return require_finite(rules, [float(evaluation.reward) for evaluation in self.evaluations])


class _Unpaid(NamedTuple):
    reward: float = 0.0


def pay_nothing(rules: Sequence[Rule]) -> list[Worth]:
    """A `score` for `RuleEnvironment` when rewards are only known after the episodes."""
    return [_Unpaid() for _ in rules]


def require_finite(rules: Sequence[Rule], rewards: Sequence[float]) -> np.ndarray:
    """Returns the rewards as float32.

    Raises:
      ValueError: If a reward is not finite: one NaN makes every weight of the controller NaN, for good.
    """
    with np.errstate(over="ignore"):
        paid = np.asarray(rewards, np.float32)
    for rule, reward in zip(rules, paid):
        if not np.isfinite(reward):
            raise ValueError(
                f"The reward of the rule `{rule}` must be a finite number, 0 if it diverged. Received: {reward}."
            )
    return paid
