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

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.devices.chunks import in_chunks
from mosaik_bottomup.devices.heat_grid import (
    AIR_POINTS,
    BEYOND_K,
    FLOOR_POINTS,
    OUTSIDE_DKK_PER_K_H,
    POINTS,
    fill_values,
    interpolated,
)
from mosaik_bottomup.devices.house import StepResponse

FLOOR_REACH = 1.25
"""Highest floor excess of the grid, in parts of what full heat holds at rest."""


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
        fill_values(
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
    return interpolated(
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
