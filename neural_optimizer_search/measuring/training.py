"""Trains a child with a rule, with one trace for all rules.

Compiling a Keras model for each rule and learning rate costs seconds; here the rule, the rate of each step, the
weight decay, the seed and the step counts are tensors, so that one traced function trains them all (the study
`evaluation_speed` measures both ways).
"""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.dsl.encoding import EncodedRule, encode, is_plain
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.measuring.child_run import ChildRun, Pace, Snapshot, TrainingRun
from neural_optimizer_search.measuring.progress import tell
from neural_optimizer_search.measuring.random_draws import repeatable_draws
from neural_optimizer_search.measuring.recording import Recording
from neural_optimizer_search.measuring.run_plan import RunPlan
from neural_optimizer_search.measuring.token_optimizer import GRADIENT_DESCENT, TokenOptimizer
from neural_optimizer_search.tasks.child import Child, eager_functions, gather, length, rows
from neural_optimizer_search.tasks.keras_steps import clipping_of, replace_optimizer, tensorflow_variable
from neural_optimizer_search.tasks.shared_data import is_large, share
from neural_optimizer_search.user_error import UserError

# Loss scaling skips updates until its scale, initially 2^15, is small enough; gradients may also be accumulated.
MOST_WITHOUT_UPDATE = 16

LEAST_FOUND = 2**16  # bytes from which equal initial values are worth keeping only once

# By default, oneDNN sets up each convolution again at each step with batches of more than 32, to save memory that a
# child does not need: this takes a tenth of a step of `digits`. TensorFlow reads the variable at the first
# convolution of a process.
os.environ.setdefault("TF_MKL_OPTIMIZE_PRIMITIVE_MEMUSE", "false")


class _State(NamedTuple):
    step: tf.Tensor
    finite: tf.Tensor
    curves: tf.TensorArray


