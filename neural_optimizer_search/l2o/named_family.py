"""Finds a family of functions by name: one of this package's, or one in the user's own module."""

import traceback

import tensorflow as tf

from neural_optimizer_search.command_line import NotFound, import_named, is_own, shorten
from neural_optimizer_search.objectives import FAMILIES, Family
from neural_optimizer_search.user_error import UserError

_LARGEST_DIMENSION = 10_000


class UnknownFamily(UserError):
    """There is no family with this name, or it does not work."""


def find_family(name: str) -> Family:
    """Finds a family.

    Args:
      name: A key of `FAMILIES`, or "module:attribute".

    Raises:
      UnknownFamily: If there is none, or its code fails.
    """
    if name in FAMILIES:
        return FAMILIES[name]
    if not is_own(name):
        raise UnknownFamily(f"must be one of {', '.join(FAMILIES)}, or module:attribute. Received: {name!r}")
    try:
        family = import_named(name)
    except NotFound as error:
        raise UnknownFamily(str(error)) from None
    except Exception as error:  # the user's module may raise anything
        raise UnknownFamily(f"the module of {name!r} fails: {_tell(error)}") from error
    if not isinstance(family, Family):
        raise UnknownFamily(f"{name!r} must be an instance of Family. Received: {shorten(repr(family), 200)}")
    _try(name, family)
    return family


def _try(name, family):
    """Raises `UnknownFamily` if a few functions at a few points cannot be computed.

    It does not use `Objectives`, which keeps its trace: the first shapes may affect how later ones are computed.
    """
    try:
        dimension = family.dimension
        if not isinstance(dimension, int) or not 1 <= dimension <= _LARGEST_DIMENSION:
            raise ValueError(f"`dimension` must be an int from 1 to {_LARGEST_DIMENSION}. Received: {dimension!r}.")
        hash(family)  # raises an error if it is not hashable
        data, x = family.sample(2, 0).data, tf.zeros([2, 3, dimension], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(x)
            values = family.values(tuple(map(tf.constant, data)), x)
        if values.shape != [2, 3] or values.dtype != tf.float64:
            raise ValueError(
                f"`values` must return float64 [2, 3] of 2 functions at 3 points. Received: {values.dtype.name} "
                f"{list(values.shape)}."
            )
        if tape.gradient(values, x) is None:
            raise ValueError("`values` must have a gradient: compute it from x with differentiable operations.")
    except Exception as error:  # the family is the user's code, and may raise anything
        raise UnknownFamily(f"{name!r} fails: {_tell(error)}") from error


def _tell(error):
    """Formats an exception on one line, with its file and line number."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = " ".join(str(error).split())
    return f"{type(error).__name__}: {shorten(what, 200)} ({frame.filename}, line {frame.lineno})"
