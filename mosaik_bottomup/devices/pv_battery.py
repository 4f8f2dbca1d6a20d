"""A PV/battery home: own load, PV and battery behind one meter."""

from dataclasses import dataclass, replace

import numpy as np

from mosaik_bottomup.arrays import FloatArray, IntArray

WEAR_DKK_PER_KWH = 0.25
"""Battery wear per kWh discharged; design value of this model."""
STATE_OF_CHARGE = (0.10, 0.95)
"""Lowest and highest state of charge, as parts of the usable capacity."""
TOLERANCE_KW = 1e-6  # forgives powers that a solver or a sum has rounded


@dataclass(frozen=True, slots=True, eq=False)
class PvBatteryFleet:
    """Parameters of ``n`` homes with PV and battery, each array of shape ``(n,)``."""

    site: tuple[str, ...]
    home: IntArray
    """Row of the home in the grid's list of homes."""
    area: IntArray
    pv_kwp: FloatArray
    capacity_kwh: FloatArray
    power_max_kw: FloatArray
    """Of the battery, charging and discharging."""
    efficiency: FloatArray
    """One way, the same for charging and discharging, in (0, 1]."""
    kept_kwh: FloatArray | float = 0.0
    """Energy that stays free at either end of the range, as a reserve for others."""

    def __post_init__(self) -> None:
        good = (self.capacity_kwh > 0) & (self.power_max_kw > 0) & (self.pv_kwp >= 0)
        good &= (self.efficiency > 0) & (self.efficiency <= 1)
        if not good.all():
            raise ValueError(f"impossible batteries: rows {np.flatnonzero(~good)}")
        kept = np.broadcast_to(self.kept_kwh, self.capacity_kwh.shape)
        object.__setattr__(self, "kept_kwh", kept)

    @property
    def low_kwh(self) -> FloatArray:
        """Least energy that may be stored."""
        return STATE_OF_CHARGE[0] * self.capacity_kwh + self.kept_kwh

    @property
    def high_kwh(self) -> FloatArray:
        """Most energy that may be stored."""
        return STATE_OF_CHARGE[1] * self.capacity_kwh - self.kept_kwh


def battery_limits_kw(
    fleet: PvBatteryFleet, energy_kwh: FloatArray, step_h: float
) -> tuple[FloatArray, FloatArray]:
    """Return the lowest (discharging) and highest power the battery can hold a step."""
    discharge_kw = (energy_kwh - fleet.low_kwh) * fleet.efficiency / step_h
    charge_kw = (fleet.high_kwh - energy_kwh) / (fleet.efficiency * step_h)
    return (
        -np.clip(discharge_kw, 0, fleet.power_max_kw),
        np.clip(charge_kw, 0, fleet.power_max_kw),
    )


def stored_kwh(
    fleet: PvBatteryFleet, energy_kwh: FloatArray, battery_kw: FloatArray, step_h: float
) -> FloatArray:
    r"""Return the energy after a step, :math:`E' = E + h\,(\eta\,p^+ - p^-/\eta)`.

    The storage balance of T. Brown et al., "PyPSA: Python for Power System Analysis",
    doi:10.5334/jors.188, without losses at rest. ``battery_kw`` may be ``(n,)`` or, for
    alternatives, ``(n, j)``.
    """
    efficiency, energy = fleet.efficiency, energy_kwh
    if battery_kw.ndim == 2:
        efficiency, energy = efficiency[:, None], energy[:, None]
    charged = efficiency * np.maximum(battery_kw, 0)
    drawn = np.maximum(-battery_kw, 0) / efficiency
    return energy + step_h * (charged - drawn)


def keep_band(fleet: PvBatteryFleet, band_kw: float, band_h: float) -> PvBatteryFleet:
    r"""Return the fleet as it may be used while a symmetric band is kept free.

    Every battery gives the same part of its power :math:`b_i`, and so much energy at
    either end of its range that it can discharge the band for :math:`T` hours
    (:math:`T b_i / \eta`), which is more than charging it takes.

    Parameters
    ----------
    fleet
        All batteries the band is laid on.
    band_kw
        Up and down, of all together.
    band_h
        How long it can be called in full in one direction.

    Raises
    ------
    ValueError
        If the batteries cannot keep it, saying how much they could.
    """
    if band_kw == 0:
        return fleet
    whole_kw = float(fleet.power_max_kw.sum())
    share = band_kw / whole_kw if whole_kw > 0 else np.inf
    kept_kwh = band_h * fleet.power_max_kw * share / fleet.efficiency
    width_kwh = fleet.high_kwh - fleet.low_kwh
    if not (share < 1 and (2 * kept_kwh < width_kwh).all()):
        most = most_band_kw(fleet, band_h)
        raise ValueError(
            f"batteries of {whole_kw:.0f} kW keep less than {most:.0f} kW free for "
            f"{band_h:g} h, not {band_kw:g} kW"
        )
    power_kw = (1 - share) * fleet.power_max_kw
    return replace(fleet, power_max_kw=power_kw, kept_kwh=kept_kwh)


def most_band_kw(fleet: PvBatteryFleet, band_h: float) -> float:
    """Return the band at which a battery has no power, or no range, of its own left."""
    if not fleet.power_max_kw.size:
        return 0.0
    width_kwh = fleet.high_kwh - fleet.low_kwh
    by_energy = width_kwh * fleet.efficiency / (2 * band_h * fleet.power_max_kw)
    return float(fleet.power_max_kw.sum() * min(1.0, by_energy.min()))


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """What happens behind the meter for a net power, each field ``(n,)``."""

    battery_kw: FloatArray
    curtailed_kw: FloatArray


def split(
    fleet: PvBatteryFleet,
    energy_kwh: FloatArray,
    load_kw: FloatArray,
    pv_kw: FloatArray,
    power_kw: FloatArray,
    step_h: float,
) -> Split:
    """Return how a net power at the meter is made: battery first, then less PV.

    Raises
    ------
    ValueError
        If the power cannot be reached, naming the home: the caller clips, and knows
        that it did.
    """
    low_kw, high_kw = battery_limits_kw(fleet, energy_kwh, step_h)
    ask_kw = power_kw - (load_kw - pv_kw)
    battery_kw = np.clip(ask_kw, low_kw, high_kw)
    curtailed_kw = np.maximum(ask_kw - battery_kw, 0)
    excess_kw = np.maximum(battery_kw - ask_kw, curtailed_kw - pv_kw)
    if not (excess_kw <= TOLERANCE_KW).all():
        row = int(excess_kw.argmax())
        raise ValueError(f"{fleet.site[row]}: {excess_kw[row]:g} kW out of reach")
    return Split(battery_kw, np.minimum(curtailed_kw, pv_kw))


def take(fleet: PvBatteryFleet, rows: IntArray) -> PvBatteryFleet:
    """Return the fleet of the given rows."""
    return PvBatteryFleet(
        tuple(fleet.site[row] for row in rows),
        fleet.home[rows],
        fleet.area[rows],
        fleet.pv_kwp[rows],
        fleet.capacity_kwh[rows],
        fleet.power_max_kw[rows],
        fleet.efficiency[rows],
        np.asarray(fleet.kept_kwh)[rows],
    )