class ChildTraining:
    """A child network, its data, and the traced function that trains it.

    Args:
      child: A `Child`.

    Attributes:
      scale: The child's `scale`.
      traces: The number of times that the training function was traced.
    """

    def __init__(self, child: Child):
        self._pace = Pace()
        self._train_data = _tensors(child.train)
        self._validation_data = _tensors(child.validation)
        self.scale = child.scale
        self._child = child._replace(train=None, validation=None)  # one copy of large data is enough
        self._initial: dict[int, list[tf.Tensor]] = {}
        self._large: dict[str, tf.Tensor] = {}  # the large ones of these, by a hash of their values
        self._runs = 0  # number begun so far; all use the same variables
        self._model, self._optimizer, self._generator, self._variables = self._make(seed=0)
        self.traces = 0
        # Whether rules are plain -> the graph that runs them. Few are not, so their graph is traced on first use.
        self._graphs: dict[bool, Any] = {}
        self._train = self._find_graph(are_plain=True)
        order = tf.function(self._batches, [tf.TensorSpec([], tf.int64)] * 2, autograph=False)
        self._order = order.get_concrete_function()
        self._validation = tf.function(self._validate_repeatably, [], autograph=False)

    def _find_graph(self, are_plain):
        if are_plain not in self._graphs:
            scalar = tf.TensorSpec([], tf.int64)
            function = tf.function(
                self._training,
                input_signature=[
                    EncodedRule(
                        *(tf.TensorSpec([None, *array.shape[1:]], array.dtype) for array in GRADIENT_DESCENT)
                    ),
                    tf.TensorSpec([None], tf.float32),
                    tf.TensorSpec([], tf.float32),
                    tf.TensorSpec([None, self._child.batch_size], tf.int32),
                    *[scalar] * 5,
                    [tf.TensorSpec(variable.shape, variable.dtype) for variable in self._variables],
                ],
                autograph=False,  # there is nothing to convert, and looking at each branch doubles the trace time
            )
            self._optimizer.calls, self._optimizer.runs_plain_rules = 0, are_plain
            # Called directly: the checks of a `tf.function` cost more than a step of a small child.
            self._graphs[are_plain] = function.get_concrete_function()
            _check_calls(self._optimizer.calls)
        return self._graphs[are_plain]

    def __call__(self, rule: Rule, plan: RunPlan) -> TrainingRun:
        """Trains a fresh child with a `Rule`; returns the results of the run."""
        return self.begin(rule, plan).advance(plan.steps)

    def begin(self, rule: Rule, plan: RunPlan, start: Optional[Snapshot] = None) -> ChildRun:
        """Begins a run that trains only as far as it is advanced, and may be abandoned at any step.

        Args:
          rule: The `Rule`.
          plan: The run.
          start: The saved state from which to continue; None to start at step 0.
        """
        self._runs += 1
        number, graph = self._runs, self._find_graph(is_plain(rule))

        def require_turn():
            if number != self._runs:
                raise RuntimeError("Another run of this ChildTraining has begun; they use the same variables.")

        scalars = [tf.constant(x, tf.int64) for x in (plan.seed, plan.steps, plan.validate_every)]
        inputs = (
            EncodedRule(*map(tf.constant, encode(rule))),
            tf.constant(np.float32(plan.learning_rate) * plan.schedule.factors(plan.steps)),
            tf.constant(plan.weight_decay, tf.float32),
            self._order(*scalars[:2]),
            *scalars,
        )
        initial = self._initial_values(plan.seed)

        def train(first, last):
            return graph(*inputs, tf.constant(first, tf.int64), tf.constant(last, tf.int64), initial)

        return ChildRun(
            train,
            self._variables,
            lambda: self._validation().numpy(),
            self._pace,
            lambda done: tell(done, plan.steps),
            require_turn,
            start,
        )

    def record(self, rule: Rule, learning_rate: float, seed: int, steps: int) -> dict[str, Any]:
        """Records the first steps of a fresh child for `make_descent`; runs eagerly, without a trace.

        Args:
          rule: The `Rule`.
          learning_rate, seed: See `RunPlan`.
          steps: Maximum number of steps. The recording ends before gradients or weights that are not finite.
        """
        self._runs += 1
        recording = Recording()
        for variable, value in zip(self._variables, self._initial_values(seed)):
            variable.assign(value)
        optimizer, scalars = self._optimizer, (tf.constant(seed, tf.int64), tf.constant(steps, tf.int64))
        optimizer.runs_plain_rules = is_plain(rule)
        optimizer.begin(EncodedRule(*map(tf.constant, encode(rule))), *scalars, tf.constant(0.0))
        optimizer.set_rate(tf.constant(np.float32(learning_rate)))
        batches = self._batches(*scalars)
        optimizer.watch = recording.add
        try:
            with eager_functions(), repeatable_draws(self._generator):
                for step in range(steps):
                    self._child.train_step(self._model, gather(self._train_data, batches[step]))
        finally:
            optimizer.watch = None
        return recording.as_dict()

    def prepare(self, seeds: Iterable[int]) -> None:
        """Creates the initial weights of these seeds.

        After new weights are created, TensorFlow sets up the graph again in the next run, which takes as long as many
        runs. So this is done once for all seeds.
        """
        for seed in seeds:
            self._initial_values(seed)

    def measure_untrained(self, seed: int) -> np.ndarray:
        """The result of `Child.validate` for a fresh child: float32 [score, loss, metric]."""
        for variable, value in zip(self._variables, self._initial_values(seed)):
            variable.assign(value)
        return self._validation().numpy()

    def count_weights(self) -> tuple[int, int]:
        """The numbers of trainable and non-trainable weights of the child."""
        kinds = self._model.trainable_weights, self._model.non_trainable_weights
        trainable, frozen = (sum(int(tf.size(weight)) for weight in weights) for weights in kinds)
        return trainable, frozen

    def find_foreign_variables(self) -> list[tf.Variable]:
        """The variables that training uses but no child owns, so that runs share their values."""
        own = {id(variable.handle) for variable in self._variables}
        return [variable for variable in self._train.variables if id(variable.handle) not in own]

    def _initial_values(self, seed):
        """The values of a fresh child's variables."""
        if seed not in self._initial:
            self._make(seed)
        return self._initial[seed]

    def _make(self, seed):
        """Creates a model, its optimizer, its random generator and all variables, and keeps their initial values.

        Keras creates some variables late, in a model's first steps, but none may be created while a function is
        traced, so the first steps are done here. The variables are collected on creation because a model does not
        list all of them: it omits, for example, the state of a random generator.
        """
        # Keras initializers draw their own seeds from the global generators.
        tf.keras.utils.set_random_seed(seed)
        batch_size = self._child.batch_size
        with _new_variables() as made:
            model = self._child.make_model()
            generator = tf.random.Generator.from_seed(seed)
            values = [tf.identity(variable) for variable, _ in made]
            with eager_functions(), repeatable_draws(generator):
                # In their first call, layers create weights and may set them, for example to pretrained values.
                self._child.validate(model, rows(self._validation_data, 0, batch_size))
                model.reset_metrics()
                values += [_first_value(*late) for late in made[len(values) :]]
                optimizer = TokenOptimizer(**clipping_of(model))
                replace_optimizer(model, optimizer)
                for _ in range(MOST_WITHOUT_UPDATE):
                    self._child.train_step(model, rows(self._train_data, 0, batch_size))
                    if optimizer.calls:
                        break
                _check_calls(optimizer.calls)
        _check_weights(model, made)
        values += [value for _, value in made[len(values) :]]
        self._initial[seed] = [self._find_same(value) for value in values]
        return model, optimizer, generator, [variable for variable, _ in made]

    def _find_same(self, value):
        """A kept tensor with the same values, if there is one: zeros as large as a model are needed only once."""
        array = value.numpy()
        if array.nbytes < LEAST_FOUND:
            return value
        key = hashlib.blake2b(f"{array.dtype} {array.shape}".encode() + array.tobytes()).hexdigest()
        return self._large.setdefault(key, value)

    # -- Traced ----------------------------------------------------------------------------------------

    def _training(self, *inputs):
        self.traces += 1  # as Python code, which only a trace runs
        with repeatable_draws(self._generator):
            return self._train_and_validate(*inputs)

    def _train_and_validate(
        self, rule, rates, weight_decay, batches, seed, steps, validate_every, start, end, initial
    ):
        def begin():
            for variable, value in zip(self._variables, initial):
                variable.assign(value)
            self._optimizer.begin(rule, seed, steps, weight_decay)

        # Later parts of a run continue with the variables' current values.
        tf.cond(tf.equal(start, 0), begin, lambda: None)

        def train_step(step, finite):
            # `gather`, because an index in brackets becomes five operations, noticeable in a small child's step.
            self._optimizer.set_rate(tf.gather(rates, step))
            loss = self._child.train_step(self._model, gather(self._train_data, tf.gather(batches, step)))
            finite = tf.math.is_finite(loss) & tf.math.is_finite(self._optimizer.weights_sum)
            return step + 1, finite

        # The validation is outside of this loop, because a `tf.cond` in it would cost half of a step's time.
        def train_and_validate(state):
            stop = tf.minimum((state.step // validate_every + 1) * validate_every, end)
            step, finite = tf.while_loop(
                lambda step, finite: (step < stop) & finite,
                train_step,
                (state.step, state.finite),
                parallel_iterations=1,
            )
            curves = tf.cond(
                finite & tf.equal(step % validate_every, 0),
                lambda: state.curves.write(tf.cast(step // validate_every - 1, tf.int32), self._validate()),
                lambda: state.curves,
            )
            return (_State(step, finite, curves),)

        curves = tf.TensorArray(tf.float32, size=tf.cast(steps // validate_every, tf.int32), element_shape=[3])
        (state,) = tf.while_loop(
            lambda state: (state.step < end) & state.finite,
            train_and_validate,
            (_State(start, tf.constant(True), curves),),
            parallel_iterations=1,
        )
        # A step need not update the weights: loss scaling skips some, and gradients may be accumulated.
        updates = tf.cast(self._optimizer.iterations, tf.float64) * self._optimizer.size
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

    def _validate_repeatably(self):
        with repeatable_draws(self._generator):
            return self._validate()

    def _validate(self):
        return self._child.validate(self._model, self._validation_data)


def _first_value(variable, made_with):
    """The initial value of a variable from the first validation, in which draws advance the states of generators."""
    return tf.identity(variable) if variable.dtype.is_floating else made_with


@contextlib.contextmanager
def _new_variables() -> Iterator[list[tuple[tf.Variable, tf.Tensor]]]:
    """Yields a list that collects every variable created in this context, with its initial value."""
    made: list[tuple[tf.Variable, tf.Tensor]] = []

    def keep(create: Any, **arguments: Any) -> tf.Variable:
        variable = create(**arguments)
        made.append((variable, tf.identity(variable)))
        return variable

    with tf.variable_creator_scope(keep):
        yield made


def _check_calls(calls):
    """Raises an error unless the weights, which are one vector, are updated exactly once a step."""
    if calls != 1:
        raise UserError(
            "The model's `train_step` must have `self.optimizer` apply gradients once a step, or once in at most "
            f"{MOST_WITHOUT_UPDATE} steps. It does so {calls} times."
        )


def _check_weights(model, made):
    """Raises an error if a weight was not created with the model: its value would carry over from run to run."""
    own = {id(variable.handle) for variable, _ in made}  # mixed precision wraps the variables themselves
    outside = [w.name for w in model.trainable_variables if id(tensorflow_variable(w).handle) not in own]
    if outside:
        raise UserError(
            "Argument `model` must make all the weights that it trains each time, and not call clear_session, which "
            f"hides them. Received from elsewhere: {', '.join(outside)}."
        )


def _tensors(data):
    return tf.nest.map_structure(_to_tensor, data)


def _to_tensor(part):
    if is_large([part]):
        return share([part])
    return part if isinstance(part, tf.RaggedTensor) else tf.convert_to_tensor(part)
