"""Sums and means over the sites of each area.

Chunk by chunk, because sites stand in the order of their areas and a chunk has few of
them: work and memory grow with the sites, not with sites times areas.
"""

from collections.abc import Iterator

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices.chunks import CHUNK_SITES

TINY = 1e-9  # an area without a site still needs a mean


def area_sums(values: FloatArray, area: IntArray, areas: int) -> FloatArray:
    """Return sums over the sites of each area, shape ``(areas, ...)``.

    Parameters
    ----------
    values : (n,) or (n, t) array
    area : (n,) array
        Of each site.
    areas
        How many there are.
    """
    total = np.zeros((areas, *values.shape[1:]))
    for rows, span, member in _members(area):
        total[span] += member.astype(float) @ values[rows]
    return total


def area_means(
    values: FloatArray, weights: FloatArray, area: IntArray, areas: int
) -> tuple[FloatArray, FloatArray]:
    """Return the weighted means of each area, 0 without a site, and the total weights.

    As :func:`area_sums`; values and weights of shape ``(n,)``, weights not negative.
    """
    total, weight = np.zeros(areas), np.zeros(areas)
    for rows, span, member in _members(area):
        weighted = member * weights[rows]
        total[span] += weighted @ values[rows]
        weight[span] += weighted.sum(axis=1)
    return total / np.maximum(weight, TINY), weight


def _members(area: IntArray) -> Iterator[tuple[slice, slice, BoolArray]]:
    """Yield rows of sites, the areas they lie in, and which lies in which of these."""
    for start in range(0, area.size, CHUNK_SITES):
        rows = slice(start, start + CHUNK_SITES)
        here = area[rows]
        span = slice(int(here.min()), int(here.max()) + 1)
        yield rows, span, here == np.arange(span.start, span.stop)[:, None]
