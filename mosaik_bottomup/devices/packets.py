r"""Homes that ask for energy in packets, at random: Packetized Energy Management.

After M. Almassalkhi, J. Frolik and P. Hines, "Packetized energy management:
asynchronous and anonymous coordination of thermostatically controlled loads" (American
Control Conference, 2017). The less a device has, the more
likely it asks for a packet of one step:

.. math::
    \mu(z) = \frac{1}{M}\,\frac{z_{max} - z}{z - z_{min}}\,
        \frac{z_{set} - z_{min}}{z_{max} - z_{set}}, \qquad
    P = 1 - e^{-\mu(z)\,\Delta t}

A home at the edge of its band opts out and takes what it needs without asking; here the
edge is where the comfort guard leaves it no choice. Batteries ask to charge by the same
law and to discharge by its mirror image. Who accepts requests follows a schedule that
the homes' own planning has made in the rehearsal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray
from mosaik_bottomup.devices.control import OwnSites
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.pv_battery import battery_limits_kw
from mosaik_bottomup.devices.pv_battery_site import PvBatterySites
from mosaik_bottomup.messages import BidBook, Moment

QUEUE_DKK_PER_KWH = 1e-3
"""Requests are told apart by random prices below this: it lines them up, in the order
of no one's choosing, and is nothing beside the price of imbalance."""


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """Random requests, as a control."""

    seed: Sequence[int]
    """Of the fleet; with the step it makes what is drawn."""
    mean_time_h: float
    """Mean time until a home at the middle of its band asks, ``M``."""

    def offer(
        self, sites: OwnSites, state: Any, plan: Any, now: Outlook, moment: Moment
    ) -> BidBook:
        """Return what a home does anyway, and the packet if it asks for one."""
        own = sites.bids(state, plan, now, moment)
        if moment.rehearsal is not None:  # the schedule is made by planning
            return own
        rng = np.random.default_rng([*self.seed, moment.step])
        if isinstance(sites, HeatPumpSites):
            power = self._heat_packets(sites, state, own, rng)
        else:
            power = self._charge_packets(sites, state, now, rng)
        # options are less, what is done without a packet, and more
        queue = rng.uniform(0, QUEUE_DKK_PER_KWH, power.shape) * sites.rules.step_h
        cost = queue * np.abs(power - power[:, 1:2])
        return BidBook(
            own.area,
            power,
            cost,
            np.zeros((power.shape[0], power.shape[1] - 1), dtype=np.bool_),
            own.reactive_kvar,
            moment,
        )

    def _heat_packets(
        self,
        sites: HeatPumpSites,
        state: Any,
        own: BidBook,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return the powers without (twice) and with the packet asked for."""
        fleet = sites.fleet
        asks = self._asks(
            state.temperature_c[:, 0],
            fleet.comfort_low_c,
            fleet.comfort_high_c,
            sites.rules.step_h,
            rng,
        )
        low_kw = own.power_kw[:, 0]
        more_kw: FloatArray = np.where(asks, own.power_kw[:, -1], low_kw)
        return np.stack([low_kw, low_kw, more_kw], axis=1)

    def _charge_packets(
        self,
        sites: PvBatterySites,
        energy_kwh: FloatArray,
        now: Outlook,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return the powers with a discharging packet, with none, and with a charging.

        Without a packet a battery stores its own PV surplus. A discharging packet
        serves the home's own load: feeding it in would cost its owner.
        """
        fleet, step_h = sites.fleet, sites.rules.step_h
        low, high = fleet.low_kwh, fleet.high_kwh
        wants_in = self._asks(energy_kwh, low, high, step_h, rng)
        wants_out = self._asks(low + high - energy_kwh, low, high, step_h, rng)
        net_kw = now.load_kw[:, 0] - fleet.pv_kwp * now.pv_kw_per_kwp[0]
        least_kw, most_kw = battery_limits_kw(fleet, energy_kwh, step_h)
        idle_kw = np.clip(-net_kw, 0, most_kw)
        given_kw = np.clip(-net_kw, least_kw, 0)
        less_kw = np.where(wants_out, np.minimum(given_kw, idle_kw), idle_kw)
        more_kw = np.where(wants_in, most_kw, idle_kw)
        power_kw: FloatArray = np.stack([less_kw, idle_kw, more_kw], axis=1)
        power_kw += net_kw[:, None]
        return power_kw

    def _asks(
        self,
        level: FloatArray,
        low: FloatArray,
        high: FloatArray,
        step_h: float,
        rng: np.random.Generator,
    ) -> BoolArray:
        chance = request_probability(level, low, high, self.mean_time_h, step_h)
        asks: BoolArray = rng.random(level.size) < chance
        return asks


def request_probability(
    level: FloatArray,
    low: FloatArray,
    high: FloatArray,
    mean_time_h: float,
    step_h: float,
) -> FloatArray:
    """Return how likely a device asks within a step; the set-point is mid-band."""
    above, below = np.maximum(level - low, 0), np.maximum(high - level, 0)
    with np.errstate(divide="ignore"):  # at the lower edge it asks for certain
        rate_per_h = below / above / mean_time_h
    chance: FloatArray = -np.expm1(-rate_per_h * step_h)
    return chance
