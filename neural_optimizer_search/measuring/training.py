"""Training a child with a rule, with one trace for all rules.

Compiling a Keras model for each rule and learning rate costs seconds; here the tokens, the learning rate, the seed
and the step counts are tensors, so that one traced function trains them all (`benchmarks/evaluation_speed.py`
measures both ways).
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.dsl.interpreter import AVERAGES, Inputs, next_average, update_from_tokens
from neural_optimizer_search.flat_weights import assign, flat
from neural_optimizer_search.tasks.child import Child, length, predict


class TrainingRun(NamedTuple):
    """One training run.

    Attributes:
      finite: Whether loss and weights stayed finite; if not, the run stopped at once.
      steps: Steps done.
      accuracies, losses: What `Child.measure` gave of the validation data every `validate_every` steps: the accuracy,
        or the score in its place, and the mean loss; 0 where a run that was not finite did not get.
      update_rms: Root mean square of all updates, before the learning rate.
    """

    finite: bool
    steps: int
    accuracies: np.ndarray
    losses: np.ndarray
    update_rms: float


class _State(NamedTuple):
    step: tf.Tensor
    weights: tf.Tensor
    averages: tuple[tf.Tensor, ...]
    finite: tf.Tensor
    squares: tf.Tensor
    curves: tf.TensorArray


class ChildTraining:
    """A child network, its data, and the traced function that trains it.

    The trained weights are one flat vector: a rule is applied once a step, not once per layer.

    Args:
      child: A `Child`.
    """

    def __init__(self, child: Child):
        self._child = child
        self._model, self._variables = _make_with_variables(child.make_model)
        self._train_data = _tensors(child.train)
        self._validation_data = _tensors(child.validation)
        self._initial = {}
        scalar = tf.TensorSpec([], tf.int64)
        self._function = tf.function(
            self._training,
            input_signature=[
                tf.TensorSpec([None], tf.int32),
                tf.TensorSpec([], tf.float32),
                scalar,
                scalar,
                scalar,
                [tf.TensorSpec(variable.shape, variable.dtype) for variable in self._variables],
            ],
            autograph=False,  # there is nothing to convert, and looking at each branch doubles the trace time
        )
        # Called directly: the checks of a `tf.function` cost more than a step of a small child.
        self._train = self._function.get_concrete_function()

    def __call__(
        self, tokens: Sequence[int], learning_rate: float, seed: int, steps: int, validate_every: int
    ) -> TrainingRun:
        """Trains a fresh child.

        Args:
          tokens: The rule's 5n ids of `vocabulary.FULL`.
          learning_rate: λ in w <- w - λ·update.
          seed: Sets the initial weights, the batches and the rule's noise.
          steps: Number of steps; T of the decay operands.
          validate_every: Steps between validations; divides `steps`.

        Returns:
          A `TrainingRun`.
        """
        finite, steps, curves, rms = self._train(
            tf.constant(tokens, tf.int32),
            tf.constant(learning_rate, tf.float32),
            tf.constant(seed, tf.int64),
            tf.constant(steps, tf.int64),
            tf.constant(validate_every, tf.int64),
            self._initial_values(seed),
        )
        accuracies, losses = curves.numpy().T
        return TrainingRun(bool(finite), int(steps), accuracies, losses, float(rms))

    def final_metric(self) -> Optional[float]:
        """`Child.metric` of the child as the last training left it; None if there is no such metric."""
        if self._child.metric is None:
            return None
        return float(self._child.metric(predict(self._model, self._validation_data)))

    @property
    def traces(self) -> int:
        """How many times the training function was traced."""
        return self._function.experimental_get_tracing_count()

    def _initial_values(self, seed):
        """What the variables of a fresh model hold."""
        if seed not in self._initial:
            # Keras initializers draw their own seeds from the global generators.
            tf.keras.utils.set_random_seed(seed)
            _, variables = _make_with_variables(self._child.make_model)
            self._initial[seed] = [tf.identity(variable) for variable in variables]
        return self._initial[seed]

    # -- Traced ----------------------------------------------------------------------------------------

    def _training(self, tokens, learning_rate, seed, steps, validate_every, initial):
        for variable, value in zip(self._variables, initial):
            variable.assign(value)
        batches = self._batches(seed, steps)

        def train_step(state):
            gradient = self._gradient(batches[state.step])
            averages = tuple(
                next_average(average, gradient.value, beta, power)
                for average, (_, beta, power) in zip(state.averages, AVERAGES)
            )
            named = {name: average for average, (name, _, _) in zip(averages, AVERAGES)}
            inputs = Inputs(gradient.value, state.weights, named, state.step, steps, seed)
            update = update_from_tokens(tokens, inputs)
            weights = state.weights - learning_rate * update
            assign(self._model.trainable_variables, weights)
            finite = tf.math.is_finite(gradient.loss) & tf.math.is_finite(tf.reduce_sum(weights))
            squares = state.squares + tf.reduce_sum(tf.cast(update, tf.float64) ** 2)
            done = state.step + 1
            curves = tf.cond(
                tf.equal(done % validate_every, 0) & finite,
                lambda: state.curves.write(tf.cast(done // validate_every - 1, tf.int32), self._validate()),
                lambda: state.curves,
            )
            return (_State(done, weights, averages, finite, squares, curves),)

        state = self._initial_state(tf.cast(steps // validate_every, tf.int32))
        (state,) = tf.while_loop(
            lambda state: (state.step < steps) & state.finite, train_step, (state,), parallel_iterations=1
        )
        values = tf.cast(state.step, tf.float64) * tf.size(state.weights, tf.float64)
        return state.finite, state.step, state.curves.stack(), tf.sqrt(state.squares / values)

    def _initial_state(self, validations):
        weights = flat(self._model.trainable_variables)
        return _State(
            step=tf.constant(0, tf.int64),
            weights=weights,
            averages=(tf.zeros_like(weights),) * len(AVERAGES),
            finite=tf.constant(True),
            squares=tf.constant(0.0, tf.float64),
            curves=tf.TensorArray(tf.float32, size=validations, element_shape=[2]),
        )

    def _batches(self, seed, steps):
        """Indices `[steps or more, batch_size]`: whole epochs, each in its own order."""
        examples = length(self._train_data)
        batch_size = self._child.batch_size
        per_epoch = examples // batch_size
        epochs = tf.cast((steps + per_epoch - 1) // per_epoch, tf.int32)
        # A rule's noise uses the seeds (seed, 0 and above).
        draws = tf.random.stateless_uniform([epochs, examples], tf.stack([seed, tf.constant(-1, tf.int64)]))
        order = tf.argsort(draws)[:, : per_epoch * batch_size]
        return tf.reshape(order, [-1, batch_size])

    def _gradient(self, batch):
        inputs, targets = tf.nest.map_structure(lambda part: tf.gather(part, batch), self._train_data)
        with tf.GradientTape() as tape:
            loss = self._child.loss(targets, self._model(inputs, training=True))
            if self._model.losses:  # of regularizers
                loss += tf.add_n(self._model.losses)
        weights = self._model.trainable_variables
        parts = tape.gradient(loss, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return _Gradient(loss, flat(parts))

    def _validate(self):
        return self._child.measure(predict(self._model, self._validation_data))


class _Gradient(NamedTuple):
    loss: tf.Tensor
    value: tf.Tensor


def _make_with_variables(make_model):
    """A model, and every variable that was made with it: also a random generator's state, which no model lists."""
    variables = []

    def keep(create, **arguments):
        variables.append(create(**arguments))
        return variables[-1]

    with tf.variable_creator_scope(keep):
        return make_model(), variables


def _tensors(data):
    return tf.nest.map_structure(tf.convert_to_tensor, tuple(data))
