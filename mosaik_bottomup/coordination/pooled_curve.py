r"""The merit orders of many areas as one curve, as fine as the optimum wants it.

What areas without a limit of their own do depends on one number: their segments,
sorted by slope, are taken up to some power. So they are one convex curve :math:`F`,
exactly, however many they are.

It is told to a solver in blocks. A block of neighbouring segments has their width and
mean slope: a chord of the curve, so that the curve in blocks, :math:`\bar F`, is
nowhere below :math:`F`, and the same wherever a block ends or is one segment. If an
optimum with :math:`\bar F` lies where all blocks around it are single segments, then
both curves are the same near it: it is a local optimum with :math:`F`, and of a convex
problem that is an optimum. If not, the blocks around it are cut finer, and it is solved
again; that ends, as there are only so many segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.coordination.merit_order import Curve

BLOCKS = 16
"""Of a curve at first."""
FINER_BLOCKS = 64
"""That a block is cut into."""
TOLERANCE_KW = 1e-6  # forgives powers that a solver or a sum has rounded


@dataclass(frozen=True, slots=True, eq=False)
class PooledCurve:
    """Segments of many areas in the order in which they are taken."""

    slope_dkk_per_kwh: FloatArray
    """Ascending, shape ``(m,)``."""
    width_kw: FloatArray
    """Shape ``(m,)``."""
    area: IntArray
    """Which area each belongs to, shape ``(m,)``."""
    cuts: IntArray
    """Block ``b`` is segments ``cuts[b]`` to ``cuts[b + 1] - 1``."""

    @property
    def blocks(self) -> Curve:
        """Mean slope and width of each block."""
        first = self.cuts[:-1]
        width = np.add.reduceat(self.width_kw, first) if first.size else self.width_kw
        cost = self.slope_dkk_per_kwh * self.width_kw
        cost = np.add.reduceat(cost, first) if first.size else cost
        single = np.diff(self.cuts) == 1  # as it is, and not rounded
        return np.where(single, self.slope_dkk_per_kwh[first], cost / width), width

    def refined(self, power_kw: float) -> "PooledCurve | None":
        """Return it finer around a power; None if all there are single segments."""
        ends = self.blocks[1].cumsum()
        near = ends >= power_kw - TOLERANCE_KW
        near[1:] &= ends[:-1] <= power_kw + TOLERANCE_KW
        coarse = np.flatnonzero(near & (np.diff(self.cuts) > 1))
        if not coarse.size:
            return None
        finer = [_even(self.cuts[b], self.cuts[b + 1], FINER_BLOCKS) for b in coarse]
        return replace(self, cuts=np.unique(np.concatenate([self.cuts, *finer])))

    def fine_at(self, power_kw: float) -> "PooledCurve":
        """Return it with single segments around a power."""
        finer = self.refined(power_kw)
        return self if finer is None else finer.fine_at(power_kw)

    def split_kw(self, power_kw: float, areas: int) -> FloatArray:
        """Return what each area takes of a power, cheapest first, shape ``(a,)``."""
        before = self.width_kw.cumsum() - self.width_kw
        taken = np.clip(power_kw - before, 0.0, self.width_kw)
        sums: FloatArray = np.bincount(self.area, taken, areas).astype(float)
        return sums


def pooled(
    curves: Sequence[Curve], from_kw: FloatArray, to_kw: FloatArray
) -> PooledCurve:
    """Return one curve of what lies between two powers of each area.

    Parameters
    ----------
    curves
        Merit orders of ``a`` areas.
    from_kw, to_kw : (a,) arrays
        Above the start of each curve. Where they are the same, an area adds nothing.
    """
    area = np.repeat(np.arange(len(curves)), [slope.size for slope, _ in curves])
    slope = np.concatenate([slope for slope, _ in curves])
    end = np.concatenate([width.cumsum() for _, width in curves])
    start = np.concatenate([width.cumsum() - width for _, width in curves])
    low, high = from_kw[area], to_kw[area]
    width = np.clip(end, low, high) - np.clip(start, low, high)
    order = np.argsort(slope, kind="stable")
    order = order[width[order] > 0]
    cuts = _even(0, order.size, BLOCKS)
    return PooledCurve(slope[order], width[order], area[order], cuts)


def _even(first: int, last: int, blocks: int) -> IntArray:
    """Return where blocks begin and end between two segments, a few or less."""
    cuts = np.linspace(first, last, min(blocks, last - first) + 1)
    return cuts.astype(np.int64)
