"""Homes that are told beforehand what to do: the replay of a dispatch made elsewhere.

Each site offers the one power it has been told, so that a dispatch which no negotiation
made is lived through, measured and recorded like any other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.devices.control import OwnSites, only_option
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.pv_battery import battery_limits_kw
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.messages import BidBook, Moment

ROUNDING_KW = 1e-4
"""What a solver's tolerance may have put beyond a battery's reach."""
IDLE_KW = 1e-6
"""A compressor told to run at less is off."""


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """Set-points of a whole run, as a control."""

    power_kw: FloatArray
    """At the meters, shape ``(n, t)``."""

    def offer(
        self, sites: OwnSites, state: Any, plan: None, now: Outlook, moment: Moment
    ) -> BidBook:
        """Return what was told, as the one option of each site.

        Raises
        ------
        ValueError
            If it is out of a site's reach, naming the site.
        """
        del plan
        power_kw = self.power_kw[:, moment.step]
        if isinstance(sites, HeatPumpSites):
            power_kw = np.where(power_kw < IDLE_KW, 0.0, power_kw)
        else:
            power_kw = within_reach_kw(sites, state, now, power_kw)
        return only_option(sites, power_kw, moment)


def within_reach_kw(
    sites: PvBatterySites, energy_kwh: FloatArray, now: Outlook, power_kw: FloatArray
) -> FloatArray:
    """Return meter powers without what a solver's rounding put out of reach."""
    fleet = sites.fleet
    pv_kw = fleet.pv_kwp * now.pv_kw_per_kwp[0]
    net_kw = now.load_kw[:, 0] - pv_kw
    low_kw, high_kw = battery_limits_kw(fleet, energy_kwh, sites.rules.step_h)
    reachable: FloatArray = np.clip(power_kw, net_kw + low_kw, net_kw + high_kw + pv_kw)
    away_kw = np.abs(reachable - power_kw)
    if not (away_kw <= ROUNDING_KW).all():
        row = int(away_kw.argmax())
        raise ValueError(
            f"{fleet.site[row]} was told {power_kw[row]:g} kW, {away_kw[row]:g} kW "
            "beyond its reach"
        )
    return reachable
