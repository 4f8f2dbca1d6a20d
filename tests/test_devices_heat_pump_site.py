"""Homes with heat pumps keep their band whatever they are told of what they offered."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices import comfort, heat_value, house
from mosaik_bottomup.devices.agent import cheapest_kw
from mosaik_bottomup.devices.chunks import CHUNK_SITES
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.heat_pump import HeatPumpState, cop, gains_kw, take
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites, _nearest_allowed
from mosaik_bottomup.devices.heat_value import AIR_POINTS, BEYOND_K, FLOOR_POINTS
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.messages import Moment

TOLERANCE_K = 1e-6  # sums of 360 steps, each rounded
START_K = 0.2  # room for the lock-outs that the first choice may bring
POWER_FACTOR = 0.98
NO_SURCHARGE = np.zeros((2, 1))
AHEAD_H = 24

seeds = st.integers(0, 2**32 - 1)
# length of a step, steps of a lock-out, steps between plans
paces = st.sampled_from(
    [(900, 1, 8), (900, 3, 8), (900, 4, 2), (300, 3, 24), (3600, 1, 5)]
)


def fleet_of(n, seed=0):
    """Return homes in two areas; every other machine is an inverter."""
    population = Population(
        n, 0, 0.5, (100, 250), (20, 20.5), 2.0, (4, 8), (6, 12), (0.4, 0.5)
    )
    rng = np.random.default_rng(seed)
    return draw_fleets(population, np.arange(n) % 2, rng)[0]


def sites_of(n, *, step_s=900, run_steps=1, replan_steps=8, guard_h=6, seed=0):
    step_h = step_s / 3600
    rules = PlanningRules(step_h, replan_steps, round(guard_h / step_h), run_steps)
    return HeatPumpSites(fleet_of(n, seed), rules, POWER_FACTOR)


def outlook_of(ambient_c, sun_w_m2=0.0, price=1.0, n=0):
    steps = ambient_c.size
    return Outlook(
        ambient_c,
        np.broadcast_to(sun_w_m2, steps),
        np.broadcast_to(price, steps),
        np.broadcast_to(0.4, steps),
        np.zeros(steps),
        np.zeros((n, steps)),
    )


def winter(rng, steps, step_h):
    """Return weather in which machines are neither too small nor a house too warm."""
    hours = np.arange(steps) * step_h
    swing = rng.uniform(0, 4) * np.sin(2 * np.pi * (hours / 24 + rng.random()))
    ambient = rng.uniform(-8, 4) + swing + rng.uniform(-0.5, 0.5, steps)
    price = rng.uniform(0.3, 3, steps)
    return outlook_of(ambient, rng.uniform(0, 100, steps), price)


def admissible_state(sites, outlook, rng):
    """Return a random state from which the band can be kept, of free machines."""
    fleet = sites.fleet
    plan = sites.plan(0, outlook, NO_SURCHARGE)
    air = rng.uniform(fleet.comfort_low_c, fleet.comfort_high_c, (50, len(fleet.site)))
    floor = air + rng.uniform(-1, 10, air.shape)
    rest = sites.start(float(outlook.ambient_c.mean())).temperature_c
    states = np.concatenate([np.stack([air, floor], axis=2), [rest]]).swapaxes(0, 1)
    low, high = plan.guard.low_c + START_K, plan.guard.high_c - START_K
    narrow = replace(plan.guard, low_c=low, high_c=high)
    good = comfort.breach_k(narrow, 0, states) == 0
    assert good.any(axis=1).all()
    first = good.argmax(axis=1)
    n = first.size
    return HeatPumpState(
        states[np.arange(n), first],
        rng.random(n) < 0.5,
        np.full(n, sites.rules.run_steps),
    )


def anything_offered(book, rng):
    """Return for each site any power that it offers."""
    n, options = book.power_kw.shape
    rows, j = np.arange(n), rng.integers(0, options, n)
    power = book.power_kw[rows, j]
    to = np.minimum(j + 1, options - 1)
    parted = (to > j) & book.divisible[rows, np.minimum(j, options - 2)]
    between = power + rng.random(n) * (book.power_kw[rows, to] - power)
    return np.where(parted, between, power)


@settings(deadline=None, max_examples=10)
@given(seed=seeds, pace=paces)
def test_no_choice_among_offered_options_leaves_the_band_if_any_choice_keeps_it(
    seed, pace
):
    step_s, run_steps, replan_steps = pace
    rng = np.random.default_rng(seed)
    sites = sites_of(
        4, step_s=step_s, run_steps=run_steps, replan_steps=replan_steps, seed=seed
    )
    steps, ahead = 30 * 3600 // step_s, AHEAD_H * 3600 // step_s + replan_steps
    weather = winter(rng, steps + ahead, step_s / 3600)
    state, fleet = None, sites.fleet
    must_run, must_not = np.zeros(4, int), np.zeros(4, int)

    for step in range(steps):
        if step % replan_steps == 0:
            outlook = weather.only(step, ahead)
            state = state or admissible_state(sites, outlook, rng)
            plan = sites.plan(step, outlook, NO_SURCHARGE)
        now = weather.only(step, 1)
        book = sites.bids(state, plan, now, Moment(step))
        state, record = sites.apply(state, now, anything_offered(book, rng))

        # whoever is beside the band has had no choice for as long as the guard foresees
        full_kw = fleet.heat_kw / cop(float(now.ambient_c[0]), fleet.inverter)
        must_run = np.where(np.isclose(book.power_kw[:, 0], full_kw), must_run + 1, 0)
        must_not = np.where(book.power_kw[:, -1] == 0, must_not + 1, 0)
        too_cold = record["air_c"] < fleet.comfort_low_c - TOLERANCE_K
        too_warm = record["air_c"] > fleet.comfort_high_c + TOLERANCE_K
        foreseen = sites.rules.guard_steps - run_steps + 1
        assert (must_run[too_cold] >= foreseen).all()
        assert (must_not[too_warm] >= foreseen).all()
        assert (np.diff(book.power_kw, axis=1) >= 0).all()
        assert not record["locked_breach"].any()


@settings(deadline=None, max_examples=15)
@given(seed=seeds, run_steps=st.integers(1, 3))
def test_what_is_offered_is_what_the_guard_and_the_machine_allow(seed, run_steps):
    rng = np.random.default_rng(seed)
    sites = sites_of(6, run_steps=run_steps, seed=seed)
    n, fleet = 6, sites.fleet
    weather = winter(rng, 120, 0.25)
    plan = sites.plan(0, weather, NO_SURCHARGE)
    air = rng.uniform(fleet.comfort_low_c - 0.2, fleet.comfort_high_c + 0.2)
    state = HeatPumpState(
        np.stack([air, air + rng.uniform(0, 8, n)], axis=1),
        rng.random(n) < 0.5,
        rng.integers(1, run_steps + 1, n),
    )
    step = int(rng.integers(0, 8))

    book = sites.bids(state, plan, weather.only(step, 1), Moment(step))

    full_kw = fleet.heat_kw / cop(float(weather.ambient_c[step]), fleet.inverter)
    part = book.power_kw / full_kw[:, None]
    assert np.isin(part.round(9), [0, 0.5, 1]).all()
    assert fleet.inverter[(part.round(9) == 0.5).any(axis=1)].all()
    most_kvar = sites.reactive_kvar(book.power_kw[:, -1])
    np.testing.assert_allclose(book.reactive_kvar, most_kvar)
    locked = state.mode_steps < run_steps
    assert (part[locked & state.on] > 0).all()
    assert (part[locked & ~state.on] == 0).all()
    np.testing.assert_array_equal(
        book.divisible, np.stack([np.zeros(n, bool), fleet.inverter], axis=1)
    )


def test_too_cold_a_home_must_run_and_too_warm_a_home_must_not():
    sites = sites_of(4)
    fleet = sites.fleet
    weather = outlook_of(np.full(120, 0.0))
    plan = sites.plan(0, weather, NO_SURCHARGE)
    cold = np.stack([fleet.comfort_low_c - 1, fleet.comfort_low_c], axis=1)
    warm = np.stack([fleet.comfort_high_c + 1, fleet.comfort_high_c + 9], axis=1)
    full_kw = fleet.heat_kw / cop(0.0, fleet.inverter)

    for temperature_c, part in ((cold, 1.0), (warm, 0.0)):
        state = HeatPumpState(temperature_c, np.ones(4, bool), np.ones(4, int))
        book = sites.bids(state, plan, weather.only(0, 1), Moment(0))

        expected = np.repeat(part * full_kw[:, None], 3, axis=1)
        np.testing.assert_allclose(book.power_kw, expected)


def test_a_lock_out_counts_from_the_step_in_which_the_mode_changed():
    sites = sites_of(1, run_steps=3)
    weather = outlook_of(np.full(160, 2.0))
    plan = sites.plan(0, weather, NO_SURCHARGE)
    now = weather.only(0, 1)
    on_kw = sites.fleet.heat_kw / cop(2.0, sites.fleet.inverter)
    state = sites.start(2.0)
    offered, breaches = [], []

    for step, power in enumerate([0, on_kw, on_kw, on_kw, 0, on_kw]):
        book = sites.bids(state, plan, now, Moment(step))
        offered.append((book.power_kw[0, 0] == 0, book.power_kw[0, -1] > 0))
        state, record = sites.apply(state, now, power * np.ones(1))
        breaches.append(record["locked_breach"][0])

    free, must_run, must_not = (True, True), (False, True), (True, False)
    assert offered == [free, free, must_run, must_run, free, must_not]
    assert breaches == [0, 0, 0, 0, 0, 1]
    assert state.mode_steps[0] == 1


@settings(deadline=None, max_examples=15)
@given(seed=seeds, higher=st.floats(0, 3))
def test_a_higher_price_never_raises_what_a_home_takes(seed, higher):
    rng = np.random.default_rng(seed)
    sites = sites_of(6, seed=seed)
    weather = winter(rng, 104, 0.25)
    plan = sites.plan(0, weather, NO_SURCHARGE)
    state = admissible_state(sites, weather, rng)
    now = weather.only(0, 1)
    dearer = outlook_of(now.ambient_c, now.global_w_m2, now.import_dkk_per_kwh + higher)

    at_price = cheapest_kw(sites.bids(state, plan, now, Moment(0)), 0.25)
    at_more = cheapest_kw(sites.bids(state, plan, dearer, Moment(0)), 0.25)

    assert (at_more <= at_price).all()


def test_a_bid_is_the_bill_of_the_step_and_what_the_plan_expects_after_it():
    # a plan for two steps and no worth at its end: the second step decides the value
    sites = sites_of(4, replan_steps=2)
    fleet = sites.fleet
    weather = outlook_of(np.full(160, 2.0), price=np.where(np.arange(160) < 1, 2.0, 1))
    state = sites.start(2.0)
    now = weather.only(0, 1)
    full_kw = fleet.heat_kw / cop(2.0, fleet.inverter)

    cheap = sites.bids(state, sites.plan(0, weather, NO_SURCHARGE), now, Moment(0))
    free = outlook_of(now.ambient_c, price=0.0)
    rest = sites.bids(state, sites.plan(0, weather, NO_SURCHARGE), free, Moment(0))

    np.testing.assert_allclose(cheap.power_kw[:, -1], full_kw)
    bill = 0.25 * 2.0 * cheap.power_kw
    np.testing.assert_allclose(cheap.cost_dkk - rest.cost_dkk, bill)
    assert (np.diff(rest.cost_dkk[:, [0, -1]], axis=1) < 0).all()


@settings(deadline=None, max_examples=10)
@given(seed=seeds, pace=paces)
def test_a_state_is_worth_to_a_plan_what_the_cheapest_bid_from_it_costs(seed, pace):
    step_s, _, replan_steps = pace
    sites = sites_of(4, step_s=step_s, replan_steps=replan_steps, seed=seed)
    steps = AHEAD_H * 3600 // step_s + replan_steps
    weather = winter(np.random.default_rng(seed), steps, step_s / 3600)
    plan = sites.plan(0, weather, NO_SURCHARGE)
    # the middle of the grid, where most weather allows all
    air_point, floor_point = 3 * (AIR_POINTS - 1) // 4, 9 * (FLOOR_POINTS - 1) // 20
    value = plan.value
    air = value.low_c - BEYOND_K + air_point * value.air_spacing_k
    floor = air + floor_point * value.floor_spacing_k
    state = HeatPumpState(
        np.stack([air, floor], axis=1), np.ones(4, bool), np.ones(4, int)
    )

    book = sites.bids(state, plan, weather.only(1, 1), Moment(1))

    worth = value.values_dkk[:, 0, air_point, floor_point]
    cheapest = book.cost_dkk.min(axis=1)
    fleet = sites.fleet
    full_kw = fleet.heat_kw / cop(float(weather.ambient_c[1]), fleet.inverter)
    all_allowed = np.isclose(np.ptp(book.power_kw, axis=1), full_kw)
    np.testing.assert_allclose(cheapest[all_allowed], worth[all_allowed])
    # the plan may think of what the guard does not let a home offer
    assert (cheapest >= worth - 1e-9 * np.abs(worth)).all()


def test_heat_at_the_end_is_worth_the_power_that_made_it_at_the_mean_price():
    # the next plan is not made before the horizon ends
    sites = sites_of(4, replan_steps=104, guard_h=0)
    weather = winter(np.random.default_rng(0), 105, 0.25)
    fleet = sites.fleet

    value = sites.plan(0, weather, NO_SURCHARGE).value

    per_kwh = weather.import_dkk_per_kwh.mean() * (
        1 / cop(weather.ambient_c, fleet.inverter)
    ).mean(axis=1)
    end = value.values_dkk[:, -1]
    floor_dkk = (end[:, 5, 4] - end[:, 5, 5]) / value.floor_spacing_k
    np.testing.assert_allclose(floor_dkk, per_kwh * fleet.houses.floor_kwh_per_k)
    # air and floor together: what lifts the slow mode, and that lasts
    both_dkk = (end[:, 4, 5] - end[:, 5, 5]) / value.air_spacing_k
    slow = house.slow_mode(fleet.houses)
    np.testing.assert_allclose(both_dkk, per_kwh * slow.heat_kwh_per_k)
    np.testing.assert_allclose(
        value.low_c, fleet.comfort_low_c + sites.rules.band_margin_k
    )
    np.testing.assert_allclose(value.high_c, fleet.comfort_high_c)


@settings(deadline=None, max_examples=10)
@given(seed=seeds, surcharge=st.floats(0.5, 5))
def test_a_congestion_price_ahead_makes_homes_store_before_it(seed, surcharge):
    sites = sites_of(6, seed=seed)
    weather = winter(np.random.default_rng(seed), 104, 0.25)
    state = sites.start(float(weather.ambient_c.mean()))
    ahead = np.zeros((2, 104))
    ahead[0, 8:16] = surcharge
    now = weather.only(0, 1)

    calm = sites.bids(state, sites.plan(0, weather, 0 * ahead), now, Moment(0))
    busy = sites.bids(state, sites.plan(0, weather, ahead), now, Moment(0))

    gain = np.diff((busy.cost_dkk - calm.cost_dkk)[:, [0, -1]], axis=1)[:, 0]
    wide = np.ptp(calm.power_kw, axis=1) > 0
    there = sites.fleet.area == 0
    assert (gain[wide & there] < 0).all()
    np.testing.assert_allclose(gain[~there], 0, atol=1e-9)


def test_steps_of_five_minutes_and_a_quarter_of_an_hour_do_the_same():
    weather = outlook_of(np.full(1, -3.0), 50.0)
    coarse, fine = sites_of(4), sites_of(4, step_s=300)
    power = cheapest = 0.7 * coarse.fleet.heat_kw / cop(-3.0, coarse.fleet.inverter)
    state = coarse.start(-3.0)

    after, record = coarse.apply(state, weather, power)
    bill = 0.0
    for _ in range(3):
        state, part = fine.apply(state, weather, cheapest)
        bill = bill + part["bill_dkk"]

    np.testing.assert_allclose(state.temperature_c, after.temperature_c)
    np.testing.assert_allclose(bill, record["bill_dkk"])
    np.testing.assert_allclose(record["air_c"], after.temperature_c[:, 0])
    np.testing.assert_allclose(record["floor_c"], after.temperature_c[:, 1])


def test_a_step_costs_its_energy_and_turns_power_into_heat():
    sites = sites_of(3)
    fleet, state = sites.fleet, sites.start(-3.0)
    now = outlook_of(np.full(1, -3.0), 200.0, price=2.0)
    power = np.array([0.0, 1.0, 0.5])

    after, record = sites.apply(state, now, power)

    stored = (
        np.stack([fleet.houses.air_kwh_per_k, fleet.houses.floor_kwh_per_k], axis=1)
        * (after.temperature_c - state.temperature_c)
    ).sum(axis=1)
    lost = fleet.houses.envelope_kw_per_k * (
        (after.temperature_c + state.temperature_c)[:, 0] / 2 + 3.0
    )
    heat = power * cop(-3.0, fleet.inverter) + gains_kw(fleet, 200.0)
    np.testing.assert_allclose(stored, 0.25 * (heat - lost), atol=1e-3)
    np.testing.assert_allclose(record["bill_dkk"], 0.25 * 2.0 * power)
    np.testing.assert_array_equal(record["on"], [0, 1, 1])
    np.testing.assert_allclose(sites.reactive_kvar(power), power * 0.203058, rtol=1e-5)


def test_homes_start_at_rest_in_the_middle_of_their_band():
    sites = sites_of(4)
    fleet, state = sites.fleet, sites.start(-3.0)
    middle = (fleet.comfort_low_c + fleet.comfort_high_c) / 2
    loss = fleet.houses.envelope_kw_per_k * (middle + 3.0) - fleet.gains_kw

    held = loss / cop(-3.0, fleet.inverter)
    after, _ = sites.apply(state, outlook_of(np.full(1, -3.0)), held)
    summer = sites.start(30.0)

    np.testing.assert_allclose(state.temperature_c[:, 0], middle)
    np.testing.assert_allclose(after.temperature_c, state.temperature_c)
    np.testing.assert_allclose(summer.temperature_c, middle[:, None] * [1, 1])
    assert (
        not sites.bids(
            state,
            sites.plan(0, outlook_of(np.full(104, -3.0)), NO_SURCHARGE),
            outlook_of(np.full(1, -3.0)),
            Moment(0),
        )
        .power_kw[:, 0]
        .any()
    )


@pytest.mark.parametrize(("step_s", "replan_steps"), [(300, 24), (900, 8), (3600, 2)])
def test_a_plan_goes_by_steps_until_the_next_one_and_by_hours_from_then_on(
    step_s, replan_steps, monkeypatch
):
    sites = sites_of(1, step_s=step_s, replan_steps=replan_steps)
    steps = replan_steps + 24 * 3600 // step_s
    planned = []
    value_heat = heat_value.value_heat

    def watched(stages, *rest, **kept):
        planned.append(stages)
        return value_heat(stages, *rest, **kept)

    monkeypatch.setattr(heat_value, "value_heat", watched)

    plan = sites.plan(0, outlook_of(np.full(steps, 0.0)), NO_SURCHARGE)

    lengths_h = planned[0].length_h[planned[0].kind]
    np.testing.assert_array_equal(
        lengths_h, [step_s / 3600] * replan_steps + [1.0] * 24
    )
    assert plan.value.values_dkk.shape[1] == replan_steps


def test_homes_plan_and_bid_together_as_each_does_alone():
    n = CHUNK_SITES + 2
    fleet, weather = fleet_of(n), winter(np.random.default_rng(0), 48, 1.0)
    rules = PlanningRules(1.0, 2, 6, 2)

    def book_of(rows):
        sites = HeatPumpSites(take(fleet, rows), rules, POWER_FACTOR)
        plan = sites.plan(0, weather, NO_SURCHARGE)
        state = sites.start(float(weather.ambient_c.mean()))
        return sites.bids(state, plan, weather.only(1, 1), Moment(1))

    together = book_of(np.arange(n))

    for row in (0, CHUNK_SITES - 1, CHUNK_SITES, n - 1):
        alone = book_of(np.array([row]))
        np.testing.assert_array_equal(alone.power_kw[0], together.power_kw[row])
        np.testing.assert_array_equal(alone.cost_dkk[0], together.cost_dkk[row])


def test_the_last_step_before_the_next_plan_is_still_covered():
    sites = sites_of(2, run_steps=4, replan_steps=3)
    least = 3 + 4 + 24
    weather = outlook_of(np.full(least, 0.0))
    plan = sites.plan(5, weather, NO_SURCHARGE)

    for step in (5, 6, 7):
        book = sites.bids(sites.start(0.0), plan, weather.only(0, 1), Moment(step))
        assert np.isfinite(book.cost_dkk).all()

    with pytest.raises(ValueError, match=f"{least - 1} steps is too short.*{least}"):
        sites.plan(5, weather.only(0, least - 1), NO_SURCHARGE)


def test_options_not_allowed_are_replaced_by_the_nearest_allowed_one():
    allowed = np.array(
        [
            [True, True, True],
            [True, False, True],
            [False, True, True],
            [True, True, False],
            [True, False, False],
            [False, True, False],
            [False, False, True],
        ]
    )

    chosen = _nearest_allowed(allowed)

    np.testing.assert_array_equal(
        chosen,
        [
            [0, 1, 2],
            [0, 2, 2],
            [1, 1, 2],
            [0, 1, 1],
            [0, 0, 0],
            [1, 1, 1],
            [2, 2, 2],
        ],
    )


def test_a_fleet_bids_as_its_homes_would_one_by_one():
    sites = sites_of(3)
    weather = winter(np.random.default_rng(0), 104, 0.25)
    state = sites.start(0.0)
    now = weather.only(0, 1)
    together = sites.bids(state, sites.plan(0, weather, NO_SURCHARGE), now, Moment(0))

    for i in range(3):
        one = HeatPumpSites(take(sites.fleet, np.array([i])), sites.rules, POWER_FACTOR)
        alone = one.bids(
            one.start(0.0), one.plan(0, weather, NO_SURCHARGE), now, Moment(0)
        )
        np.testing.assert_allclose(alone.power_kw, together.power_kw[[i]])
        np.testing.assert_allclose(alone.cost_dkk, together.cost_dkk[[i]])


def test_a_fleet_without_homes_bids_nothing():
    rules = PlanningRules(0.25, 8, 24)
    sites = HeatPumpSites(take(fleet_of(2), np.zeros(0, int)), rules, POWER_FACTOR)
    weather = outlook_of(np.full(104, 0.0))
    state, now = sites.start(0.0), weather.only(0, 1)

    book = sites.bids(state, sites.plan(0, weather, NO_SURCHARGE), now, Moment(0))
    after, record = sites.apply(state, now, np.zeros(0))

    assert book.power_kw.shape == (0, 3)
    assert after.temperature_c.shape == (0, 2)
    assert record["bill_dkk"].shape == (0,)
    assert sites.store(state, weather, 2, Moment(0)).stored_kwh.tolist() == [0, 0]
