"""The interface of an algorithm that trains the controller."""

import typing
from typing import Any

from tf_agents.agents.tf_agent import TFAgent
from tf_agents.networks.network import Network
from tf_agents.trajectories.time_step import TimeStep

from tf_agents_env.networks import BaselineNetwork


class AgentSettings(typing.Protocol):
    """An algorithm, as a frozen dataclass of its own settings."""

    @property
    def epochs(self) -> int:
        """The number of times that `train` is called with the same batch."""
        ...

    def agent(
        self, time_step_spec: TimeStep, action_spec: Any, actor: Network, baseline: BaselineNetwork, entropy: float
    ) -> TFAgent:
        """Creates an agent over the given networks.

        Its `train(experience, weights)` receives whole episodes, `[batch, 5n+1]`, whose last frame is the boundary,
        and a weight for each episode, `[batch]`. It uses A = R - b as the advantage of every token of an episode,
        where R is the reward of the episode and b is `baseline.baseline`. Its `LossInfo.extra` is a dict of scalars
        to display.

        Args:
          time_step_spec, action_spec: Specs of a `RuleEnvironment`, as tensor specs.
          actor: A `ControllerNetwork`.
          baseline: The `BaselineNetwork` that holds b.
          entropy: Coefficient of the entropy bonus.
        """
        ...
