"""The controller's networks: an LSTM that spells rules, and the moving-average baseline."""

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.keras_layers import dynamic_unroll_layer
from tf_agents.networks import network
from tf_agents.trajectories import time_step as ts

WEIGHT_RANGE = 0.08  # arXiv v2, section 4.2


class ControllerNetwork(network.Network):
    """A single-layer LSTM with its own softmax at every position (arXiv v2, sections 3.2 and 4.2).

      h_i      = LSTM(one_hot(prev_i), one_hot(i); h_{i-1})
      token_i ~ softmax(where(mask_i, h_i·W_i + c_i, -inf)),   i = 0 .. 5n-1

    All weights and biases are initialized uniformly in ±0.08. The state is reset at the start of each episode.

    Args:
      input_tensor_spec: The observation spec of a `RuleEnvironment`.
      units: Size of the hidden state; 150.
      seed: Seed of the initial weights.
      name: Name of the network.

    Call:
      observation: `{prev, pos, mask}` with outer dimensions `[B]` (one step) or `[B, T]`. At each time `pos` is the
        same in all rows, so that one layer serves them all.
      step_type: Int32 of the outer dimensions; None if no episode starts within.
      network_state: Two float32 `[B, units]`, or () at the start.

    Returns:
      An int32 `Categorical` with float32 logits `[..., V]`, and the next state.
    """

    def __init__(
        self, input_tensor_spec: Mapping[str, Any], units: int = 150, seed: int = 0, name: str = "ControllerNetwork"
    ):
        super().__init__(input_tensor_spec, state_spec=[tf.TensorSpec([units])] * 2, name=name)
        self._length = int(input_tensor_spec["pos"].maximum) + 1
        self._width = input_tensor_spec["mask"].shape[0]
        # One seed per weight: Keras draws equal numbers from equal seeds, whatever the shape.
        seeds = np.random.SeedSequence(seed).generate_state(5) >> 1
        kernel, recurrent, bias, head, head_bias = (
            tf.keras.initializers.RandomUniform(-WEIGHT_RANGE, WEIGHT_RANGE, seed=int(seed)) for seed in seeds
        )
        self._lstm: Any = dynamic_unroll_layer.DynamicUnroll(
            tf.keras.layers.LSTMCell(
                units,
                kernel_initializer=kernel,
                recurrent_initializer=recurrent,
                bias_initializer=bias,
                unit_forget_bias=False,
            )
        )
        self._head = tf.Variable(head([self._length, units, self._width]), name="head/kernel")
        self._head_bias = tf.Variable(head_bias([self._length, self._width]), name="head/bias")

    def call(
        self,
        observation: Mapping[str, tf.Tensor],
        step_type: Optional[tf.Tensor] = None,
        network_state: Any = (),
        training: bool = False,
    ) -> tuple[Any, Any]:
        single = observation["prev"].shape.rank == 1
        if single:
            observation = {name: value[:, None] for name, value in observation.items()}
        positions = tf.one_hot(observation["pos"], self._length)
        inputs = tf.concat([tf.one_hot(observation["prev"], self._width + 1), positions], axis=-1)
        hidden, state = self._lstm(inputs, network_state, reset_mask=_find_starts(step_type, single))
        # A product with one-hot vectors keeps the gradient dense, and so its summation order fixed.
        heads = tf.matmul(positions[0], tf.reshape(self._head, [self._length, -1]))
        heads = tf.reshape(heads, [-1, *self._head.shape[1:]])
        logits = tf.transpose(tf.matmul(tf.transpose(hidden, [1, 0, 2]), heads), [1, 0, 2])
        logits += tf.einsum("btp,pv->btv", positions, self._head_bias)
        logits = tf.where(observation["mask"] > 0, logits, -np.inf)
        return tfp.distributions.Categorical(logits=logits[:, 0] if single else logits), state


def _find_starts(step_type, single):
    if step_type is None:
        return None
    starts = tf.equal(step_type, ts.StepType.FIRST)
    return starts[:, None] if single else starts


class BaselineNetwork(network.Network):
    """A value network that is a single number: the moving average of past rewards (arXiv v2, section 3.2).

      b <- decay·b + (1 - decay)·mean(rewards)

    after each batch. No gradient reaches b. `start` sets b to the mean of the first batch.

    Args:
      input_tensor_spec: The observation spec of a `RuleEnvironment`.
      name: Name of the network.
    """

    def __init__(self, input_tensor_spec: Mapping[str, Any], name: str = "BaselineNetwork"):
        super().__init__(input_tensor_spec, state_spec=(), name=name)
        self.baseline = tf.Variable(tf.constant(0.0), trainable=False, name="baseline")

    def call(
        self,
        observation: Mapping[str, tf.Tensor],
        step_type: Optional[tf.Tensor] = None,
        network_state: Any = (),
        training: bool = False,
    ) -> tuple[tf.Tensor, Any]:
        return tf.zeros_like(observation["prev"], tf.float32) + self.baseline, network_state

    def start(self, rewards: Any) -> None:
        """Sets b to the mean of `rewards`, float `[batch]`, regardless of past ones."""
        self.baseline.assign(np.mean(rewards))

    def update(self, rewards: Any, decay: float) -> None:
        """Updates b with the pay of a batch, float `[batch]`, after training on it."""
        self.baseline.assign(decay * self.baseline + (1.0 - decay) * np.mean(rewards))
