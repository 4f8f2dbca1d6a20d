"""Many houses together are the one store that they report."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices import heat_pump, house
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.heat_pump import cop, gains_kw
from mosaik_bottomup.devices.heat_store import band, heat_store, moving_mean
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.messages import Moment

RULES = PlanningRules(0.25, 8, 24)
REACTIVE = 0.2
AREAS, STEPS, N = 2, 40, 6
ONE_RATE = 0.05  # of capacity: houses of different time constants drift apart

seeds = st.integers(0, 2**32 - 1)


def fleet_of(n, seed):
    population = Population(
        n, 0, 0.5, (100, 250), (20, 20.5), 2.0, (4, 8), (6, 12), (0.4, 0.5)
    )
    rng = np.random.default_rng(seed)
    return draw_fleets(population, np.arange(n) % AREAS, rng)[0]


def outlook_of(ambient_c, sun_w_m2):
    none = np.zeros(ambient_c.size)
    return Outlook(ambient_c, sun_w_m2, none, none, none, np.zeros((0, none.size)))


def report(fleet, temperature_c, outlook):
    full_kw = fleet.heat_kw[:, None] / cop(outlook.ambient_c, fleet.inverter)
    return heat_store(
        fleet, RULES, temperature_c, outlook, full_kw, AREAS, Moment(0), REACTIVE
    )


def filled(fleet, outlook, part, rng):
    """Return states in which each house has stored a part of what it can."""
    slow = house.slow_mode(fleet.houses)
    gains = gains_kw(fleet, outlook.global_w_m2)
    low, width = band(fleet, RULES, slow, outlook, gains)
    z = low[:, 0] + part * width
    air = z + rng.uniform(-1, 1, z.size)
    floor = (z - slow.weights[:, 0] * air) / slow.weights[:, 1]
    return np.stack([air, floor], axis=1)


def heated(fleet, temperature_c, outlook, step, part):
    """Return states after all homes have heated a step at a part of full power."""
    return house.advance(
        house.discretise(fleet.houses, RULES.step_h),
        temperature_c,
        float(outlook.ambient_c[step]),
        gains_kw(fleet, outlook.global_w_m2)[:, step],
        part * fleet.heat_kw,
    )


def advanced(store, step, part):
    """Return the store's energy after a step, by the equation of its report."""
    charge_kw = part * store.charge_max_kw[:, step]
    gained = RULES.step_h * store.charge_gain[:, step] * charge_kw
    return store.keep * store.stored_kwh + gained - store.need_kwh[:, step]


@settings(deadline=None, max_examples=20)
@given(seed=seeds, fill=st.floats(0, 1), part=st.floats(0, 1))
def test_a_store_moves_as_the_houses_it_stands_for(seed, fill, part):
    rng = np.random.default_rng(seed)
    fleet = fleet_of(N, seed)
    outlook = outlook_of(rng.uniform(-10, 8, STEPS), rng.uniform(0, 300, STEPS))
    state = filled(fleet, outlook, fill, rng)
    store = report(fleet, state, outlook)

    after = heated(fleet, state, outlook, 0, part)

    slow = house.slow_mode(fleet.houses)
    gains = gains_kw(fleet, outlook.global_w_m2)
    low, _ = band(fleet, RULES, slow, outlook, gains)
    above_k = (slow.weights * after).sum(axis=1) - low[:, 1]
    kwh = slow.heat_kwh_per_k * above_k
    stored = [kwh[fleet.area == a].sum() for a in range(AREAS)]
    np.testing.assert_allclose(advanced(store, 0, part), stored, atol=1e-9)
    np.testing.assert_allclose(
        store.stored_kwh, fill * store.capacity_kwh[:, 0], atol=1e-9
    )


@settings(deadline=None, max_examples=10)
@given(seed=seeds, part=st.floats(0.2, 0.8))
def test_for_hours_a_store_stays_near_the_houses_it_stands_for(seed, part):
    rng = np.random.default_rng(seed)
    fleet = fleet_of(N, seed)
    outlook = outlook_of(np.full(STEPS, rng.uniform(-5, 5)), np.zeros(STEPS))
    state = filled(fleet, outlook, 0.5, rng)
    store = report(fleet, state, outlook)
    expected = store.stored_kwh

    for step in range(16):
        state = heated(fleet, state, outlook, step, part)
        gained = RULES.step_h * store.charge_gain[:, step] * part
        gained = gained * store.charge_max_kw[:, step]
        expected = store.keep * expected + gained - store.need_kwh[:, step]

    found = report(fleet, state, outlook)
    off = np.abs(found.stored_kwh - expected) / store.capacity_kwh[:, 0]
    assert (off <= ONE_RATE).all()


