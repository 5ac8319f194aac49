"""GNMT, Google's neural machine translation network (Wu et al., 2016): deep LSTMs with attention between them.

Encoder: a bidirectional layer, whose two outputs are concatenated, and unidirectional layers above it. Decoder: the
bottom layer reads only the target words; its outputs are the queries of a one-layer (additive) attention over the
encoder's top layer, and all layers above also read the resulting context. In both, layers from the third on have
residual connections.

A query is the bottom layer's output at the same step, and that layer does not see the context, as in "GNMT v2" of
later implementations; in Wu et al. the query is the output of the previous step. In training, no layer therefore
waits for another layer's previous step, and each runs over the whole sequence at once.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import tensorflow as tf

from benchmarks.data.subwords import PAD
from benchmarks.networks.fused_lstm import FusedLSTM


@dataclass(frozen=True)
class GNMT:
    """The sizes of the network; the defaults are those of Wu et al.

    Args:
      vocabulary: Number of subwords, which both languages share; subword 0 is padding.
      layers: Number of layers in the encoder, and in the decoder.
      units: Width of each layer, of the embeddings and of the attention.
      dropout: Dropout rate of each layer's inputs in training.
      initial: Weights are initialized uniformly in [-initial, initial]; biases are 0, those of forget gates 1.
    """

    vocabulary: int = 32_000
    layers: int = 8
    units: int = 1024
    dropout: float = 0.2
    initial: float = 0.04

    def __post_init__(self) -> None:
        if self.layers < 2:
            raise ValueError(f"Argument `layers` must be at least 2. Received: {self.layers}.")

    def __call__(self) -> "Translator":
        """Creates a Keras model with new weights."""
        model = Translator(self)
        model((tf.ones([1, 1], tf.int32), tf.ones([1, 1], tf.int32)))  # creates the weights
        return model

    def parameters(self) -> int:
        """The number of weights."""
        units = self.units
        encoder = 2 * self._lstm(units) + self._lstm(2 * units) + (self.layers - 2) * self._lstm(units)
        decoder = self._lstm(units) + (self.layers - 1) * self._lstm(2 * units)
        attention = 2 * units * units + units
        embeddings, logits = 2 * self.vocabulary * units, self.vocabulary * (units + 1)
        return embeddings + encoder + attention + decoder + logits

    def _lstm(self, inputs):
        return 4 * self.units * (inputs + self.units + 1)


class Memory(NamedTuple):
    """The input of the attention: the encoder's outputs, their keys, and a mask that is False at padding."""

    values: Any
    keys: Any
    present: Any


class Translator(tf.keras.Model):
    """(source, target so far), both [batch, length] -> logits of the next subword, [batch, length, vocabulary].

    Padding comes after the sentence, so forward layers need no mask.
    """

    def __init__(self, sizes: GNMT):
        super().__init__(name="gnmt")
        keras, units = tf.keras.layers, sizes.units

        def uniform():
            return tf.keras.initializers.RandomUniform(-sizes.initial, sizes.initial)

        def lstm():
            return FusedLSTM(units, uniform())

        def projection():
            return keras.Dense(units, use_bias=False, kernel_initializer=uniform())

        self.sizes = sizes
        self._dropout = keras.Dropout(sizes.dropout)
        self._source, self._target = (keras.Embedding(sizes.vocabulary, units, uniform()) for _ in range(2))
        self._forwards, self._backwards = lstm(), lstm()
        self._encoder = [lstm() for _ in range(1, sizes.layers)]
        self._key, self._query = projection(), projection()
        self._attention = keras.AdditiveAttention()
        self._decoder = [lstm() for _ in range(sizes.layers)]
        self._logits = keras.Dense(sizes.vocabulary, kernel_initializer=uniform())

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        source, target = inputs
        return self.decode(target, self.encode(source), self.no_states(tf.shape(source)[0]))[0]

    def encode(self, source: tf.Tensor) -> Memory:
        """Encodes source sentences as a `Memory`."""
        present = source != PAD
        lengths = tf.reduce_sum(tf.cast(present, tf.int32), axis=1)
        (nothing, *_) = self.no_states(tf.shape(source)[0])
        x = self._dropout(self._source(source))
        forwards, _ = self._forwards(x, nothing)
        backwards, _ = self._backwards(tf.reverse_sequence(x, lengths, seq_axis=1), nothing)
        x = tf.concat([forwards, tf.reverse_sequence(backwards, lengths, seq_axis=1)], axis=-1)
        for depth, lstm in enumerate(self._encoder, start=2):
            outputs, _ = lstm(self._dropout(x), nothing)
            x = _add_residual(outputs, x, depth)
        return Memory(x, self._key(x), present)

    def decode(self, target: tf.Tensor, memory: Memory, states: list) -> tuple[tf.Tensor, list]:
        """The logits of the next subword at each position of the target, and the layers' final states."""
        bottom, *above = self._decoder
        x, state = bottom(self._dropout(self._target(target)), states[0])
        context = self._attention([self._query(x), memory.values, memory.keys], mask=[None, memory.present])
        after = [state]
        for depth, (lstm, state) in enumerate(zip(above, states[1:]), start=2):
            outputs, state = lstm(self._dropout(tf.concat([x, context], axis=-1)), state)
            x = _add_residual(outputs, x, depth)
            after.append(state)
        return self._logits(x), after

    def no_states(self, sentences: Any) -> list:
        """The initial states of the decoder's layers."""
        zeros = tf.zeros([sentences, self.sizes.units])
        return [[zeros, zeros]] * self.sizes.layers


def _add_residual(outputs, inputs, depth):
    return outputs + inputs if depth > 2 else outputs
