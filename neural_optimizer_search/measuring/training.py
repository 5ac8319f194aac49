"""Training a child with a rule, with one trace for all rules.

Compiling a Keras model for each rule and learning rate costs seconds; here the tokens, the learning rate, the seed
and the step counts are tensors, so that one traced function trains them all (`benchmarks/evaluation_speed.py`
measures both ways).
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from neural_optimizer_search.measuring.token_optimizer import TokenOptimizer
from neural_optimizer_search.optimizers.keras_versions import clipping_of, replace_optimizer
from neural_optimizer_search.tasks.child import Child, length, rows

# Without it oneDNN, with batches of more than 32, sets up each convolution again at each step, to save memory that a
# child does not need: a tenth of a step of `digits`. TensorFlow reads it at the first convolution of a process.
os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")


class TrainingRun(NamedTuple):
    """One training run.

    Attributes:
      finite: Whether loss and weights stayed finite; if not, the run stopped at once.
      steps: Steps done.
      scores, losses, metrics: What `Child.validate` gave every `validate_every` steps; 0 where a run that was not
        finite did not get.
      update_rms: Root mean square of all updates, before the learning rate.
    """

    finite: bool
    steps: int
    scores: np.ndarray
    losses: np.ndarray
    metrics: np.ndarray
    update_rms: float


class _State(NamedTuple):
    step: tf.Tensor
    finite: tf.Tensor
    curves: tf.TensorArray


class ChildTraining:
    """A child network, its data, and the traced function that trains it.

    Args:
      child: A `Child`.
    """

    def __init__(self, child: Child):
        self._child = child
        self._train_data = _tensors(child.train)
        self._validation_data = _tensors(child.validation)
        self._initial: dict[int, list[tf.Tensor]] = {}
        self._model, self._optimizer, self._variables = self._make(seed=0)
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
        return TrainingRun(bool(finite), int(steps), *curves.numpy().T, float(rms))

    @property
    def traces(self) -> int:
        """How many times the training function was traced."""
        return self._function.experimental_get_tracing_count()

    def _initial_values(self, seed):
        """What the variables of a fresh child hold."""
        if seed not in self._initial:
            self._make(seed)
        return self._initial[seed]

    def _make(self, seed):
        """A fresh model, its optimizer, and all variables that come with them; keeps what these hold at first.

        Keras makes some variables late, at a model's first step, and while a function is traced none may be made: so
        here is a first step. No model lists all its variables, such as the state of a random generator.
        """
        # Keras initializers draw their own seeds from the global generators.
        tf.keras.utils.set_random_seed(seed)
        with _new_variables() as made:
            model = self._child.make_model()
            values = [tf.identity(variable) for variable, _ in made]
            optimizer = TokenOptimizer(**clipping_of(model))
            replace_optimizer(model, optimizer)
            batch_size = self._child.batch_size
            with _eager_functions():
                self._child.train_step(model, rows(self._train_data, 0, batch_size))
                self._child.validate(model, rows(self._validation_data, 0, batch_size))
        self._initial[seed] = [*values, *(value for _, value in made[len(values) :])]
        return model, optimizer, [variable for variable, _ in made]

    # -- Traced ----------------------------------------------------------------------------------------

    def _training(self, tokens, learning_rate, seed, steps, validate_every, initial):
        for variable, value in zip(self._variables, initial):
            variable.assign(value)
        self._optimizer.begin(tokens, learning_rate, seed, steps)
        batches = self._batches(seed, steps)

        def train_step(step, finite):
            batch = tf.nest.map_structure(lambda part: tf.gather(part, batches[step]), self._train_data)
            loss = self._child.train_step(self._model, batch)
            finite = tf.math.is_finite(loss) & tf.math.is_finite(self._optimizer.weights_sum)
            return step + 1, finite

        # The validation stands outside of this loop: a `tf.cond` in it would cost a step half of its time.
        def train_and_validate(state):
            step, finite = tf.while_loop(
                lambda step, finite: (step < state.step + validate_every) & finite,
                train_step,
                (state.step, state.finite),
                parallel_iterations=1,
            )
            curves = tf.cond(
                finite,
                lambda: state.curves.write(tf.cast(step // validate_every - 1, tf.int32), self._validate()),
                lambda: state.curves,
            )
            return (_State(step, finite, curves),)

        curves = tf.TensorArray(tf.float32, size=tf.cast(steps // validate_every, tf.int32), element_shape=[3])
        (state,) = tf.while_loop(
            lambda state: (state.step < steps) & state.finite,
            train_and_validate,
            (_State(tf.constant(0, tf.int64), tf.constant(True), curves),),
            parallel_iterations=1,
        )
        updates = tf.cast(state.step, tf.float64) * self._optimizer.size
        return state.finite, state.step, state.curves.stack(), tf.sqrt(self._optimizer.squares / updates)

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

    def _validate(self):
        return self._child.validate(self._model, self._validation_data)


@contextlib.contextmanager
def _new_variables() -> Iterator[list[tuple[tf.Variable, tf.Tensor]]]:
    """Gives a list of every variable that is made here, with what it holds when it is made."""
    made: list[tuple[tf.Variable, tf.Tensor]] = []

    def keep(create: Any, **arguments: Any) -> tf.Variable:
        variable = create(**arguments)
        made.append((variable, tf.identity(variable)))
        return variable

    with tf.variable_creator_scope(keep):
        yield made


@contextlib.contextmanager
def _eager_functions() -> Iterator[None]:
    """Runs what a `tf.function` wraps as it stands: what is traced would be kept, with this step's numbers in it."""
    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _tensors(data):
    return tf.nest.map_structure(tf.convert_to_tensor, tuple(data))
