"""One training run of a child, which can stop at any step and go on, also in another process."""

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
import tensorflow as tf

# A piece is one call of the graph. In between a worker says how far it is, and may keep what it has.
PIECE_SECONDS = 10.0
FIRST_PIECE = 10  # steps, while nobody knows what one takes


class TrainingRun(NamedTuple):
    """What a training run gave so far.

    Attributes:
      finite: Whether loss and weights stayed finite; if not, the run stopped at once.
      steps: Steps done.
      scores, losses, metrics: What `Child.validate` gave every `validate_every` steps; 0 where a run did not get.
      update_rms: Root mean square of all updates, before the learning rate.
    """

    finite: bool
    steps: int
    scores: np.ndarray
    losses: np.ndarray
    metrics: np.ndarray
    update_rms: float

    @property
    def scale(self) -> Optional[float]:
        """What rates are divided by, so that updates have the root mean square 1: `update_rms`, but 1 of a rule that
        never moves, which is harmless at any rate; None if it is not finite.
        """
        return (self.update_rms or 1.0) if self.finite and np.isfinite(self.update_rms) else None


def make_run(finite: bool, steps: int, curves: np.ndarray, update_rms: float) -> TrainingRun:
    """The `TrainingRun` whose scores, losses and metrics are the columns of an array."""
    scores, losses, metrics = curves.T
    return TrainingRun(finite, steps, scores, losses, metrics, update_rms)


def find_curves(run: TrainingRun) -> np.ndarray:
    """Its scores, losses and metrics as the columns of an array."""
    return np.stack([run.scores, run.losses, run.metrics], axis=1)


class Snapshot(NamedTuple):
    """A run as it stands between two steps.

    Attributes:
      run: The `TrainingRun` so far.
      values: What the variables hold, in their order.
    """

    run: TrainingRun
    values: list[np.ndarray]


class Pace:
    """How many steps make a piece of about `PIECE_SECONDS`, from what the last piece took."""

    def __init__(self) -> None:
        self._seconds: Optional[float] = None  # a step

    @property
    def steps(self) -> int:
        """Steps of the next piece."""
        return FIRST_PIECE if self._seconds is None else max(1, int(min(PIECE_SECONDS / self._seconds, 1e9)))

    def learn(self, steps: int, seconds: float) -> None:
        """Takes note of a piece."""
        self._seconds = max(seconds, 1e-9) / max(1, steps)


class ChildRun:
    """A run of a child, of which there is one at a time: all use the same variables.

    Args:
      train: (start, end) -> (finite, steps done, curves, root mean square of the updates): trains from the step
        `start` to the step `end`, or to the first that is not finite.
      variables: All that a run changes.
      validate: Gives [score, loss, metric] of the child as it is.
      pace: The `Pace` of the child's runs.
      tell: Called before each piece with the number of steps done.
      require_turn: Raises an error if another run has begun.
      start: Where the run goes on; None for its beginning.

    Raises:
      ValueError: If `start` is not of these variables.
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
                # NumPy's files know no bfloat16, and give its bytes.
                variable.assign(value.view(variable.dtype.as_numpy_dtype) if value.dtype.kind == "V" else value)

    def advance(self, end: int) -> TrainingRun:
        """Trains until so many steps are done in all, and returns the `TrainingRun` so far.

        Raises:
          RuntimeError: If another run has begun since.
        """
        while (run := self.advance_a_piece(end)).finite and run.steps < end:
            pass
        return run

    def advance_a_piece(self, end: int) -> TrainingRun:
        """As `advance`, but it may stop before, after some seconds."""
        self._require_turn()
        run = self._run
        start = run.steps if run else 0
        if run is None or (run.finite and start < end):
            self._tell(start)
            began = time.perf_counter()
            finite, done, curves, rms = self._train(start, min(end, start + self._pace.steps))
            # A piece has 0 where another one validated.
            curves = curves.numpy() + (find_curves(run) if run else 0.0)
            self._run = run = make_run(bool(finite), int(done), curves, float(rms))
            self._pace.learn(run.steps - start, time.perf_counter() - began)
        return run

    def validate(self) -> np.ndarray:
        """What `Child.validate` gives of the child as it is now: float32 [score, loss, metric]."""
        self._require_turn()
        return self._validate()

    def save(self) -> Snapshot:
        """The run as it is now."""
        self._require_turn()
        assert self._run is not None
        return Snapshot(self._run, [variable.numpy() for variable in self._variables])


def _check_values(variables, values):
    if len(values) != len(variables):
        raise ValueError(f"it has {len(values)} values for {len(variables)} variables")
    for variable, value in zip(variables, values):
        if not variable.shape.is_compatible_with(value.shape):
            raise ValueError(f"it has a value of shape {value.shape} for a variable of shape {variable.shape}")
