r"""What a home's controller believes of its house, and how it learns of the floor.

Nobody knows the parameters of a house exactly. Planning, guard and reports go by an
estimated fleet; temperatures move by the true one. Measured are the air temperature,
the weather that was and the electric power; the floor is estimated by a reduced-order
observer (D. Luenberger, "An introduction to observers",
doi:10.1109/TAC.1971.1099826) from the air's innovation:

.. math:: \hat T_f' = [\hat A (T_i, \hat T_f) + \hat b]_f
    + L \, (T_i' - [\hat A (T_i, \hat T_f) + \hat b]_i), \qquad
    L = (\hat A_{ff} - e^{-h/\tau}) / \hat A_{if} .

An error of the estimated floor then dies away with time constant :math:`\tau`. Wrong
parameters keep it from zero, and in the right direction: the floor is taken for as much
warmer or colder as explains what the air did, so that the next step of the air is
foretold nearly right.
"""

from dataclasses import replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices import house
from mosaik_bottomup.devices.draw import (
    BOUND_SD,
    DESIGN_AMBIENT_C,
    DESIGN_INDOOR_C,
    truncated_normal,
)
from mosaik_bottomup.devices.heat_pump import HeatPumpFleet, gains_kw
from mosaik_bottomup.devices.house import Houses, StepResponse

OBSERVER_H = 1.0
"""Time constant of the floor's observer: short beside the hours of a floor, and some
steps long, so that one step's weather is not taken for the floor."""
CLEAR_SKY_W_M2 = 200.0
"""Irradiance of a clear winter noon at 54 to 56 degrees north, rounded up."""
PARAMETERS = ("envelope", "floor_air", "air", "floor", "heat", "gains", "aperture")
"""What is mis-estimated, each by an error of its own: both heat transfers, both
capacities, the heat made of a known electric power (COP), internal and solar gains."""


def scaled(fleet: HeatPumpFleet, factors: FloatArray) -> HeatPumpFleet:
    """Return the fleet with each of `PARAMETERS` times its factor, ``(7, n)``."""
    envelope, floor_air, air, floor, heat, gains, aperture = factors
    return replace(
        fleet,
        houses=Houses(
            fleet.houses.envelope_kw_per_k * envelope,
            fleet.houses.floor_kw_per_k * floor_air,
            fleet.houses.air_kwh_per_k * air,
            fleet.houses.floor_kwh_per_k * floor,
        ),
        heat_kw=fleet.heat_kw * heat,
        gains_kw=fleet.gains_kw * gains,
        aperture_m2=fleet.aperture_m2 * aperture,
    )


def mistaken(
    fleet: HeatPumpFleet, error: float, rng: np.random.Generator
) -> HeatPumpFleet:
    """Return the fleet as its controllers believe it to be.

    Parameters
    ----------
    fleet
        As it is.
    error
        Standard deviation of each home's and each parameter's error, as a part of the
        parameter. Errors are normal, independent, and cut at twice that: what an
        identification from data leaves, without outliers that it would show.
    rng
        Source of the errors.
    """
    bounds = (-BOUND_SD, BOUND_SD)
    errors = [truncated_normal(rng, bounds, len(fleet.site)) for _ in PARAMETERS]
    return scaled(fleet, 1 + error * np.array(errors))


def step_spread_k(fleet: HeatPumpFleet, error: float, step_h: float) -> FloatArray:
    """Return how far the air may be from what is foretold for one step, ``(n,)``.

    One standard deviation, to first order: the root of the sum of squares of what each
    parameter's error does to the air in one step on a clear noon at design temperature,
    from a house that the full heat holds at rest.
    """
    n = len(fleet.site)
    houses = fleet.houses
    air = np.full(n, DESIGN_INDOOR_C)
    loss = houses.envelope_kw_per_k * (DESIGN_INDOOR_C - DESIGN_AMBIENT_C)
    floor = air + loss / houses.floor_kw_per_k
    temperature = np.stack([air, floor], axis=1)

    def after(factors: FloatArray) -> FloatArray:
        other = scaled(fleet, factors)
        response = house.discretise(other.houses, step_h)
        gains = gains_kw(other, CLEAR_SKY_W_M2)
        reached = house.advance(
            response, temperature, DESIGN_AMBIENT_C, gains, other.heat_kw
        )
        return reached[:, 0]

    right = np.ones((len(PARAMETERS), n))
    foretold = after(right)
    squares = np.zeros(n)
    for row in range(len(PARAMETERS)):
        wrong = right.copy()
        wrong[row] += error
        squares += (after(wrong) - foretold) ** 2
    spread: FloatArray = np.sqrt(squares)
    return spread


def guarded(fleet: HeatPumpFleet, margin_k: FloatArray) -> HeatPumpFleet:
    """Return the fleet with a comfort band narrower by a margin at both edges."""
    low, high = fleet.comfort_low_c + margin_k, fleet.comfort_high_c - margin_k
    return replace(fleet, comfort_low_c=low, comfort_high_c=high)


def observer_gain(believed: StepResponse, step_h: float) -> FloatArray:
    """Return K of floor per K of the air's innovation, shape ``(n,)``."""
    above = believed.transition[:, 1, 1] - np.exp(-step_h / OBSERVER_H)
    gain: FloatArray = np.maximum(above / believed.transition[:, 0, 1], 0.0)
    return gain


def observe_floor_c(
    gain: FloatArray, foretold_c: FloatArray, air_c: FloatArray
) -> FloatArray:
    """Return the floor as estimated once the air has been measured.

    Parameters
    ----------
    gain : (n,) array
        From :func:`observer_gain`.
    foretold_c : (n, 2) array
        Air and floor after the step, from what was believed before it.
    air_c : (n,) array
        Measured.
    """
    floor: FloatArray = foretold_c[:, 1] + gain * (air_c - foretold_c[:, 0])
    return floor
