"""Which homes have which devices of which size: drawn from the seed."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from mosaik_bottomup.arrays import FloatArray, IntArray
from mosaik_bottomup.devices.heat_pump import HeatPumpFleet
from mosaik_bottomup.devices.house import Houses
from mosaik_bottomup.devices.pv_battery import PvBatteryFleet

FLOOR_W_PER_K = (500.0, 700.0)
AIR_KWH_PER_K = (2.0, 4.0)
FLOOR_KWH_PER_K = (4.0, 8.0)
GAINS_KW = (0.35, 0.5)
APERTURE_M2 = (1.0, 3.0)
"""Effective window area; with the four above, design values of this model for Danish
single-family houses with floor heating."""
DESIGN_MARGIN = 1.05
DESIGN_INDOOR_C = 21.0
DESIGN_AMBIENT_C = -12.0
"""Danish design temperature (DS 418), with the indoor value heat pumps are sized at."""
BATTERY_EFFICIENCY = 0.94

BOUND_SD = 2.0
"""Standard deviations from the middle of a range to its bounds."""

type Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Population:
    """How many devices there are, and between which bounds their sizes lie."""

    heat_pumps: int
    pv_batteries: int
    inverter_share: float
    ua_w_per_k: Range
    comfort_lower_c: Range
    comfort_width_k: float
    pv_kwp: Range
    battery_kwh: Range
    battery_c_rate: Range


def truncated_normal(rng: np.random.Generator, bounds: Range, n: int) -> FloatArray:
    """Return normal draws around the middle, two standard deviations to each bound.

    By inverse transform of one uniform number each, so that other bounds change only
    what they are the bounds of.
    """
    low, high = bounds
    middle, spread = (low + high) / 2, (high - low) / (2 * BOUND_SD)
    below, above = ndtr(-BOUND_SD), ndtr(BOUND_SD)
    draws = ndtri(below + rng.random(n) * (above - below))
    return middle + spread * np.asarray(draws, dtype=float)


def draw_fleets(
    population: Population, home_area: IntArray, rng: np.random.Generator
) -> tuple[HeatPumpFleet, PvBatteryFleet]:
    """Return both fleets, spread over the homes at random.

    Parameters
    ----------
    population
        Numbers and ranges.
    home_area : (homes,) array
        Area of each home.
    rng
        Source of everything drawn.

    Raises
    ------
    ValueError
        If there are more devices than homes.
    """
    n, m = population.heat_pumps, population.pv_batteries
    if n + m > home_area.size:
        raise ValueError(f"{n + m} devices for {home_area.size} homes")
    homes = rng.permutation(home_area.size)
    with_pump, with_battery = np.sort(homes[:n]), np.sort(homes[n : n + m])
    ua_kw_per_k = truncated_normal(rng, population.ua_w_per_k, n) / 1000
    low_c = truncated_normal(rng, population.comfort_lower_c, n)
    heat_kw = DESIGN_MARGIN * ua_kw_per_k * (DESIGN_INDOOR_C - DESIGN_AMBIENT_C)
    inverter = rng.permutation(n) < round(population.inverter_share * n)
    pumps = HeatPumpFleet(
        site=tuple(f"heat-pump-{home}" for home in with_pump),
        home=with_pump,
        area=home_area[with_pump],
        houses=Houses(
            ua_kw_per_k,
            truncated_normal(rng, FLOOR_W_PER_K, n) / 1000,
            truncated_normal(rng, AIR_KWH_PER_K, n),
            truncated_normal(rng, FLOOR_KWH_PER_K, n),
        ),
        heat_kw=heat_kw,
        inverter=inverter,
        gains_kw=truncated_normal(rng, GAINS_KW, n),
        aperture_m2=truncated_normal(rng, APERTURE_M2, n),
        comfort_low_c=low_c,
        comfort_high_c=low_c + population.comfort_width_k,
    )
    capacity_kwh = truncated_normal(rng, population.battery_kwh, m)
    batteries = PvBatteryFleet(
        site=tuple(f"pv-battery-{home}" for home in with_battery),
        home=with_battery,
        area=home_area[with_battery],
        pv_kwp=truncated_normal(rng, population.pv_kwp, m),
        capacity_kwh=capacity_kwh,
        power_max_kw=capacity_kwh * truncated_normal(rng, population.battery_c_rate, m),
        efficiency=np.full(m, BATTERY_EFFICIENCY),
    )
    return pumps, batteries
