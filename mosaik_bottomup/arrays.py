"""What arrays are called in signatures, and how those that many share are protected."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import numpy as np
from numpy.typing import NDArray

type FloatArray = NDArray[np.float64]
type IntArray = NDArray[np.int64]
type BoolArray = NDArray[np.bool_]


def write_protect[T](thing: T) -> T:
    """Make all arrays of a thing read-only, and return it: a cache has many readers.

    Parameters
    ----------
    thing
        An array, or dataclasses and tuples of arrays.
    """
    for array in _arrays(thing):
        array.setflags(write=False)
    return thing


def _arrays(thing: object) -> Iterator[NDArray[np.generic]]:
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, tuple):
        for part in thing:
            yield from _arrays(part)
    elif is_dataclass(thing):
        for field in fields(thing):
            yield from _arrays(getattr(thing, field.name))
