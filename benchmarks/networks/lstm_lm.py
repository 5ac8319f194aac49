"""A word-level language model with one LSTM layer (cf. Melis et al., 2017, and Gal & Ghahramani, 2016)."""

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class LSTMLanguageModel:
    """Embedding -> LSTM -> softmax by the transposed embedding (weight tying), with variational dropout.

    The embedding is as wide as the layer, so no projection is needed between layer and softmax. The paper tuned that
    ratio, the dropout rates and the state reset with a black-box tuner but does not report the values; these defaults
    are customary.

    Args:
      units: Width of the LSTM and of the embedding. 650 units with the 10,000 words of the Penn Treebank give 9.9
        million parameters; the paper has 10 million.
      embedding_dropout, state_dropout, output_dropout: Dropout rates of the LSTM's input, recurrent state and output.
        Each row of a batch has its own mask, the same at all steps.
      state_reset: Probability that a row's state is reset to zero at a training batch.
    """

    units: int = 650
    embedding_dropout: float = 0.5
    state_dropout: float = 0.25
    output_dropout: float = 0.5
    state_reset: float = 0.01

    def parameters(self, vocabulary: int) -> int:
        """The number of weights: the embedding, the softmax's biases, and the LSTM's four gates."""
        gates = 4 * self.units * (2 * self.units + 1)
        return vocabulary * (self.units + 1) + gates

    def __call__(self, vocabulary: int, streams: int) -> tf.keras.Model:
        """Creates a Keras model: (words, continued), as in `text.make_batches` -> logits of the next words.

        Args:
          vocabulary: Number of words.
          streams: Rows of a batch; with a `tf.distribute.Strategy`, rows per replica.
        """
        return _Network(self, vocabulary, streams)


class _Network(tf.keras.Model):
    """Carries its state from batch to batch, separately for training and evaluation."""

    def __init__(self, config, vocabulary, streams):
        super().__init__()
        keras, units = tf.keras.layers, config.units
        self.embedding = keras.Embedding(vocabulary, units)
        self.lstm = keras.LSTM(
            units, return_sequences=True, return_state=True, recurrent_dropout=config.state_dropout
        )
        self.embedding.build(None)
        self.lstm.build((None, None, units))
        self.bias = self.add_weight("bias", [vocabulary], initializer="zeros")
        # One mask for all steps.
        self.input_dropout = keras.Dropout(config.embedding_dropout, noise_shape=(None, 1, None))
        self.output_dropout = keras.Dropout(config.output_dropout, noise_shape=(None, 1, None))
        self.state_reset = config.state_reset
        self.carried = {mode: [_make_state(streams, units) for _ in "hc"] for mode in ("training", "evaluation")}

    def call(self, inputs, training=False):
        words, continued = inputs
        carried = self.carried["training" if training else "evaluation"]
        if training:
            continued *= tf.cast(tf.random.uniform(tf.shape(continued)) >= self.state_reset, tf.float32)
        x = self.input_dropout(self.embedding(words), training=training)
        before = [continued[:, tf.newaxis] * state for state in carried]
        x, *after = self.lstm(x, initial_state=before, training=training)
        for state, value in zip(carried, after):
            state.assign(value)
        x = self.output_dropout(x, training=training)
        # Flattened to a matrix: a batched product would compute a gradient matrix for each row.
        flat = tf.reshape(x, [-1, x.shape[-1]])
        logits = tf.matmul(flat, self.embedding.embeddings, transpose_b=True) + self.bias
        return tf.reshape(logits, [tf.shape(words)[0], tf.shape(words)[1], logits.shape[-1]])


def _make_state(streams, units):
    # Each replica has its own state, because it has its own rows of the batch.
    return tf.Variable(
        tf.zeros([streams, units]),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )
