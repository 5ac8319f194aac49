"""The parts of data, by names that messages show: inputs, targets and sample weights, and each array of a nest."""

from collections.abc import Iterator, Mapping
from typing import Any

NAMES = ("inputs", "targets", "sample weights")


def split_data(data: Any) -> tuple[Any, Any, Any]:
    """(inputs, targets, sample weights), with None for missing ones; other elements of a tuple are ignored."""
    x, y, weights, *_ = (*(data if isinstance(data, tuple) else (data,)), None, None)
    return x, y, weights


def name_parts(data: Any) -> Iterator[tuple[str, Any]]:
    """Each array or tensor of the data with its name, such as "targets", "inputs['a']" or "inputs[1]".

    Example:
      >>> from neural_optimizer_search.tasks.data_parts import name_parts
      >>> [name for name, _ in name_parts(({"left": 1, "right": (2, 3)}, 4))]
      ["inputs['left']", "inputs['right'][0]", "inputs['right'][1]", 'targets']
    """
    for name, part in zip(NAMES, split_data(data)):
        if part is not None:
            yield from _name_leaves(name, part)


def _name_leaves(name, part):
    if isinstance(part, Mapping):
        inner = part.items()
    elif isinstance(part, (tuple, list)):
        inner = enumerate(part)
    else:
        yield name, part
        return
    for key, value in inner:
        yield from _name_leaves(f"{name}[{key!r}]", value)
