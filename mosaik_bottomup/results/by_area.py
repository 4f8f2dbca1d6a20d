"""What remains of many sites, homes, buses and lines where a file keeps areas only.

Sums and extremes over all entities of one kind in an area, step by step.
"""

from collections.abc import Callable

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray


def reduced(how: str, values: FloatArray, area: IntArray, areas: int) -> FloatArray:
    """Return one value for each area.

    Parameters
    ----------
    how
        ``"sum"``, ``"min"``, ``"mean"`` or ``"max"``.
    values
        Of each entity, shape ``(n,)``, or ``(n, time)``.
    area
        Row of each entity's area, shape ``(n,)``; below 0: in none.
    areas
        How many there are.

    Returns
    -------
    array
        Shape ``(areas,)`` or ``(areas, time)``. Where an area has no entity its sum is
        0, and the rest is NaN.
    """
    inside = area >= 0
    return _HOW[how](values[inside], area[inside], areas)


def _sum(values: FloatArray, area: IntArray, areas: int) -> FloatArray:
    sums = np.zeros((areas, *values.shape[1:]))
    np.add.at(sums, area, values)
    return sums


def _mean(values: FloatArray, area: IntArray, areas: int) -> FloatArray:
    count = np.bincount(area, minlength=areas).astype(np.float64)
    count[count == 0] = np.nan
    return _sum(values, area, areas) / count.reshape(-1, *(1,) * (values.ndim - 1))


def _min(values: FloatArray, area: IntArray, areas: int) -> FloatArray:
    return -_max(-values, area, areas)


def _max(values: FloatArray, area: IntArray, areas: int) -> FloatArray:
    highest = np.full((areas, *values.shape[1:]), -np.inf)
    np.maximum.at(highest, area, values)
    return np.where(np.isneginf(highest), np.nan, highest)


_HOW: dict[str, Callable[[FloatArray, IntArray, int], FloatArray]] = {
    "sum": _sum,
    "min": _min,
    "mean": _mean,
    "max": _max,
}
