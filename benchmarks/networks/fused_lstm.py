"""An LSTM layer on TensorFlow's fused kernel."""

from typing import Any

import tensorflow as tf


class FusedLSTM(tf.keras.layers.Layer):
    """An LSTM equal to `tf.keras.layers.LSTM`, whose loop over steps takes longer to trace than a short training.

    Called with inputs [batch, length, n] and a state [h, c], each [batch, units]; returns the outputs
    [batch, length, units] and the final state. The kernel exists for CPUs and GPUs.

    Args:
      units: Width of the state.
      initializer: Initializer of the kernel; biases start at 1 for the forget gate and at 0 for the others.
    """

    def __init__(self, units: int, initializer: Any):
        super().__init__()
        self.units, self._initializer = units, initializer

    def build(self, shape: tf.TensorShape) -> None:
        # The kernel orders the gates as input, candidate, forget, output; in Keras, the forget gate is second.
        inputs, gates = shape[-1], 4 * self.units
        self.kernel = self.add_weight("kernel", [inputs + self.units, gates], initializer=self._initializer)
        self.bias = self.add_weight("bias", [gates], initializer=self._initial_bias)
        super().build(shape)

    def _initial_bias(self, shape, dtype=None):
        return tf.repeat(tf.constant([0.0, 0.0, 1.0, 0.0], dtype), self.units)

    def call(self, inputs: tf.Tensor, state: list) -> tuple[tf.Tensor, list]:
        h, c = state
        by_step = tf.transpose(inputs, [1, 0, 2])
        unused = tf.zeros([self.units], inputs.dtype)  # peephole weights
        # Not BlockLSTMV2: in TensorFlow 2.15 its gradient has the gates in the wrong order.
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
            forget_bias=0.0,  # included in `bias`
            cell_clip=-1.0,
        )
        return tf.transpose(fused.h, [1, 0, 2]), [fused.h[-1], fused.cs[-1]]
