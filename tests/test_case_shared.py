"""What cases share in a process: the same numbers, made once, and nobody writes in."""

import numpy as np
import pytest

from mosaik_bottomup import case as cases
from mosaik_bottomup import parties
from mosaik_bottomup.arrays import write_protect
from mosaik_bottomup.devices.agent import FleetAgent
from mosaik_bottomup.scenario import load

SMALL = (
    "run.duration_h=1",
    "run.warm_up_h=3",
    "sites.heat_pumps=6",
    "sites.pv_batteries=4",
)
NOT_OF_THE_HOMES = (
    "name=other",
    "run.strategy=thermostat",
    "grid.transformer_kva=100",
    "grid.loading_limit_percent=80",
    "grid.mv_voltage_pu=1.0",
    "grid.household_power_factor=0.9",
    "aggregators.segments=5",
    "aggregators.imbalance_price_dkk_per_kwh=0.3",
    "planning.indifference_dkk_per_kwh=0.1",
    "dso.allocation=proportional",
    "day_ahead.gate_closure_h=12",
    "intraday.every_h=1",
    "alternatives.site_cap_kw=3",
    "results.flush_every_steps=1",
)


def small(*overrides):
    return load("two_areas", [*SMALL, *overrides])


@pytest.mark.parametrize("override", NOT_OF_THE_HOMES)
def test_cases_that_differ_in_what_homes_do_not_depend_on_share_them(override):
    one, other = cases.build(small()), cases.build(small(override))

    assert other.scenario != one.scenario
    assert other.series is one.series
    assert other.fleets is one.fleets
    assert other.forecast is one.forecast


@pytest.mark.parametrize("override", NOT_OF_THE_HOMES)
def test_what_is_shared_is_what_would_be_made_anew(override):
    shared, scenario = cases.build(small()), small(override)

    series = cases.build_series(scenario, shared.network.home_area.size)
    fleets = cases.draw_all_fleets(scenario, shared.network.home_area)

    for name in ("ambient_c", "import_dkk_per_kwh", "household_kw", "pv_kw_per_kwp"):
        assert np.array_equal(getattr(series, name), getattr(shared.series, name))
    for fresh, fleet in zip(fleets, shared.fleets, strict=True):
        assert fresh.name == fleet.name
        assert np.array_equal(fresh.sites.fleet.home, fleet.sites.fleet.home)


@pytest.mark.parametrize(
    "override", ["run.seed=2", "sites.heat_pumps=5", "pv.tilt_deg=9"]
)
def test_other_homes_are_not_shared(override):
    one, other = cases.build(small()), cases.build(small(override))

    assert other.fleets is not one.fleets


def test_a_network_is_shared_as_long_as_it_is_the_same():
    first, same, other = (
        cases.build(small(override)).network
        for override in ("run.seed=1", "run.seed=2", "grid.transformer_kva=100")
    )

    assert first is same
    assert other is not first


def test_a_file_that_has_changed_is_read_again(tmp_path):
    file = tmp_path / "prices.csv"

    def mean_price(dkk_per_kwh):
        hours = np.arange("2016-01-03", "2016-01-08", dtype="datetime64[h]")
        lines = [f"{hour}:00+00:00,{dkk_per_kwh}" for hour in hours]
        head = "time,day_ahead [DKK kWh-1]"
        file.write_text("\n".join([head, *lines]))
        series = cases.build(small(f"prices.file={file}")).series
        return series.day_ahead_dkk_per_kwh.mean()

    assert mean_price(0.25) == pytest.approx(0.25)
    assert mean_price(1.125) == pytest.approx(1.125)


def test_a_warm_up_is_lived_through_once_and_is_what_it_would_be_anew():
    one = cases.build(small("run.strategy=two-stage"))
    other = cases.build(small("run.strategy=price-only"))
    fleet = one.fleets[0]

    state = parties.fleet_agent(one, fleet).state
    anew = FleetAgent(
        fleet.sites,
        one.calendar,
        2,
        parties.fleet_forecast(one, fleet.sites.fleet.home),
        reports=True,
    )
    anew.warm_up(one.scenario.run.warm_up_steps)

    assert parties.fleet_agent(other, fleet).state is state
    assert np.array_equal(state.temperature_c, anew.state.temperature_c)
    assert np.array_equal(state.mode_steps, anew.state.mode_steps)


def test_a_thermostat_has_a_warm_up_of_its_own():
    planned = cases.build(small("run.strategy=price-only"))
    thermostat = cases.build(small("run.strategy=thermostat"))
    fleet = planned.fleets[0]

    one, other = (parties.fleet_agent(it, fleet).state for it in (planned, thermostat))

    assert other is not one


def test_nobody_can_write_into_what_is_shared():
    case = cases.build(small())
    headroom = parties.fit_headroom(case.network)
    state = parties.fleet_agent(case, case.fleets[0]).state

    for array in (
        case.series.household_kw,
        case.network.home_area,
        case.network.lines.length_km,
        headroom.p_coefficients,
        state.temperature_c,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_protection_reaches_arrays_in_tuples_and_leaves_other_things_alone():
    arrays = np.zeros(2), (np.ones(2), "word")

    assert write_protect(arrays) is arrays
    assert not arrays[0].flags.writeable
    assert not arrays[1][0].flags.writeable
