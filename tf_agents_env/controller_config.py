"""The hyperparameters of the controllers, and their presets."""

import functools
from dataclasses import dataclass, field

from neural_optimizer_search.arguments import check_fields
from tf_agents_env.agents.agent_settings import AgentSettings
from tf_agents_env.agents.ppo import PPO
from tf_agents_env.agents.reinforce import Reinforce
from tf_agents_env.agents.trpo import TRPO


@dataclass(frozen=True)
class ControllerConfig:
    """The controller's hyperparameters; by default those of arXiv v2, section 4.2, where it gives them.

    Args:
      algorithm: `PPO`, `Reinforce` or `TRPO` settings (see `tf_agents_env.agents`).
      batch_size: Rules per iteration; 5.
      entropy: Coefficient of the entropy bonus; 0.0015.
      baseline_decay: Decay rate of the moving average of rewards, per batch; 0.95, not in the paper.
      units: Size of the LSTM's hidden state; 150.
      repeat_share: The factor by which each repeat of a rule reduces its pay; 1 pays repeats in full.
      rank_power: p; above 0, a rule is paid by its rank among the rules so far (`pay_by_rank`), not by its
        reward. Not in the paper.
      queue_size: k; above 0, each step also imitates the k best rules so far (`PriorityQueue`). Not in the paper.
      queue_learning_rate: Learning rate of Adam for the imitation.
      start_imitations: Imitation steps after each batch of start rules, before the controller's own first batch;
        later batches have one step each.

    Raises:
      ValueError: If a value is out of range.
    """

    algorithm: AgentSettings = field(default_factory=PPO)
    batch_size: int = 5
    entropy: float = 0.0015
    baseline_decay: float = 0.95
    units: int = 150
    repeat_share: float = 1.0
    rank_power: float = 0.0
    queue_size: int = 0
    queue_learning_rate: float = 1e-3
    start_imitations: int = 1

    def __post_init__(self) -> None:
        check_fields(self, "above 0", "batch_size", "units", "queue_learning_rate", "start_imitations")
        check_fields(self, "at least 0", "queue_size", "rank_power")
        check_fields(self, "in [0, 1]", "entropy", "baseline_decay", "repeat_share")


# With the paper's learning rate, PPO and REINFORCE learn nothing visible in 1,000 rules. PPO's "fast" was chosen on
# the table of `benchmarks.run search_algorithms`, with seeds other than those that it reports, as was evolution's
# population: with pay by rank and a short queue, it reached the best rules most reliably. The other two have the same
# settings, untuned.
_fast = functools.partial(
    ControllerConfig,
    batch_size=10,
    entropy=0.01,
    baseline_decay=0.5,
    repeat_share=0.5,
    rank_power=2.0,
    queue_size=5,
    queue_learning_rate=3e-4,
    # After a start of 20 rules, a string differs from the nearest of the best five in 9 of its ten words with 1 step
    # per batch, in 5 with 20 steps, and in 2 with 50; with 100 steps, half of the strings are spelled twice.
    start_imitations=20,
)
CONTROLLERS = {
    "ppo": {
        "paper": ControllerConfig(PPO()),
        "fast": _fast(PPO(learning_rate=1e-3)),
    },
    "reinforce": {
        "paper": ControllerConfig(Reinforce()),
        "fast": _fast(Reinforce(learning_rate=5e-3)),
    },
    "trpo": {
        "paper": ControllerConfig(TRPO()),
        "fast": _fast(TRPO(kl_radius=0.02)),
    },
}
