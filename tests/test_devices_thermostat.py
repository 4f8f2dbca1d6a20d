"""Homes that know no price heat by hysteresis and use their own PV."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup import scenario
from mosaik_bottomup.case.fleets import draw_all_fleets
from mosaik_bottomup.case.network import build_network
from mosaik_bottomup.devices.control import ControlledSites
from mosaik_bottomup.devices.heat_pump import HeatPumpState, cop
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook
from mosaik_bottomup.devices.thermostat import (
    HYSTERESIS_K,
    heating_kw,
    self_consumption_kw,
    thermostat_offer,
)
from mosaik_bottomup.messages import Moment


@pytest.fixture(scope="module")
def fleets():
    few = ["sites.heat_pumps=4", "sites.pv_batteries=4", "aggregators.count=1"]
    settled = scenario.load("two_areas", few)
    network = build_network(settled.grid)
    return {
        it.sites.kind: it.sites for it in draw_all_fleets(settled, network.home_area)
    }


def sky(sites, pv_kw_per_kwp=0.0, load_kw=1.0):
    one, n = np.ones(1), len(sites.fleet.site)
    return Outlook(
        0 * one, 0 * one, one, one, pv_kw_per_kwp * one, load_kw * np.ones((n, 1))
    )


def in_state(sites: HeatPumpSites, above_middle_k: float, on: bool, steps: int = 99):
    fleet, n = sites.fleet, len(sites.fleet.site)
    air = (fleet.comfort_low_c + fleet.comfort_high_c) / 2 + above_middle_k
    return HeatPumpState(
        np.stack([air, air + 3], axis=1), np.full(n, on), np.full(n, steps)
    )


@pytest.mark.parametrize("on", [True, False])
def test_a_thermostat_changes_nothing_within_its_band_and_acts_beyond_it(fleets, on):
    sites = fleets["heat_pumps"]
    beyond = HYSTERESIS_K / 2 + 0.01
    full = sites.fleet.heat_kw / cop(-5.0, sites.fleet.inverter)

    def power(above):
        return heating_kw(sites, in_state(sites, above, on), -5.0)

    assert power(0.0) == pytest.approx(full if on else 0 * full)
    assert power(-beyond) == pytest.approx(full)
    assert power(beyond) == pytest.approx(0 * full)


@pytest.mark.parametrize("on", [True, False])
def test_a_locked_compressor_stays_as_it_is(fleets, on):
    sites = fleets["heat_pumps"]
    far = 2.0 if on else -2.0

    power = heating_kw(sites, in_state(sites, far, on, steps=0), -5.0)

    assert ((power > 0) == on).all()


@given(stored=st.floats(0, 1), load=st.floats(0, 4), pv=st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_own_use_never_trades_with_the_grid_what_the_battery_could(
    fleets, stored, load, pv
):
    sites = fleets["pv_batteries"]
    fleet = sites.fleet
    energy = fleet.low_kwh + stored * (fleet.high_kwh - fleet.low_kwh)
    now = sky(sites, pv, load)

    meter_kw = self_consumption_kw(sites, energy, now)
    after, record = sites.apply(energy, now, meter_kw)

    net_kw = load - fleet.pv_kwp * pv
    assert (meter_kw * net_kw >= -1e-9).all()
    assert (np.abs(meter_kw) <= np.abs(net_kw) + 1e-9).all()
    imports, exports = meter_kw > 1e-6, meter_kw < -1e-6
    at_limit = np.abs(np.abs(record["battery_kw"]) - fleet.power_max_kw) < 1e-6
    assert (at_limit | (after <= fleet.low_kwh + 1e-6))[imports].all()
    assert (at_limit | (after >= fleet.high_kwh - 1e-6))[exports].all()
    assert record["curtailed_kw"] == pytest.approx(0)


@pytest.mark.parametrize("kind", ["heat_pumps", "pv_batteries"])
def test_a_site_without_prices_offers_what_it_does_and_nothing_else(fleets, kind):
    sites = fleets[kind]
    simple = ControlledSites(sites, thermostat_offer, plans=False)
    state = simple.start(0.0)

    book = simple.bids(state, None, sky(sites), Moment(0))
    after, record = simple.apply(state, sky(sites), book.power_kw[:, 0])

    assert book.power_kw.shape == (len(sites.fleet.site), 1)
    assert (record["power_kw"] == book.power_kw[:, 0]).all()
    assert simple.kind == kind
    assert after is not None
