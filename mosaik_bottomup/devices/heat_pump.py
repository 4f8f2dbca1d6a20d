"""Which powers a heat pump can take, and how much heat they make."""

from dataclasses import dataclass

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.devices.house import Houses

FIELD_FACTOR = 0.85
"""COP in the field over COP on the test stand; design value of this model."""
MODULATION = (0.0, 0.5, 1.0)
"""Options of an inverter machine as parts of full power; on/off machines lack 0.5."""
REGRESSION_INVERTER = (0.1540, -0.0876, 7.045)
"""COP per °C ambient, per °C supply, constant: hplib's generic outdoor-air/water
inverter (T. Tjaden et al., doi:10.5281/zenodo.5521597)."""
REGRESSION_ON_OFF = (0.0953, -0.0603, 5.696)
"""The same for hplib's generic outdoor-air/water on/off machine."""


@dataclass(frozen=True, slots=True, eq=False)
class HeatPumpFleet:
    """Parameters of ``n`` homes with a heat pump, each array of shape ``(n,)``."""

    site: tuple[str, ...]
    home: IntArray
    """Row of the home in the grid's list of homes."""
    area: IntArray
    houses: Houses
    heat_kw: FloatArray
    """Nominal heat output."""
    inverter: BoolArray
    gains_kw: FloatArray
    """Internal gains."""
    aperture_m2: FloatArray
    """Window area that would let in the global horizontal irradiance as heat."""
    comfort_low_c: FloatArray
    comfort_high_c: FloatArray

    def __post_init__(self) -> None:
        good = (self.heat_kw > 0) & (self.gains_kw >= 0) & (self.aperture_m2 >= 0)
        good &= self.comfort_high_c > self.comfort_low_c
        if not good.all():
            raise ValueError(f"impossible heat pumps: rows {np.flatnonzero(~good)}")


@dataclass(frozen=True, slots=True, eq=False)
class HeatPumpState:
    """What moves, at the start of a step."""

    temperature_c: FloatArray
    """Air and floor, shape ``(n, 2)``."""
    on: BoolArray
    """Whether the compressor ran in the step before."""
    mode_steps: IntArray
    """For how many steps it has been in that mode."""
    floor_error_k: FloatArray | float = 0.0
    """By how much the home takes its floor, which nobody measures, for warmer."""

    @property
    def believed_c(self) -> FloatArray:
        """Air, measured, and floor, estimated: shape ``(n, 2)``."""
        believed = self.temperature_c.copy()
        believed[:, 1] += self.floor_error_k
        return believed


def supply_c(ambient_c: FloatArray) -> FloatArray:
    """Return the supply temperature of a floor heating: 30 °C - 0.5 ambient."""
    return 30 - 0.5 * ambient_c


def cop(ambient_c: FloatArray | float, inverter: BoolArray) -> FloatArray:
    """Return the coefficient of performance, never below 1.

    Parameters
    ----------
    ambient_c : scalar or (t,) array
    inverter : (n,) array

    Returns
    -------
    (n,) or (n, t) array
    """
    ambient = np.asarray(ambient_c, dtype=float)
    kind = inverter if ambient.ndim == 0 else inverter[:, None]
    supply = supply_c(ambient)
    a, b, c = REGRESSION_INVERTER
    on_stand = a * ambient + b * supply + c
    a, b, c = REGRESSION_ON_OFF
    on_off = a * ambient + b * supply + c
    return np.maximum(FIELD_FACTOR * np.where(kind, on_stand, on_off), 1.0)


def gains_kw(fleet: HeatPumpFleet, global_w_m2: FloatArray | float) -> FloatArray:
    """Return internal and solar gains, shape ``(n,)`` or ``(n, t)``."""
    irradiance = np.asarray(global_w_m2, dtype=float) / 1000
    if irradiance.ndim == 0:
        return fleet.gains_kw + fleet.aperture_m2 * irradiance
    return fleet.gains_kw[:, None] + fleet.aperture_m2[:, None] * irradiance


def take(fleet: HeatPumpFleet, rows: IntArray) -> HeatPumpFleet:
    """Return the fleet of the given rows."""
    houses = fleet.houses
    return HeatPumpFleet(
        tuple(fleet.site[row] for row in rows),
        fleet.home[rows],
        fleet.area[rows],
        Houses(
            houses.envelope_kw_per_k[rows],
            houses.floor_kw_per_k[rows],
            houses.air_kwh_per_k[rows],
            houses.floor_kwh_per_k[rows],
        ),
        fleet.heat_kw[rows],
        fleet.inverter[rows],
        fleet.gains_kw[rows],
        fleet.aperture_m2[rows],
        fleet.comfort_low_c[rows],
        fleet.comfort_high_c[rows],
    )
