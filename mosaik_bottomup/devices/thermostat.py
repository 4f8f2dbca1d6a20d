"""Homes that know no price: a thermostat for the house, own use for the battery.

What most homes do today, and a reference for what planning by price is worth. Each site
offers the one thing it is going to do.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices.heat_pump import HeatPumpState, cop
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.devices.pv_battery import battery_limits_kw
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.messages import BidBook, Moment, StoreReport

HYSTERESIS_K = 1.0
"""Width of the band around the middle of the comfort band, as room thermostats have."""


@dataclass(slots=True, eq=False)
class ThermostatSites:
    """Sites whose controller looks at a temperature or a meter, and at nothing else."""

    sites: HeatPumpSites | PvBatterySites
    kind: str = field(init=False)
    rules: PlanningRules = field(init=False)

    def __post_init__(self) -> None:
        self.kind, self.rules = self.sites.kind, self.sites.rules

    def start(self, ambient_c: float) -> Any:
        """Return the sites' own state of rest."""
        return self.sites.start(ambient_c)

    def plan(self, first: int, outlook: Outlook, surcharge: FloatArray) -> None:
        """Plan nothing."""

    def bids(self, state: Any, plan: None, now: Outlook, moment: Moment) -> BidBook:
        """Return the one option of each site."""
        if isinstance(self.sites, HeatPumpSites):
            power_kw = heating_kw(self.sites, state, float(now.ambient_c[0]))
        else:
            power_kw = self_consumption_kw(self.sites, state, now)
        n = power_kw.size
        return BidBook(
            self.sites.fleet.area,
            power_kw[:, None],
            np.zeros((n, 1)),
            np.zeros((n, 0), dtype=np.bool_),
            self.sites.reactive_kvar(np.maximum(power_kw, 0)),
            moment,
        )

    def apply(
        self, state: Any, now: Outlook, power_kw: FloatArray
    ) -> tuple[Any, dict[str, FloatArray]]:
        """Run a step as the sites do."""
        return self.sites.apply(state, now, power_kw)

    def store(
        self, state: Any, outlook: Outlook, areas: int, moment: Moment
    ) -> StoreReport:
        """Return the fleet as one store, as the sites do."""
        return self.sites.store(state, outlook, areas, moment)


def heating_kw(
    sites: HeatPumpSites, state: HeatPumpState, ambient_c: float
) -> FloatArray:
    """Return full power below the hysteresis band, none above, and no change within.

    A locked compressor stays as it is.
    """
    fleet = sites.fleet
    middle = (fleet.comfort_low_c + fleet.comfort_high_c) / 2
    air = state.temperature_c[:, 0]
    cold, warm = air < middle - HYSTERESIS_K / 2, air > middle + HYSTERESIS_K / 2
    locked = state.mode_steps < sites.rules.run_steps
    runs = np.where(locked, state.on, cold | (state.on & ~warm))
    return np.where(runs, fleet.heat_kw / cop(ambient_c, fleet.inverter), 0.0)


def self_consumption_kw(
    sites: PvBatterySites, energy_kwh: FloatArray, now: Outlook
) -> FloatArray:
    """Return what is left at the meter when the battery takes all it can of it."""
    fleet = sites.fleet
    net_kw = now.load_kw[:, 0] - fleet.pv_kwp * now.pv_kw_per_kwp[0]
    low_kw, high_kw = battery_limits_kw(fleet, energy_kwh, sites.rules.step_h)
    meter_kw: FloatArray = net_kw + np.clip(-net_kw, low_kw, high_kw)
    return meter_kw
