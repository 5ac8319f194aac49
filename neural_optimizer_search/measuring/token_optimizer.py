"""The optimizer of a child: applies any update rule, given by its tokens, to all weights at once."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.dsl.averages import ALWAYS, AVERAGES
from neural_optimizer_search.dsl.encoding import EncodedRule, encode
from neural_optimizer_search.dsl.rule import Rule
from neural_optimizer_search.dsl.rule_tokens import Iteration
from neural_optimizer_search.dsl.state import State, next_average
from neural_optimizer_search.dsl.token_interpreter import read_beta, step_from_tokens, update_from_tokens
from neural_optimizer_search.flat_weights import assign, flat
from neural_optimizer_search.keras_versions import initialize
from neural_optimizer_search.operations import on_tensorflow
from neural_optimizer_search.user_error import UserError

GRADIENT_DESCENT = encode(Rule((Iteration("g", "1", "identity", "identity", "left"),)))


class TokenOptimizer(tf.keras.optimizers.Optimizer):
    """w <- w * (1 - rate * decay), then w <- w - rate * rule; the rate, the decay and the rule are tensors.

    The order matters for a rule that reads w. It is the order of Keras and of PyTorch.

    A model's `train_step` calls it like any Keras optimizer. The weights are one vector, so that the rule is
    evaluated once per step, not once per layer. Variables hold everything that defines a run, so that one trace of
    `train_step` serves all rules, rates and seeds, whatever functions it is nested in.

    Args:
      **clipping: Keras's `clipnorm`, `clipvalue` or `global_clipnorm`, for the gradients.

    Attributes:
      runs_plain_rules: Whether to trace the update for plain rules only (`dsl.encoding.is_plain`), or for all rules,
        which takes longer to trace and to run.
      watch: None, or a function called before each update with the flat gradients, the flat weights, and the
        variables of the weights.
      calls: Number of calls in Python: one in each trace of a function.
      size: Number of updated weights.
      weights_sum: Float32 variable, the sum of all weights after the last update; not finite if any weight is not.
      squares: Float64 variable, the sum of the squares of all updates since `begin`, before the learning rate.
    """

    def __init__(self, **clipping: Optional[float]):
        initialize(self, 0.0, name="token_optimizer", **clipping)
        self._rule = [_make_variable(array) for array in GRADIENT_DESCENT]
        self._steps = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        self._seed = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        self._decay = tf.Variable(tf.constant(0.0), trainable=False)
        self._averages: list[tf.Variable] = []
        self._extras: list[tf.Variable] = []
        self.weights_sum = tf.Variable(tf.constant(0.0), trainable=False)
        self.squares = tf.Variable(tf.constant(0.0, tf.float64), trainable=False)
        self.runs_plain_rules = True
        self.watch: Optional[Callable[[tf.Tensor, tf.Tensor, Sequence[tf.Variable]], None]] = None
        self.size = 0
        self.calls = 0

    def begin(self, rule: EncodedRule, seed: tf.Tensor, steps: tf.Tensor, weight_decay: tf.Tensor) -> None:
        """Sets up the next run; all variables hold their initial values.

        Args:
          rule: The rule, as tensors.
          seed: Int64 scalar, seed of the rule's noise.
          steps: Int64 scalar, T of the decay operands.
          weight_decay: Float32 scalar, relative to the rate.
        """
        for variable, tensor in zip(self._rule, rule):
            variable.assign(tensor)
        for variable in self._extras:
            variable.assign(tf.zeros([tf.size(rule.kinds), self.size]))
        self._seed.assign(seed)
        self._steps.assign(steps)
        self._decay.assign(weight_decay)

    def set_rate(self, learning_rate: tf.Tensor) -> None:
        """Sets the learning rate of the next step, a float32 scalar."""
        self._learning_rate.assign(learning_rate)

    @tf.autograph.experimental.do_not_convert
    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Any]], *args: Any, **kwargs: Any) -> Any:
        """Updates the weights that have a gradient; ignores Keras 2's other arguments, for several replicas."""
        gradients, weights = zip(*grads_and_vars)
        self.apply(gradients, weights)
        return self.iterations

    @tf.autograph.experimental.do_not_convert
    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Any]) -> None:
        """Updates the weights that have a gradient."""
        self.calls += 1
        pairs = [(g, w) for g, w in zip(grads, trainable_variables) if g is not None]
        if not pairs:
            raise UserError("No weight of the model has a gradient. Look at what the loss computes.")
        gradients, weights = zip(*pairs)
        self._update(flat(self._clip_gradients(gradients)), weights)
        for weight in weights:
            if weight.constraint is not None:
                weight.assign(weight.constraint(weight))
        self.iterations.assign_add(1)

    def _update(self, g, variables):
        w = flat(variables)
        if self.watch is not None:
            self.watch(g, w, variables)
        if not self._averages:
            self.size = w.shape.num_elements() or 0
            with tf.init_scope():
                self._averages = [tf.Variable(tf.zeros(w.shape), trainable=False) for _ in ALWAYS]
                self._extras = [_make_variable(np.zeros([0, self.size], np.float32))]
        rate = tf.convert_to_tensor(self._learning_rate)
        w = w * (1.0 - rate * self._decay)  # without a decay, w * 1 is exactly w
        rule = EncodedRule(*map(tf.convert_to_tensor, self._rule))
        t = tf.cast(self.iterations, tf.int64)
        averages: dict[str, tf.Tensor] = {}
        state = State(on_tensorflow, g, w, averages, t, self._steps.read_value(), self._seed.read_value())
        for name, variable in zip(ALWAYS, self._averages):
            row = AVERAGES[name]
            value, beta = row.value(on_tensorflow, state), read_beta(rule.numbers, row.beta, g)
            averages[name] = next_average(variable.read_value(), value, beta)
            variable.assign(averages[name])
        if self.runs_plain_rules:
            update = update_from_tokens(rule, state)
        else:
            (extras,) = self._extras
            shapes = tuple(tuple(variable.shape) for variable in variables)
            update, after = step_from_tokens(rule, state, extras.read_value(), shapes)
            extras.assign(after)
        w = w - rate * update
        assign(variables, w)
        self.weights_sum.assign(tf.reduce_sum(w))
        self.squares.assign_add(tf.reduce_sum(tf.cast(update, tf.float64) ** 2))


def _make_variable(array):
    """A variable that accepts arrays of other lengths."""
    return tf.Variable(array, shape=[None, *array.shape[1:]], trainable=False)
