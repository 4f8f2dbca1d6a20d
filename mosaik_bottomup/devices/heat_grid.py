"""The backward pass of a plan over a grid of house states, compiled.

Air temperature by the floor's excess over it; a house's grid is one row of ``POINTS``
values, those of one air temperature side by side. Memory is that of two stages beside
what is kept. What is computed does not depend on which houses are done together.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from mosaik_bottomup.arrays import FloatArray, IntArray

type CellArray = NDArray[np.uint32]
"""Unsigned: a sign would have to be looked at in every look-up."""
type Reached = tuple[CellArray, FloatArray, FloatArray, FloatArray]
"""By grid point: cell, place in it along both axes, penalty."""

AIR_POINTS = 21
"""About 0.13 K apart: a coarser grid smears the edge of the band and keeps houses too
warm."""
FLOOR_POINTS = 31
"""About 0.4 K apart."""
POINTS = AIR_POINTS * FLOOR_POINTS
BEYOND_K = 0.3
"""How far the grid reaches beyond the comfort band on both sides."""
OUTSIDE_DKK_PER_K_H = 2.0
"""Price of each K and hour outside the band."""


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill_values(
    values: FloatArray,
    first_house: int,
    end_house: int,
    kind: IntArray,
    length_h: FloatArray,
    transition: FloatArray,
    lift_c: FloatArray,
    parts: FloatArray,
    drive_c: FloatArray,
    cost_dkk: FloatArray,
    low_c: FloatArray,
    high_c: FloatArray,
    floor_spacing: FloatArray,
    end_dkk_per_k: FloatArray,
) -> None:
    """Go backward through the stages for some houses; write what is kept of it.

    Parameters
    ----------
    values : (n, kept, POINTS) array
        To be filled in the rows from ``first_house`` to before ``end_house``.
    floor_spacing : (n,) array
        Of the grid.
    kind, length_h, transition, lift_c, parts, drive_c, cost_dkk
        See `mosaik_bottomup.devices.heat_value.Stages`.
    low_c, high_c, end_dkk_per_k
        See `mosaik_bottomup.devices.heat_value.value_heat`.
    """
    stages, kept = kind.size, values.shape[1]
    air, floor = np.empty(POINTS), np.empty(POINTS)
    now, after = np.empty(POINTS), np.empty(POINTS)
    part_air, part_floor = np.empty(POINTS), np.empty(POINTS)
    reached = np.empty(POINTS, np.uint32), part_air, part_floor, np.empty(POINTS)
    for i in range(first_house, end_house):
        grid = (
            low_c[i] - BEYOND_K,
            (high_c[i] - low_c[i] + 2 * BEYOND_K) / (AIR_POINTS - 1),
            floor_spacing[i],
        )
        for p in range(POINTS):
            air[p] = grid[0] + p // FLOOR_POINTS * grid[1]
            floor[p] = air[p] + p % FLOOR_POINTS * grid[2]
            worth = end_dkk_per_k[i, 0] * air[p] + end_dkk_per_k[i, 1] * floor[p]
            now[p] = -worth
        for s in range(stages - 1, -1, -1):
            if s < kept:
                values[i, s] = now
            if s == 0:  # nobody asks what the start is worth
                break
            now, after = after, now
            now[:] = np.inf
            k, drive = kind[s], drive_c[s, i]
            for j in range(parts.shape[2]):
                part = parts[k, i, j]
                if j > 0 and part == parts[k, i, j - 1]:
                    continue
                _reach(
                    reached,
                    air,
                    floor,
                    transition[k, i],
                    drive[0],
                    drive[1],
                    part * lift_c[k, i, 0],
                    part * lift_c[k, i, 1],
                    grid,
                    low_c[i],
                    high_c[i],
                    OUTSIDE_DKK_PER_K_H * length_h[k],
                )
                _take_cheaper(now, after, reached, part * cost_dkk[s, i])


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _reach(
    reached: Reached,
    air: FloatArray,
    floor: FloatArray,
    transition: FloatArray,
    drive_air: float,
    drive_floor: float,
    lift_air: float,
    lift_floor: float,
    grid: tuple[float, float, float],
    low_c: float,
    high_c: float,
    outside_dkk_per_k: float,
) -> None:
    """Find where an option leads from each grid point: cell, place in it, penalty.

    A loop of its own, without look-ups, so that it becomes vector instructions.
    """
    cell, part_air, part_floor, penalty = reached
    first, air_spacing, floor_spacing = grid
    aa, af = transition[0, 0], transition[0, 1]
    fa, ff = transition[1, 0], transition[1, 1]
    for p in range(POINTS):
        to_air = aa * air[p] + af * floor[p] + drive_air + lift_air
        to_floor = fa * air[p] + ff * floor[p] + drive_floor + lift_floor
        at_air = (to_air - first) / air_spacing
        at_floor = (to_floor - to_air) / floor_spacing
        g = min(int(max(at_air, 0.0)), AIR_POINTS - 2)
        f = min(int(max(at_floor, 0.0)), FLOOR_POINTS - 2)
        cell[p] = g * FLOOR_POINTS + f
        part_air[p] = at_air - g
        part_floor[p] = at_floor - f
        outside = max(low_c - to_air, to_air - high_c)
        penalty[p] = outside_dkk_per_k * max(outside, 0.0)


@numba.njit(cache=True, nogil=True)
def _take_cheaper(
    best: FloatArray,
    after: FloatArray,
    reached: Reached,
    cost_dkk: float,
) -> None:
    """Lower the best cost of each grid point to an option's, where that is less."""
    cell, part_air, part_floor, penalty = reached
    for p in range(POINTS):
        value = _bilinear(after, cell[p], part_air[p], part_floor[p])
        best[p] = min(best[p], cost_dkk + value + penalty[p])


@numba.njit(cache=True, nogil=True)
def _bilinear(values: FloatArray, cell: int, u: float, v: float) -> float:
    """Return the value in a cell of the grid; beyond its edge it goes on straight."""
    near = (1 - v) * values[cell] + v * values[cell + 1]
    far = (1 - v) * values[cell + FLOOR_POINTS] + v * values[cell + FLOOR_POINTS + 1]
    value: float = (1 - u) * near + u * far
    return value


@numba.njit(cache=True)
def interpolated(
    values: FloatArray,
    first_c: FloatArray,
    air_spacing: FloatArray,
    floor_spacing: FloatArray,
    temperature_c: FloatArray,
) -> FloatArray:
    """Return the values of states ``(n, j, 2)`` from those of each house's grid."""
    n, options, _ = temperature_c.shape
    result = np.empty((n, options))
    for i in range(n):
        for j in range(options):
            air, floor = temperature_c[i, j, 0], temperature_c[i, j, 1]
            at_air = (air - first_c[i]) / air_spacing[i]
            at_floor = (floor - air) / floor_spacing[i]
            g = min(int(max(at_air, 0.0)), AIR_POINTS - 2)
            f = min(int(max(at_floor, 0.0)), FLOOR_POINTS - 2)
            u, v = at_air - g, at_floor - f
            result[i, j] = _bilinear(values[i], g * FLOOR_POINTS + f, u, v)
    return result
