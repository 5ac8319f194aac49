"""One training run of a child, which can stop at any step and continue later, even in another process."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from neural_optimizer_search.user_error import UserError

# A piece is one call of the graph. Between pieces, a worker reports its progress, and may save it.
PIECE_SECONDS = 10.0
FIRST_PIECE = 10  # steps, while the duration of a step is unknown


class TrainingRun(NamedTuple):
    """The results of a training run so far.

    Attributes:
      finite: Whether loss and weights stayed finite; if not, the run stopped at once.
      steps: Number of steps done.
      scores, losses, metrics: Results of `Child.validate` every `validate_every` steps; 0 beyond the end of the run.
      update_rms: Root mean square of all updates, before the learning rate; NaN if no step updated the weights.
    """

    finite: bool
    steps: int
    scores: np.ndarray
    losses: np.ndarray
    metrics: np.ndarray
    update_rms: float

    @property
    def scale(self) -> Optional[float]:
        """The divisor of rates that gives updates a root mean square of 1; None if it is not finite.

        This is `update_rms`, or 1 for a rule that never moves, which is harmless at any rate.

        Raises:
          ValueError: If no step updated the weights.
        """
        if self.finite and np.isnan(self.update_rms):
            raise UserError(
                f"The model's `train_step` applied no gradients in {self.steps} steps, so that the scale of updates "
                "is unknown. Give `sizes` more `probe_steps` than there are steps without an update."
            )
        return (self.update_rms or 1.0) if self.finite and np.isfinite(self.update_rms) else None


def make_run(finite: bool, steps: int, curves: np.ndarray, update_rms: float) -> TrainingRun:
    """The `TrainingRun` whose scores, losses and metrics are the columns of an array."""
    scores, losses, metrics = curves.T
    return TrainingRun(finite, steps, scores, losses, metrics, update_rms)


def find_curves(run: TrainingRun) -> np.ndarray:
    """The run's scores, losses and metrics as the columns of an array."""
    return np.stack([run.scores, run.losses, run.metrics], axis=1)


class Snapshot(NamedTuple):
    """The state of a run between two steps.

    Attributes:
      run: The `TrainingRun` so far.
      values: Values of the variables, in order.
    """

    run: TrainingRun
    values: list[np.ndarray]


class Pace:
    """The number of steps in a piece of about `PIECE_SECONDS`, from the duration of the last piece."""

    def __init__(self) -> None:
        self._seconds: Optional[float] = None  # per step

    @property
    def steps(self) -> int:
        """The number of steps in the next piece."""
        return FIRST_PIECE if self._seconds is None else max(1, int(min(PIECE_SECONDS / self._seconds, 1e9)))

    def learn(self, steps: int, seconds: float) -> None:
        """Records the duration of a piece."""
        self._seconds = max(seconds, 1e-9) / max(1, steps)


class ChildRun:
    """A run of a child. Only one can be active at a time, because all runs use the same variables.

    Args:
      train: (start, end) -> (finite, steps done, curves, root mean square of the updates): trains from the step
        `start` to the step `end`, or to the first step that is not finite.
      variables: All variables that a run changes.
      validate: Returns [score, loss, metric] of the child in its current state.
      pace: The `Pace` of the child's runs.
      tell: Called before each piece with the number of steps done.
      require_turn: Raises an error if another run has begun.
      start: The state from which to continue; None to start at step 0.

    Raises:
      ValueError: If `start` does not fit these variables.
    """

    def __init__(
        self,
        train: Callable[[int, int], Sequence[Any]],
        variables: Sequence[tf.Variable],
        validate: Callable[[], np.ndarray],
        pace: Pace,
        tell: Callable[[int], None],
        require_turn: Callable[[], None],
        start: Optional[Snapshot] = None,
    ):
        self._train, self._variables, self._validate = train, variables, validate
        self._pace, self._tell, self._require_turn = pace, tell, require_turn
        self._run: Optional[TrainingRun] = None
        if start:
            self._run = start.run
            _check_values(variables, start.values)
            for variable, value in zip(variables, start.values):
                # NumPy's files do not support bfloat16: they return raw bytes.
                variable.assign(value.view(variable.dtype.as_numpy_dtype) if value.dtype.kind == "V" else value)

    def advance(self, end: int) -> TrainingRun:
        """Trains up to the step `end`, and returns the `TrainingRun` so far.

        Raises:
          RuntimeError: If another run has begun since.
        """
        while (run := self.advance_a_piece(end)).finite and run.steps < end:
            pass
        return run

    def advance_a_piece(self, end: int) -> TrainingRun:
        """Like `advance`, but stops earlier after about `PIECE_SECONDS`."""
        self._require_turn()
        run = self._run
        start = run.steps if run else 0
        if run is None or (run.finite and start < end):
            self._tell(start)
            began = time.perf_counter()
            finite, done, curves, rms = self._train(start, min(end, start + self._pace.steps))
            # The curves of a piece are 0 where another piece validated, so they can be added.
            curves = curves.numpy() + (find_curves(run) if run else 0.0)
            self._run = run = make_run(bool(finite), int(done), curves, float(rms))
            self._pace.learn(run.steps - start, time.perf_counter() - began)
        return run

    def validate(self) -> np.ndarray:
        """The result of `Child.validate` for the child in its current state: float32 [score, loss, metric]."""
        self._require_turn()
        return self._validate()

    def save(self) -> Snapshot:
        """The current state of the run."""
        self._require_turn()
        assert self._run is not None
        return Snapshot(self._run, [variable.numpy() for variable in self._variables])


def _check_values(variables, values):
    if len(values) != len(variables):
        raise ValueError(f"it has {len(values)} values for {len(variables)} variables")
    for variable, value in zip(variables, values):
        if not variable.shape.is_compatible_with(value.shape):
            raise ValueError(f"it has a value of shape {value.shape} for a variable of shape {variable.shape}")
