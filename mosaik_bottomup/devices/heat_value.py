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
stages lose less by interpolation, and prices change by the hour.
"""

from dataclasses import dataclass

import numba
import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices.house import StepResponse

AIR_POINTS = 21
"""About 0.13 K apart: a coarser grid smears the edge of the band and keeps houses too
warm."""
FLOOR_POINTS = 31
"""About 0.4 K apart."""
BEYOND_K = 0.3
"""How far the grid reaches beyond the comfort band on both sides."""
FLOOR_REACH = 1.25
"""Highest floor excess of the grid, in parts of what full heat holds at rest."""
OUTSIDE_DKK_PER_K_H = 2.0
"""Price of each K and hour outside the band."""


@dataclass(frozen=True, slots=True, eq=False)
class Stages:
    """What ``n`` houses meet in ``s`` stages."""

    length_h: FloatArray
    """Shape ``(s,)``."""
    transition: FloatArray
    """What remains of the temperatures, shape ``(s, n, 2, 2)``."""
    drive_c: FloatArray
    """What weather and gains add, shape ``(s, n, 2)``."""
    lift_c: FloatArray
    """What full heat adds, shape ``(s, n, 2)``."""
    cost_dkk: FloatArray
    """What full heat costs, shape ``(s, n)``."""
    parts: FloatArray
    """Parts of full power that are options, shape ``(s, n, j)``; an option may stand
    there twice."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatValue:
    """Opportunity cost of every state in each stage, on its grid."""

    values_dkk: FloatArray
    """Shape ``(n, s + 1, AIR_POINTS, FLOOR_POINTS)``."""
    low_c: FloatArray
    """Comfort band that was planned with, shape ``(n,)``."""
    high_c: FloatArray
    floor_spacing_k: FloatArray

    @property
    def air_spacing_k(self) -> FloatArray:
        """Distance of the grid's air temperatures, shape ``(n,)``."""
        return (self.high_c - self.low_c + 2 * BEYOND_K) / (AIR_POINTS - 1)


def stack(
    responses: list[StepResponse],
    lengths_h: list[float],
    ambient_c: FloatArray,
    gains_kw: FloatArray,
    heat_kw: FloatArray,
    cost_dkk: FloatArray,
    parts: FloatArray,
) -> Stages:
    """Return the stages of given lengths; series ``(n, s)``, parts ``(s, n, j)``."""
    drive = [
        response.per_ambient * ambient_c[:, s, None]
        + response.per_gain_kw * gains_kw[:, s, None]
        for s, response in enumerate(responses)
    ]
    return Stages(
        np.array(lengths_h),
        np.stack([response.transition for response in responses]),
        np.stack(drive),
        np.stack([response.per_heat_kw * heat_kw[:, None] for response in responses]),
        np.ascontiguousarray(cost_dkk.T),
        parts,
    )


def value_heat(
    stages: Stages,
    low_c: FloatArray,
    high_c: FloatArray,
    floor_reach_k: FloatArray,
    end_dkk_per_k: FloatArray,
) -> HeatValue:
    """Return the opportunity cost of every state at every stage.

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
    """
    spacing = floor_reach_k / (FLOOR_POINTS - 1)
    values = _values(
        stages.length_h,
        stages.transition,
        stages.drive_c,
        stages.lift_c,
        stages.cost_dkk,
        stages.parts,
        low_c,
        high_c,
        spacing,
        end_dkk_per_k,
    )
    return HeatValue(values, low_c, high_c, spacing)


def values_at(value: HeatValue, stage: int, temperature_c: FloatArray) -> FloatArray:
    """Return the opportunity cost of states ``(n, j, 2)`` at the start of a stage."""
    return _values_at(
        value.values_dkk[:, stage],
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


@numba.njit(cache=True)
def _values(
    length_h: FloatArray,
    transition: FloatArray,
    drive_c: FloatArray,
    lift_c: FloatArray,
    cost_dkk: FloatArray,
    parts: FloatArray,
    low_c: FloatArray,
    high_c: FloatArray,
    floor_spacing: FloatArray,
    end_dkk_per_k: FloatArray,
) -> FloatArray:
    stages, n = cost_dkk.shape
    values = np.empty((n, stages + 1, AIR_POINTS, FLOOR_POINTS))
    for i in range(n):
        first = low_c[i] - BEYOND_K
        air_spacing = (high_c[i] - low_c[i] + 2 * BEYOND_K) / (AIR_POINTS - 1)
        for g in range(AIR_POINTS):
            for f in range(FLOOR_POINTS):
                air = first + g * air_spacing
                floor = air + f * floor_spacing[i]
                worth = end_dkk_per_k[i, 0] * air + end_dkk_per_k[i, 1] * floor
                values[i, stages, g, f] = -worth
        for s in range(stages - 1, -1, -1):
            a, price = transition[s, i], OUTSIDE_DKK_PER_K_H * length_h[s]
            for g in range(AIR_POINTS):
                for f in range(FLOOR_POINTS):
                    air = first + g * air_spacing
                    floor = air + f * floor_spacing[i]
                    rest_air = a[0, 0] * air + a[0, 1] * floor + drive_c[s, i, 0]
                    rest_floor = a[1, 0] * air + a[1, 1] * floor + drive_c[s, i, 1]
                    best = np.inf
                    for j in range(parts.shape[2]):
                        part = parts[s, i, j]
                        to_air = rest_air + part * lift_c[s, i, 0]
                        to_floor = rest_floor + part * lift_c[s, i, 1]
                        cost = part * cost_dkk[s, i] + _bilinear(
                            values[i, s + 1],
                            (to_air - first) / air_spacing,
                            (to_floor - to_air) / floor_spacing[i],
                        )
                        if to_air < low_c[i]:
                            cost += price * (low_c[i] - to_air)
                        elif to_air > high_c[i]:
                            cost += price * (to_air - high_c[i])
                        best = min(best, cost)
                    values[i, s, g, f] = best
    return values


@numba.njit(cache=True)
def _bilinear(values: FloatArray, at_air: float, at_floor: float) -> float:
    """Return the value at a grid position; beyond its edge it goes on straight."""
    g = min(int(max(at_air, 0.0)), values.shape[0] - 2)
    f = min(int(max(at_floor, 0.0)), values.shape[1] - 2)
    u, v = at_air - g, at_floor - f
    near = (1 - v) * values[g, f] + v * values[g, f + 1]
    far = (1 - v) * values[g + 1, f] + v * values[g + 1, f + 1]
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
            result[i, j] = _bilinear(
                values[i],
                (air - first_c[i]) / air_spacing[i],
                (floor - air) / floor_spacing[i],
            )
    return result
