"""An LSTM layer by TensorFlow's fused kernel."""

from typing import Any

import tensorflow as tf


class FusedLSTM(tf.keras.layers.Layer):
    """The numbers of `tf.keras.layers.LSTM`, whose loop over the steps takes longer to trace than short trainings do.

    Called with inputs [batch, length, n] and a state [h, c], each [batch, units]; returns the outputs
    [batch, length, units] and the state after them. There is a kernel for CPUs and one for GPUs.

    Args:
      units: Width of the state.
      initializer: Initializer of the kernel; biases are 0, and 1 for the forget gate.
    """

    def __init__(self, units: int, initializer: Any):
        super().__init__()
        self.units, self._initializer = units, initializer

    def build(self, shape: tf.TensorShape) -> None:
        # The kernel's order of gates: input, candidate, forget, output. In Keras the forget gate is the second.
        inputs, gates = shape[-1], 4 * self.units
        self.kernel = self.add_weight("kernel", [inputs + self.units, gates], initializer=self._initializer)
        self.bias = self.add_weight("bias", [gates], initializer=self._initial_bias)
        super().build(shape)

    def _initial_bias(self, shape, dtype=None):
        return tf.repeat(tf.constant([0.0, 0.0, 1.0, 0.0], dtype), self.units)

    def call(self, inputs: tf.Tensor, state: list) -> tuple[tf.Tensor, list]:
        h, c = state
        by_step = tf.transpose(inputs, [1, 0, 2])
        unused = tf.zeros([self.units], inputs.dtype)  # of peepholes
        # Not BlockLSTMV2: the gradient that TensorFlow 2.15 has for it takes the gates in the wrong order.
        fused = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(by_step, tf.int64)[0],
            x=by_step,
            cs_prev=c,
            h_prev=h,
            w=self.kernel,
            wci=unused,
            wcf=unused,
            wco=unused,
            b=self.bias,
            forget_bias=0.0,  # `bias` has it
            cell_clip=-1.0,
        )
        return tf.transpose(fused.h, [1, 0, 2]), [fused.h[-1], fused.cs[-1]]
