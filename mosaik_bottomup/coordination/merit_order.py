"""The merit order: what each further kW of an area costs its aggregator.

The lower convex hull of each site's options gives segments (slope, width); all
segments of an area, sorted by slope, make a convex curve of cost over power.
"""

from dataclasses import dataclass

import numba
import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.messages import BidBook

SAME_KW = 1e-9  # options nearer than this differ by rounding


type Curve = tuple[FloatArray, FloatArray]
"""Slopes in DKK/kWh, ascending, and widths in kW of a merit order."""


@dataclass(frozen=True, slots=True, eq=False)
class MeritOrders:
    """The bids of one aggregator in ``a`` areas: ``m`` segments, area by area.

    Within an area they are sorted by slope.
    """

    base_kw: FloatArray
    """Sum of the sites' least powers: the must-run, shape ``(a,)``."""
    first: IntArray
    """Segments of area ``i`` are ``first[i]`` to ``first[i + 1] - 1``, ``(a + 1,)``."""
    slope_dkk_per_kwh: FloatArray
    width_kw: FloatArray
    site: IntArray
    """Which row of the book the segment belongs to."""
    divisible: BoolArray

    @property
    def curves(self) -> list[Curve]:
        """Slopes and widths of each area."""
        cuts = self.first[1:-1]
        slopes, widths = (
            np.split(it, cuts) for it in (self.slope_dkk_per_kwh, self.width_kw)
        )
        return list(zip(slopes, widths, strict=True))

    @property
    def top_kw(self) -> FloatArray:
        """Sum of the sites' highest powers, shape ``(a,)``."""
        wide: FloatArray = np.array([width.sum() for _, width in self.curves])
        return self.base_kw + wide


@numba.njit(cache=True)
def hull_segments(
    power_kw: FloatArray, cost_dkk: FloatArray, divisible: BoolArray, step_h: float
) -> tuple[FloatArray, FloatArray, IntArray, BoolArray]:
    """Return slope (DKK/kWh), width (kW), row and divisibility of all hull segments.

    Monotone chain after A. M. Andrew, doi:10.1016/0020-0190(79)90072-3, row by row. A
    hull segment is divisible if every step between options beneath it is.
    """
    n, j = power_kw.shape
    slope, width = np.empty(n * j), np.empty(n * j)
    row, parted = np.empty(n * j, np.int64), np.empty(n * j, np.bool_)
    count = 0
    chain = np.empty(j, np.int64)
    for i in range(n):
        size = 0
        for k in range(j):
            if size and power_kw[i, k] - power_kw[i, chain[size - 1]] <= SAME_KW:
                if cost_dkk[i, k] >= cost_dkk[i, chain[size - 1]]:
                    continue
                size -= 1
            while size >= 2:
                a, b = chain[size - 2], chain[size - 1]
                left = (cost_dkk[i, b] - cost_dkk[i, a]) * (
                    power_kw[i, k] - power_kw[i, b]
                )
                right = (cost_dkk[i, k] - cost_dkk[i, b]) * (
                    power_kw[i, b] - power_kw[i, a]
                )
                if left < right:
                    break
                size -= 1
            chain[size] = k
            size += 1
        for s in range(size - 1):
            a, b = chain[s], chain[s + 1]
            width[count] = power_kw[i, b] - power_kw[i, a]
            slope[count] = (cost_dkk[i, b] - cost_dkk[i, a]) / (width[count] * step_h)
            row[count] = i
            parted[count] = True
            for k in range(a, b):
                if (
                    not divisible[i, k]
                    and power_kw[i, k + 1] - power_kw[i, k] > SAME_KW
                ):
                    parted[count] = False
            count += 1
    return slope[:count], width[:count], row[:count], parted[:count]


def merit_orders(book: BidBook, areas: int, step_h: float) -> MeritOrders:
    """Return the merit order of each area; ties are broken by row."""
    slope, width, row, parted = hull_segments(
        book.power_kw, book.cost_dkk, book.divisible, step_h
    )
    where = book.area[row]
    order = np.lexsort((row, slope, where))
    first = np.searchsorted(where[order], np.arange(areas + 1))
    by_area = np.argsort(book.area, kind="stable")
    cuts = np.searchsorted(book.area[by_area], np.arange(1, areas))
    least = np.split(book.power_kw[by_area, 0], cuts)
    return MeritOrders(
        np.array([power.sum() for power in least]),
        first,
        slope[order],
        width[order],
        row[order],
        parted[order],
    )


@numba.njit(cache=True)
def _merge(
    slope: FloatArray, width: FloatArray, most: int
) -> tuple[FloatArray, FloatArray]:
    slope, width, count = slope.copy(), width.copy(), slope.size
    while count > most:
        best, at = np.inf, 0
        for s in range(count - 1):
            w, v = width[s], width[s + 1]
            error = (slope[s + 1] - slope[s]) * w * v / (w + v)
            if error < best:
                best, at = error, s
        w, v = width[at], width[at + 1]
        slope[at] = (slope[at] * w + slope[at + 1] * v) / (w + v)
        width[at] = w + v
        for s in range(at + 1, count - 1):
            slope[s], width[s] = slope[s + 1], width[s + 1]
        count -= 1
    return slope[:count], width[:count]


def simplify(curve: Curve, most: int) -> Curve:
    r"""Return slopes and widths of at most ``most`` segments for the optimisation.

    Neighbours are merged where that changes the curve least: two segments of widths
    :math:`w, v` and slopes :math:`s \le t` become one with their mean slope, which
    lifts the curve by at most :math:`(t - s)\,w v / (w + v)`.
    """
    if curve[0].size <= most:
        return curve
    slope, width = _merge(*curve, most)
    return slope, width
