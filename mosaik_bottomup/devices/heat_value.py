r"""What the heat in a house is worth: the least cost of the rest of the horizon.

Backward dynamic programming on the full two-node model, compiled, all houses of a
fleet in one call:

.. math:: W_s(T_i, T_f) = \min_u\; u\,c_s + \rho\,h_s\,[T_i']_{outside}
    + W_{s+1}(T_i', T_f')

over parts :math:`u` of full power, bilinear between points of a grid over the air
temperature and the floor's excess over it. Leaving the comfort band costs a stated
price, so that a plan never has to be infeasible (the guard, not the plan, decides). A
cliff there would be smeared by the interpolation and keep houses too warm; on axes of
which one is the air temperature, and with a moderate price, it is not.

Stages are steps as long as the values are needed step by step, hours after that: longer
stages lose less by interpolation, and prices change by the hour. Only values that bids
will ask for are kept: those until the next plan.
"""

from dataclasses import dataclass

import numba
import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.devices.chunks import in_chunks
from mosaik_bottomup.devices.house import StepResponse

AIR_POINTS = 21
"""About 0.13 K apart: a coarser grid smears the edge of the band and keeps houses too
warm."""
FLOOR_POINTS = 31
"""About 0.4 K apart."""
POINTS = AIR_POINTS * FLOOR_POINTS
BEYOND_K = 0.3
"""How far the grid reaches beyond the comfort band on both sides."""
FLOOR_REACH = 1.25
"""Highest floor excess of the grid, in parts of what full heat holds at rest."""
OUTSIDE_DKK_PER_K_H = 2.0
"""Price of each K and hour outside the band."""


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """What ``n`` houses meet in ``s`` stages of ``k`` kinds."""

    kind: IntArray
    """Of each stage, shape ``(s,)``."""
    length_h: FloatArray
    """Of each kind, shape ``(k,)``."""
    transition: FloatArray
    """What remains of the temperatures, shape ``(k, n, 2, 2)``."""
    lift_c: FloatArray
    """What full heat adds, shape ``(k, n, 2)``."""
    parts: FloatArray
    """Parts of full power that are options, shape ``(k, n, j)``; an option may stand
    there twice, one after the other."""
    drive_c: FloatArray
    """What weather and gains add, shape ``(s, n, 2)``."""
    cost_dkk: FloatArray
    """What full heat costs, shape ``(s, n)``."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatValue:
    """Opportunity cost of every state after each of the first stages, on its grid."""

    values_dkk: FloatArray
    """Shape ``(n, kept, AIR_POINTS, FLOOR_POINTS)``."""
    low_c: FloatArray
    """Comfort band that was planned with, shape ``(n,)``."""
    high_c: FloatArray
    floor_spacing_k: FloatArray

    @property
    def air_spacing_k(self) -> FloatArray:
        """Distance of the grid's air temperatures, shape ``(n,)``."""
        return (self.high_c - self.low_c + 2 * BEYOND_K) / (AIR_POINTS - 1)


def stack(
    kind: IntArray,
    lengths_h: list[float],
    responses: list[StepResponse],
    parts: FloatArray,
    ambient_c: FloatArray,
    gains_kw: FloatArray,
    heat_kw: FloatArray,
    cost_dkk: FloatArray,
) -> Stages:
    """Return the stages of given kinds.

    Parameters
    ----------
    kind : (s,) array
        Rows of the next three.
    lengths_h, responses, parts
        By kind; parts of shape ``(k, n, j)``.
    ambient_c : (s,) array
    gains_kw, cost_dkk : (n, s) arrays
    heat_kw : (n,) array
    """
    drive = [
        responses[row].per_ambient * ambient_c[s]
        + responses[row].per_gain_kw * gains_kw[:, s, None]
        for s, row in enumerate(kind)
    ]
    return Stages(
        kind,
        np.array(lengths_h),
        np.stack([response.transition for response in responses]),
        np.stack([response.per_heat_kw * heat_kw[:, None] for response in responses]),
        parts,
        np.stack(drive),
        np.ascontiguousarray(cost_dkk.T),
    )


def value_heat(
    stages: Stages,
    low_c: FloatArray,
    high_c: FloatArray,
    floor_reach_k: FloatArray,
    end_dkk_per_k: FloatArray,
    kept: int,
) -> HeatValue:
    """Return the opportunity cost of every state after each of the first stages.

    Parameters
    ----------
    stages
        What the houses meet.
    low_c, high_c : (n,) arrays
        Band the plan keeps.
    floor_reach_k : (n,) array
        Highest excess of floor over air on the grid.
    end_dkk_per_k : (n, 2) array
        What a K of air and of floor is worth at the end of the horizon.
    kept
        After how many stages: all that will be asked for, because every one takes 5 kB
        a house.

    Raises
    ------
    ValueError
        If that is more than there are.
    """
    if kept > stages.kind.size:
        raise ValueError(f"{kept} stages are to be kept of {stages.kind.size} planned")
    spacing = floor_reach_k / (FLOOR_POINTS - 1)
    values = np.empty((low_c.size, kept, AIR_POINTS, FLOOR_POINTS))

    def fill(first: int, end: int) -> None:
        _fill_values(
            values.reshape(low_c.size, kept, POINTS),
            first,
            end,
            stages.kind,
            stages.length_h,
            stages.transition,
            stages.lift_c,
            stages.parts,
            stages.drive_c,
            stages.cost_dkk,
            low_c,
            high_c,
            spacing,
            end_dkk_per_k,
        )

    in_chunks(fill, low_c.size)
    return HeatValue(values, low_c, high_c, spacing)


def values_at(value: HeatValue, stage: int, temperature_c: FloatArray) -> FloatArray:
    """Return the opportunity cost of states ``(n, j, 2)`` at the end of a stage."""
    n, kept = value.values_dkk.shape[:2]
    return _values_at(
        value.values_dkk.reshape(n, kept, POINTS)[:, stage],
        value.low_c - BEYOND_K,
        value.air_spacing_k,
        value.floor_spacing_k,
        temperature_c,
    )


def outside_dkk(
    value: HeatValue, temperature_c: FloatArray, length_h: float
) -> FloatArray:
    """Return the price of ending a stage outside the band, for states ``(n, j, 2)``."""
    air = temperature_c[..., 0]
    below = np.maximum(value.low_c[:, None] - air, 0)
    above = np.maximum(air - value.high_c[:, None], 0)
    return OUTSIDE_DKK_PER_K_H * length_h * (below + above)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _fill_values(
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
    stages, kept = kind.size, values.shape[1]
    air, floor = np.empty(POINTS), np.empty(POINTS)
    now, after = np.empty(POINTS), np.empty(POINTS)
    reached = np.empty(POINTS, np.uint32), np.empty((3, POINTS))
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
    reached: tuple[IntArray, FloatArray],
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
    cell, (part_air, part_floor, penalty) = reached
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
    reached: tuple[IntArray, FloatArray],
    cost_dkk: float,
) -> None:
    """Lower the best cost of each grid point to an option's, where that is less."""
    cell, (part_air, part_floor, penalty) = reached
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
def _values_at(
    values: FloatArray,
    first_c: FloatArray,
    air_spacing: FloatArray,
    floor_spacing: FloatArray,
    temperature_c: FloatArray,
) -> FloatArray:
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
