"""Batteries keep energy, less what they lose; PV is given up when they are full."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices.pv_battery import (
    STATE_OF_CHARGE,
    TOLERANCE_KW,
    PvBatteryFleet,
    battery_limits_kw,
    split,
    stored_kwh,
    take,
)

ROUNDING = 1e-9
N = 4

seeds = st.integers(0, 2**32 - 1)
steps_h = st.sampled_from([1 / 12, 0.25, 1.0])


def random_fleet(rng, n=N):
    capacity = rng.uniform(6, 12, n)
    return PvBatteryFleet(
        tuple(f"home-{i}" for i in range(n)),
        rng.permutation(n),
        rng.integers(0, 2, n),
        rng.uniform(4, 8, n),
        capacity,
        capacity * rng.uniform(0.4, 0.5, n),
        rng.uniform(0.85, 1, n),
    )


def random_energy_kwh(rng, fleet):
    """Return states; every other one of them at a limit."""
    part = rng.choice([0.0, 1.0, rng.random(), rng.random()], fleet.low_kwh.size)
    return fleet.low_kwh + part * (fleet.high_kwh - fleet.low_kwh)


@settings(deadline=None, max_examples=50)
@given(seed=seeds, step_h=steps_h)
def test_within_its_limits_a_battery_stays_within_its_range(seed, step_h):
    rng = np.random.default_rng(seed)
    fleet = random_fleet(rng)
    energy = random_energy_kwh(rng, fleet)
    low_kw, high_kw = battery_limits_kw(fleet, energy, step_h)

    emptied = stored_kwh(fleet, energy, low_kw, step_h)
    filled = stored_kwh(fleet, energy, high_kw, step_h)

    assert (low_kw <= 0).all()
    assert (high_kw >= 0).all()
    assert (emptied >= fleet.low_kwh - ROUNDING).all()
    assert (filled <= fleet.high_kwh + ROUNDING).all()
    at_power = np.isclose(-low_kw, fleet.power_max_kw)
    assert (at_power | np.isclose(emptied, fleet.low_kwh)).all()
    at_power = np.isclose(high_kw, fleet.power_max_kw)
    assert (at_power | np.isclose(filled, fleet.high_kwh)).all()


@settings(deadline=None, max_examples=50)
@given(seed=seeds, step_h=steps_h)
def test_two_half_steps_store_what_one_step_does(seed, step_h):
    rng = np.random.default_rng(seed)
    fleet = random_fleet(rng)
    energy, power = random_energy_kwh(rng, fleet), rng.uniform(-5, 5, N)

    whole = stored_kwh(fleet, energy, power, step_h)
    half = stored_kwh(fleet, energy, power, step_h / 2)

    np.testing.assert_allclose(stored_kwh(fleet, half, power, step_h / 2), whole)


@settings(deadline=None, max_examples=50)
@given(seed=seeds, power_kw=st.floats(0.1, 4))
def test_a_round_trip_returns_the_square_of_the_efficiency(seed, power_kw):
    fleet = random_fleet(np.random.default_rng(seed))
    start = (fleet.low_kwh + fleet.high_kwh) / 2
    charge = np.full(N, power_kw)

    full = stored_kwh(fleet, start, charge, 0.25)
    back = stored_kwh(fleet, full, -charge * fleet.efficiency**2, 0.25)

    np.testing.assert_allclose(back, start)


@settings(deadline=None, max_examples=100)
@given(seed=seeds, step_h=steps_h)
def test_what_goes_through_the_meter_is_what_happens_behind_it(seed, step_h):
    rng = np.random.default_rng(seed)
    fleet = random_fleet(rng)
    energy = random_energy_kwh(rng, fleet)
    load = rng.uniform(0, 3, N)
    pv = fleet.pv_kwp * rng.choice([0.0, rng.random()], N)
    low_kw, high_kw = battery_limits_kw(fleet, energy, step_h)
    power = load - pv + rng.uniform(low_kw, high_kw + pv)

    parts = split(fleet, energy, load, pv, power, step_h)

    met = load - (pv - parts.curtailed_kw) + parts.battery_kw
    np.testing.assert_allclose(met, power, atol=ROUNDING)
    assert (parts.battery_kw >= low_kw).all()
    assert (parts.battery_kw <= high_kw).all()
    assert (parts.curtailed_kw >= 0).all()
    assert (parts.curtailed_kw <= pv).all()
    curtails = parts.curtailed_kw > 0
    assert (parts.battery_kw == high_kw)[curtails].all()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, up=st.booleans(), beyond_kw=st.floats(2 * TOLERANCE_KW, 5))
def test_a_power_out_of_reach_is_refused_naming_the_home(seed, up, beyond_kw):
    rng = np.random.default_rng(seed)
    fleet = random_fleet(rng)
    energy = random_energy_kwh(rng, fleet)
    load, pv = rng.uniform(0, 3, N), rng.uniform(0, 4, N)
    low_kw, high_kw = battery_limits_kw(fleet, energy, 0.25)
    power = load - pv
    power[2] += high_kw[2] + pv[2] + beyond_kw if up else low_kw[2] - beyond_kw

    with pytest.raises(ValueError, match=r"home-2: .* kW out of reach"):
        split(fleet, energy, load, pv, power, 0.25)


def test_a_power_that_is_no_number_is_refused():
    fleet = random_fleet(np.random.default_rng(0))
    power = np.array([0.0, np.nan, 0.0, 0.0])

    with pytest.raises(ValueError, match="home-1"):
        split(fleet, fleet.high_kwh, np.zeros(N), np.zeros(N), power, 0.25)


@settings(deadline=None, max_examples=30)
@given(seed=seeds, beside_kw=st.floats(-TOLERANCE_KW / 2, TOLERANCE_KW / 2))
def test_a_rounded_power_is_taken_for_the_limit_it_is_meant_to_be(seed, beside_kw):
    rng = np.random.default_rng(seed)
    fleet = random_fleet(rng)
    energy = random_energy_kwh(rng, fleet)
    load, pv = rng.uniform(0, 3, N), rng.uniform(0, 4, N)
    limits = battery_limits_kw(fleet, energy, 0.25)

    for battery_kw, curtailed_kw in ((limits[0], 0 * pv), (limits[1], pv)):
        power = load - pv + battery_kw + curtailed_kw + beside_kw
        parts = split(fleet, energy, load, pv, power, 0.25)

        np.testing.assert_allclose(parts.battery_kw, battery_kw, atol=TOLERANCE_KW)
        assert (parts.battery_kw >= limits[0]).all()
        assert (parts.battery_kw <= limits[1]).all()
        assert (parts.curtailed_kw <= pv).all()


def test_stored_energy_by_hand():
    one = take(random_fleet(np.random.default_rng(0)), np.array([0]))
    fleet = PvBatteryFleet(
        one.site,
        one.home,
        one.area,
        one.pv_kwp,
        np.array([10.0]),
        np.array([4.0]),
        np.array([0.8]),
    )

    after = stored_kwh(fleet, np.array([5.0]), np.array([[2.0, 0.0, -2.0]]), 0.5)
    low_kw, high_kw = battery_limits_kw(fleet, np.array([9.0]), 0.25)

    np.testing.assert_allclose(after, [[5.8, 5.0, 3.75]])
    np.testing.assert_allclose(low_kw, [-4.0])
    np.testing.assert_allclose(high_kw, [0.5 / 0.8 / 0.25])
    np.testing.assert_allclose(fleet.low_kwh, 10 * STATE_OF_CHARGE[0])
    np.testing.assert_allclose(fleet.high_kwh, 10 * STATE_OF_CHARGE[1])


def test_taking_rows_takes_them_of_every_field():
    fleet, rows = random_fleet(np.random.default_rng(0)), np.array([2, 0])

    part = take(fleet, rows)

    for field in fields(PvBatteryFleet):
        whole = np.array(getattr(fleet, field.name))
        np.testing.assert_array_equal(np.array(getattr(part, field.name)), whole[rows])


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("capacity_kwh", 0.0),
        ("power_max_kw", 0.0),
        ("pv_kwp", -1.0),
        ("efficiency", 0.0),
        ("efficiency", 1.01),
        ("capacity_kwh", np.nan),
    ],
)
def test_impossible_batteries_are_refused_by_their_row(name, bad):
    fleet = random_fleet(np.random.default_rng(0))
    values = {field.name: getattr(fleet, field.name) for field in fields(fleet)}
    values[name] = values[name].copy()
    values[name][3] = bad

    with pytest.raises(ValueError, match=r"rows \[3\]"):
        PvBatteryFleet(**values)
