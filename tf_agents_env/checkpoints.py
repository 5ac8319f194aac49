"""Safe checkpoints: one that is half-written, damaged later, or from another run does no harm."""

import os
import pathlib
import re
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf
from tf_agents.utils import common

from neural_optimizer_search.files import Damaged, require_regular, write_whole
from neural_optimizer_search.search.algorithm import StateLost

KEPT = 2
# The directory for checkpoints that are newer than the ledger.
PASSED_OVER = "passed_over"
_INDEX = re.compile(r"ckpt-(\d{1,18})\.index")
_VALUE = "{}/.ATTRIBUTES/VARIABLE_VALUE"  # TensorFlow's name for a variable in a checkpoint


class SavedCheckpoint(NamedTuple):
    """A checkpoint that can be read in full.

    Attributes:
      prefix: The path of its files up to and including the number.
      run_id: The run that saved it; None if it does not say.
      number: The number under which it was saved.
    """

    prefix: str
    run_id: Optional[str]
    number: int

    def is_of_another(self, run_id: str) -> bool:
        """Whether it says that it is of another run; checkpoints of early releases do not say whose they are."""
        return self.run_id not in (None, run_id)


class Checkpoints:
    """Keeps the newest two states of some trackable objects in a directory of their own.

    Args:
      directory: Their directory; created when the first one is saved.
      run_id: The run that they belong to.
      **items: What to save: variables, networks, optimizers.
    """

    def __init__(self, directory: Union[str, os.PathLike], run_id: str = "", **items: Any):
        self._directory, self._run_id = pathlib.Path(directory), run_id
        self._number = tf.Variable(tf.constant(0, tf.int64), trainable=False)
        self._items = {**items, "run_id": tf.Variable(tf.constant(run_id), trainable=False), "number": self._number}
        self._checkpointer: Optional[common.Checkpointer] = None

    def save(self, number: Any) -> None:
        """Saves the items as checkpoint `number`, an int or a variable.

        Raises:
          ValueError: If the directory holds checkpoints and `restore` was not called: they may belong to
            another run.
        """
        if self._checkpointer is None:
            if find_prefixes(self._directory):
                raise ValueError(
                    f"The directory {self._directory} holds checkpoints already: call `restore()` "
                    "to go on from the newest, or choose another directory."
                )
            self._checkpointer = self._open()
        self._number.assign(int(number))
        self._checkpointer.save(number)

    def restore(self, latest: Optional[int] = None) -> bool:
        """Restores the newest checkpoint that can be read in full; returns whether there is one.

        Args:
          latest: Later checkpoints are skipped and set aside: what they learned from no longer exists.

        Raises:
          StateLost: If the checkpoint lacks an item or a part of one, or belongs to another run.
          Damaged: If an item that is kept as text has other contents than it saves.
        """
        usable = self._find_usable(latest)
        self._point_to(usable)
        try:
            checkpointer = self._checkpointer = self._open()
            if usable:
                # TensorFlow silently skips items that are not in the checkpoint.
                checkpointer.initialize_or_restore().assert_existing_objects_matched()
        except Damaged as error:
            raise Damaged(f"the checkpoint {usable[-1]} has {error}") from error
        # TensorFlow raises the first if an item is missing, and the second if one has another shape.
        except (AssertionError, ValueError) as error:
            raise StateLost(
                f"The checkpoint {usable[-1]} does not have all that is to be restored: it was saved with other "
                "settings, or by another version. Go on with the release that wrote it."
            ) from error
        return bool(usable)

    def _find_usable(self, latest):
        """Path prefixes, oldest first, of the checkpoints of this run up to the latest."""
        prefixes = find_prefixes(self._directory)
        whole = [saved for saved in map(read_checkpoint, prefixes) if saved]
        damaged = sorted(set(prefixes) - {saved.prefix for saved in whole})
        if damaged:
            warnings.warn(f"Passed over checkpoints that cannot be read: {', '.join(damaged)}.", stacklevel=4)
        for saved in whole:
            if saved.is_of_another(self._run_id):
                raise StateLost(
                    f"The checkpoint {saved.prefix} is another run's. Move {self._directory} away: the search then "
                    "learns anew from what its ledger has."
                )
        late = [saved.prefix for saved in whole if latest is not None and saved.number > latest]
        if late:
            warnings.warn(
                f"Passed over checkpoints of later steps than the ledger has, which has {latest}: "
                f"{', '.join(late)}. They are in {self._directory / PASSED_OVER}.",
                stacklevel=4,
            )
            self._set_aside(late)
        return [saved.prefix for saved in whole if saved.prefix not in late]

    def _set_aside(self, prefixes):
        aside = self._directory / PASSED_OVER
        aside.mkdir(exist_ok=True)
        for prefix in prefixes:
            for file in self._directory.glob(f"{pathlib.Path(prefix).name}.*"):
                os.replace(file, aside / file.name)

    def _open(self):
        # Restores what the directory's state file names as the newest.
        return common.Checkpointer(str(self._directory), KEPT, **self._items)

    def _point_to(self, whole):
        """Rewrites the state file atomically, so that it names these checkpoints."""
        file = self._directory / "checkpoint"
        if not whole:
            file.unlink(missing_ok=True)
            return
        state = tf.compat.v1.train.generate_checkpoint_state_proto(
            str(self._directory),
            whole[-1],
            whole,
            # Checkpoints without a time would never be deleted.
            all_model_checkpoint_timestamps=[os.path.getmtime(f"{p}.index") for p in whole],
        )
        write_whole(file, lambda unfinished: unfinished.write_text(str(state)))


