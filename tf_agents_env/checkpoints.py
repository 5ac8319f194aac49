"""Checkpoints of which one that is half written, or damaged later, does no harm."""

import os
import pathlib
import re
import warnings
from typing import Any, Optional, Union

import tensorflow as tf
from tf_agents.utils import common

from neural_optimizer_search.files import write_whole
from neural_optimizer_search.search.algorithm import StateLost

KEPT = 2
_INDEX = re.compile(r"ckpt-(\d+)\.index")


class Checkpoints:
    """The newest two states of some trackable objects, in a directory of their own.

    Args:
      directory: Where they are; made when the first one is saved.
      **items: What to save: variables, networks, optimizers.
    """

    def __init__(self, directory: Union[str, os.PathLike], **items: Any):
        self._directory, self._items = pathlib.Path(directory), items
        self._checkpointer: Optional[common.Checkpointer] = None

    def save(self, number: Any) -> None:
        """Saves the items as checkpoint `number`, an int or a variable.

        Raises:
          ValueError: If the directory holds checkpoints and `restore` was not called: they may be
            another run's.
        """
        if self._checkpointer is None:
            if self._find_saved():
                raise ValueError(
                    f"The directory {self._directory} holds checkpoints already: call `restore()` "
                    "to go on from the newest, or choose another directory."
                )
            self._checkpointer = self._open()
        self._checkpointer.save(number)

    def restore(self) -> bool:
        """Restores the newest checkpoint that can be read in full; returns whether there is one.

        Raises:
          StateLost: If it lacks one of the items, or a part of one.
        """
        saved = self._find_saved()
        whole = [prefix for prefix in saved if _is_whole(prefix)]
        if whole != saved:
            damaged = ", ".join(sorted(set(saved) - set(whole)))
            warnings.warn(f"Passed over checkpoints that cannot be read: {damaged}.", stacklevel=3)
        self._point_to(whole)
        try:
            checkpointer = self._checkpointer = self._open()
            if whole:
                # TensorFlow leaves an item that is not in the checkpoint as it is, and says nothing.
                checkpointer.initialize_or_restore().assert_existing_objects_matched()
        except (AssertionError, ValueError) as error:  # an item that is not there, or of another shape
            raise StateLost(
                f"The checkpoint {whole[-1]} does not have all that is to be restored: it was saved with other "
                "settings, or by another version. Go on with the release that wrote it."
            ) from error
        return bool(whole)

    def _open(self):
        # Restores what the directory's state file names as the newest.
        return common.Checkpointer(str(self._directory), KEPT, **self._items)

    def _find_saved(self):
        """Path prefixes, oldest first, with those that the directory's state file does not know."""
        files = [path.name for path in self._directory.glob("ckpt-*.index")]
        numbers = sorted(int(name[1]) for name in map(_INDEX.fullmatch, files) if name)
        return [str(self._directory / f"ckpt-{number}") for number in numbers]

    def _point_to(self, whole):
        """Writes the state file anew, at a stroke, so that it names these checkpoints."""
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


def _is_whole(prefix):
    try:
        reader = tf.train.load_checkpoint(prefix)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)  # Compares the checksum.
    # IndexError is TensorFlow's word for a file that ends too early.
    except (tf.errors.OpError, IndexError, RuntimeError, ValueError):
        return False
    return True
