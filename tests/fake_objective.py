"""An objective that is a formula, so that a tuning takes no training."""

import math

from neural_optimizer_search.tasks.protocol import Protocol
from neural_optimizer_search.trials.objective import Progress

STEPS, EVERY = 12, 3
PROTOCOL = Protocol(
    name="made-up", train_examples=10, validation_examples=10, learning_rates=(1e-2, 1e-1, 1.0), sweep_steps=STEPS,
    final_steps=STEPS, validate_every=EVERY, batch_size=1, probe_steps=2, seeds=(0, 1),
)  # fmt: skip


class FakeObjective:
    """Best at the rate 0.03, beta_1 = 0.5 and a linear decay; too large rates diverge in the first steps.

    Attributes:
      too_large: The least rate that diverges; by default one that no trial has.
      trainings: Of each training the setting, the seed and how many steps it was taken.
    """

    seeds = (0, 1)
    too_large = 5.0

    def __init__(self, protocol=PROTOCOL):
        self.steps, self.every, self.probe_steps = protocol.final_steps, protocol.validate_every, protocol.probe_steps
        self.trainings = []

    def prepare(self, seeds):
        """Nothing is traced."""

    def find_scale(self, rule):
        """Of updates that would be twice as large as one wants."""
        return None if "log" in rule.formula() else 2.0

    def train(self, setting, seed):
        self.trainings.append([setting, seed, 0])
        for steps in range(self.every, self.steps + 1, self.every):
            self.trainings[-1][2] = steps
            finite = setting.learning_rate < self.too_large
            yield Progress(steps, self.value(setting, seed) * steps / self.steps if finite else 0.0, finite)
            if not finite:
                return

    def train_whole(self, setting, seed):
        self.trainings.append([setting, seed, self.steps])
        return self.value(setting, seed)

    def value(self, setting, seed):
        far = math.log10(setting.learning_rate / 0.03) ** 2 + (setting.rule.constants.beta_1 - 0.5) ** 2
        far += 0.0 if setting.schedule.decay == "linear" else 0.2
        noise = 0.01 * math.sin(1e4 * setting.learning_rate + seed)
        return max(0.0, min(1.0, 0.9 / (1.0 + far) + noise))