def find_prefixes(directory: Union[str, os.PathLike]) -> list[str]:
    """The path prefixes of all checkpoints in a directory, oldest first, whether or not its state file lists them."""
    files = [path.name for path in pathlib.Path(directory).glob("ckpt-*.index")]
    numbers = sorted(int(name[1]) for name in map(_INDEX.fullmatch, files) if name)
    return [os.path.join(directory, f"ckpt-{number}") for number in numbers]


def read_checkpoint(prefix: str) -> Optional[SavedCheckpoint]:
    """The checkpoint of a prefix; None if it cannot be read in full, or has non-finite numbers."""
    try:
        for file in _files_of(prefix):
            require_regular(file)  # a pipe would block
        reader = tf.train.load_checkpoint(prefix)
        values = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}  # compares checksums
        if not all(map(_is_finite, values.values())):
            return None
        run_id = values.get(_VALUE.format("run_id"))
        number = values.get(_VALUE.format("number"), int(prefix.rpartition("-")[2]))
        return SavedCheckpoint(prefix, None if run_id is None else run_id.decode(), int(number))
    # TensorFlow raises an IndexError for a truncated file.
    except (tf.errors.OpError, OSError, Damaged, IndexError, RuntimeError, ValueError, TypeError, AttributeError):
        return None


def check_checkpoints(directory: Union[str, os.PathLike], run_id: str, steps: int) -> str:
    """Describes the checkpoints in a directory in a few words.

    Args:
      directory: The directory.
      run_id: The run that they must belong to.
      steps: The number of steps in the ledger.

    Raises:
      Damaged: If one cannot be read, or belongs to another run or a later step.
    """
    numbers = []
    for prefix in find_prefixes(directory):
        saved = read_checkpoint(prefix)
        if saved is None:
            raise Damaged(f"the checkpoint {prefix} cannot be read.")
        if saved.is_of_another(run_id):
            raise Damaged(f"the checkpoint {prefix} is another run's.")
        if saved.number > steps:
            raise Damaged(f"the checkpoint {prefix} is of step {saved.number}, and the ledger has {steps}.")
        numbers.append(str(saved.number))
    return f"checkpoints of the steps {', '.join(numbers)}" if numbers else "no checkpoint"


def _files_of(prefix: str) -> Sequence[pathlib.Path]:
    path = pathlib.Path(prefix)
    return sorted(path.parent.glob(f"{path.name}.*"))


def _is_finite(value):
    return not np.issubdtype(np.asarray(value).dtype, np.floating) or bool(np.isfinite(value).all())