def test_a_store_holds_and_draws_what_its_homes_do():
    fleet = fleet_of(N, 0)
    outlook = outlook_of(np.linspace(-5, 5, STEPS), np.zeros(STEPS))
    store = report(
        fleet, filled(fleet, outlook, 0.0, np.random.default_rng(0)), outlook
    )
    slow = house.slow_mode(fleet.houses)
    power_kw = fleet.heat_kw[:, None] / cop(outlook.ambient_c, fleet.inverter)

    wide_k = 2.0 - RULES.band_margin_k + RULES.band_up_k
    for a in range(AREAS):
        mine = fleet.area == a
        size = wide_k * slow.heat_kwh_per_k[mine].sum()
        np.testing.assert_allclose(store.capacity_kwh[a], np.full(STEPS + 1, size))
        np.testing.assert_allclose(store.charge_max_kw[a], power_kw[mine].sum(axis=0))
        most_kvar = REACTIVE * power_kw[mine].sum(axis=0).max()
        assert store.reactive_kvar[a] == pytest.approx(most_kvar)
    assert store.stored_kwh == pytest.approx([0, 0], abs=1e-9)
    assert not store.discharge_max_kw.any()
    assert not store.fixed_kw.any()
    assert not store.curtailable_kw.any()
    assert store.wear_dkk_per_kwh == 0


def test_the_lower_edge_is_a_home_at_rest_a_margin_above_its_comfort_band():
    fleet = fleet_of(N, 0)
    outlook = outlook_of(np.full(STEPS, -4.0), np.full(STEPS, 100.0))
    slow, gains = house.slow_mode(fleet.houses), gains_kw(fleet, outlook.global_w_m2)

    low, width = band(fleet, RULES, slow, outlook, gains)

    middle = (fleet.comfort_low_c + fleet.comfort_high_c) / 2
    heat = fleet.houses.envelope_kw_per_k * (middle + 4.0) - gains[:, 0]
    rest = np.stack([middle, middle + heat / fleet.houses.floor_kw_per_k], axis=1)
    lifted = (slow.weights * rest).sum(axis=1) - middle
    expected = fleet.comfort_low_c + RULES.band_margin_k + lifted
    np.testing.assert_allclose(low, np.repeat(expected[:, None], STEPS + 1, axis=1))
    np.testing.assert_allclose(width, 2.0 + RULES.band_up_k - RULES.band_margin_k)


@pytest.mark.parametrize(("step_h", "window"), [(0.25, 24), (1.0, 6), (12.0, 1)])
def test_the_edge_follows_the_weather_of_six_hours(step_h, window):
    fleet = fleet_of(N, 0)
    rng = np.random.default_rng(0)
    outlook = outlook_of(rng.uniform(-10, 2, STEPS), np.zeros(STEPS))
    slow, gains = house.slow_mode(fleet.houses), gains_kw(fleet, outlook.global_w_m2)

    low, _ = band(fleet, PlanningRules(step_h, 8, 24), slow, outlook, gains)

    middle = (fleet.comfort_low_c + fleet.comfort_high_c)[:, None] / 2
    loss = fleet.houses.envelope_kw_per_k[:, None] * (middle - outlook.ambient_c)
    mean = moving_mean(loss - gains, window)
    per_kw = slow.weights[:, 1] / fleet.houses.floor_kw_per_k
    lowest = fleet.comfort_low_c + RULES.band_margin_k
    expected = mean * per_kw[:, None] + lowest[:, None]
    np.testing.assert_allclose(low[:, :-1], expected)


def test_where_no_heating_is_needed_the_edge_is_that_of_comfort():
    fleet = fleet_of(N, 0)
    outlook = outlook_of(np.full(STEPS, 30.0), np.zeros(STEPS))
    slow, gains = house.slow_mode(fleet.houses), gains_kw(fleet, outlook.global_w_m2)

    low, _ = band(fleet, RULES, slow, outlook, gains)

    np.testing.assert_allclose(low[:, 7], fleet.comfort_low_c + RULES.band_margin_k)


def test_an_area_without_homes_is_an_empty_store():
    fleet = heat_pump.take(fleet_of(4, 0), np.array([0, 2]))  # both in the first area
    outlook = outlook_of(np.full(STEPS, 2.0), np.zeros(STEPS))
    state = filled(fleet, outlook, 0.5, np.random.default_rng(0))

    store = report(fleet, state, outlook)

    assert (fleet.area == 0).all()
    assert store.stored_kwh[1] == 0
    assert not store.capacity_kwh[1].any()
    assert not store.charge_max_kw[1].any()
    assert (store.charge_gain[1] == 1).all()
    assert np.isfinite(store.keep).all()


def test_the_moving_mean_is_of_the_values_around():
    series = np.array([[1.0, 2.0, 4.0, 8.0, 16.0]])

    means = moving_mean(series, 2)

    np.testing.assert_allclose(means, [[1.5, 1.5, 3.0, 6.0, 12.0]])
    np.testing.assert_allclose(moving_mean(series, 1), series)
    np.testing.assert_allclose(
        moving_mean(series, 4), [[3.75, 3.75, 3.75, 7.5, 28 / 3]]
    )
    np.testing.assert_allclose(moving_mean(series, 99), np.full((1, 5), 6.2))
