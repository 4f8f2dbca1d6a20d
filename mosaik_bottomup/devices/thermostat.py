"""Homes that know no price: a thermostat for the house, own use for the battery.

What most homes do today, and a reference for what planning by price is worth. Each site
offers the one thing it is going to do.
"""

from typing import Any

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices.control import OwnSites, only_option
from mosaik_bottomup.devices.heat_pump import HeatPumpState, cop
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.pv_battery import battery_limits_kw
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.messages import BidBook, Moment

HYSTERESIS_K = 0.2
"""Width of the band around the middle of the comfort band. The floor goes on warming
and cooling the room for hours: with 1 K, as for radiators, most homes leave theirs."""


def thermostat_offer(
    sites: OwnSites, state: Any, plan: None, now: Outlook, moment: Moment
) -> BidBook:
    """Return what a controller does that looks at a temperature, or at a meter."""
    del plan
    if isinstance(sites, HeatPumpSites):
        power_kw = heating_kw(sites, state, float(now.ambient_c[0]))
    else:
        power_kw = self_consumption_kw(sites, state, now)
    return only_option(sites, power_kw, moment)


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
