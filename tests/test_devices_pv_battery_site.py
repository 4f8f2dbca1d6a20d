"""Homes with PV and battery offer what their battery can do, at what it is worth."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.devices.agent import cheapest_kw
from mosaik_bottomup.devices.battery_value import values_at
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.devices.pv_battery import (
    WEAR_DKK_PER_KWH,
    PvBatteryFleet,
    battery_limits_kw,
    stored_kwh,
    take,
)
from mosaik_bottomup.devices.pv_battery_site import (
    CURTAILMENT_DKK_PER_KWH,
    GRID_POINTS,
    PvBatterySites,
)
from mosaik_bottomup.messages import Moment

ROUNDING = 1e-9
N, STEPS, AREAS = 5, 24, 2
NO_SURCHARGE = np.zeros((AREAS, STEPS))

seeds = st.integers(0, 2**32 - 1)
steps_s = st.sampled_from([300, 900, 3600])


def fleet_of(n, seed=0):
    population = Population(
        0, n, 0.5, (100, 250), (20, 20.5), 2.0, (4, 8), (6, 12), (0.4, 0.5)
    )
    rng = np.random.default_rng(seed)
    return draw_fleets(population, np.arange(n) % AREAS, rng)[1]


def sites_of(n=N, step_s=900, seed=0):
    return PvBatterySites(fleet_of(n, seed), PlanningRules(step_s / 3600, 8, 24))


def outlook_of(rng, n=N, sun=None, steps=STEPS):
    """Return loads, sun and prices; exporting earns less than importing costs."""
    price = rng.uniform(0.4, 3, steps)
    if sun is None:
        sun = rng.choice([0.0, 0.8]) * rng.random(steps)
    return Outlook(
        np.zeros(steps),
        np.zeros(steps),
        price,
        rng.uniform(-0.1, 0.9, steps) * price,
        np.broadcast_to(sun, steps),
        rng.uniform(0.1, 3, (n, steps)),
    )


def random_state(sites, rng):
    """Return stored energies, some at a limit."""
    fleet = sites.fleet
    part = rng.choice([0.0, 1.0, *rng.random(3)], fleet.low_kwh.size)
    return fleet.low_kwh + part * (fleet.high_kwh - fleet.low_kwh)


def bid(sites, state, outlook):
    plan = sites.plan(3, outlook, NO_SURCHARGE)
    return sites.bids(state, plan, outlook.only(0, 1), Moment(3))


@settings(deadline=None, max_examples=50)
@given(seed=seeds, step_s=steps_s)
def test_whatever_is_offered_can_be_done_and_keeps_the_battery_in_its_range(
    seed, step_s
):
    rng = np.random.default_rng(seed)
    sites, outlook = sites_of(step_s=step_s, seed=seed), outlook_of(rng)
    state, now = random_state(sites, rng), outlook.only(0, 1)

    book = bid(sites, state, outlook)
    assert (np.diff(book.power_kw, axis=1) >= 0).all()
    assert book.divisible.all()
    assert book.divisible.shape == (N, book.power_kw.shape[1] - 1)
    assert not book.reactive_kvar.any()

    for j in range(book.power_kw.shape[1] - 1):
        mixed = book.power_kw[:, j] + rng.random() * np.diff(book.power_kw)[:, j]
        for power in (book.power_kw[:, j], book.power_kw[:, j + 1], mixed):
            after, record = sites.apply(state, now, power)

            assert (after >= sites.fleet.low_kwh).all()
            assert (after <= sites.fleet.high_kwh).all()
            stored = stored_kwh(sites.fleet, state, record["battery_kw"], step_s / 3600)
            np.testing.assert_allclose(after, stored, atol=ROUNDING)
            met = record["load_kw"] - record["pv_kw"] + record["curtailed_kw"]
            met = met + record["battery_kw"]
            np.testing.assert_allclose(met, power, atol=ROUNDING)
            np.testing.assert_array_equal(record["power_kw"], power)
            np.testing.assert_array_equal(record["energy_kwh"], after)


@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_a_home_offers_to_idle_to_serve_itself_and_all_its_battery_can(seed):
    rng = np.random.default_rng(seed)
    sites, outlook = sites_of(seed=seed), outlook_of(rng)
    state, fleet = random_state(sites, rng), sites.fleet
    net = outlook.load_kw[:, 0] - fleet.pv_kwp * outlook.pv_kw_per_kwp[0]
    low_kw, high_kw = battery_limits_kw(fleet, state, 0.25)

    book = bid(sites, state, outlook)

    def offered(power):
        return np.isclose(book.power_kw, power[:, None], atol=ROUNDING).any(axis=1)

    possible = (-net >= low_kw) & (-net <= high_kw)
    assert offered(net).all()
    assert offered(np.zeros(N))[possible].all()
    assert offered(net + np.clip(-net, low_kw, high_kw)).all()
    np.testing.assert_allclose(book.power_kw[:, 0], net + low_kw, atol=ROUNDING)
    np.testing.assert_allclose(
        book.power_kw[:, -1], np.maximum(net + high_kw, 0), atol=ROUNDING
    )
    half = np.clip(fleet.power_max_kw / 2, low_kw, high_kw)
    assert offered(net + half).all()


@settings(deadline=None, max_examples=50)
@given(seed=seeds, step_s=steps_s)
def test_an_option_costs_its_bill_its_wear_and_what_the_plan_expects_after_it(
    seed, step_s
):
    rng = np.random.default_rng(seed)
    sites, outlook = sites_of(step_s=step_s, seed=seed), outlook_of(rng)
    state, now = random_state(sites, rng), outlook.only(0, 1)
    plan = sites.plan(3, outlook, NO_SURCHARGE)
    step = 3 + int(rng.integers(0, 8))

    book = sites.bids(state, plan, now, Moment(step))

    spacing = (sites.fleet.high_kwh - sites.fleet.low_kwh) / (GRID_POINTS - 1)
    last = book.power_kw.shape[1] - 2  # beyond it PV is given up
    for j in range(last + 1):
        after, record = sites.apply(state, now, book.power_kw[:, j])
        ahead = values_at(
            plan.values_dkk[:, step - 3],
            spacing,
            (after - sites.fleet.low_kwh)[:, None],
        )[:, 0]
        cost = record["bill_dkk"] + record["wear_dkk"] + ahead
        np.testing.assert_allclose(book.cost_dkk[:, j], cost, atol=1e-8)


@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_giving_up_pv_is_the_dearest_kilowatt_a_home_offers(seed):
    rng = np.random.default_rng(seed)
    sites = sites_of(seed=seed)
    outlook = outlook_of(rng, sun=0.9)
    state = random_state(sites, rng)

    book = bid(sites, state, outlook)

    width = np.diff(book.power_kw, axis=1)
    slope = np.diff(book.cost_dkk, axis=1) / np.where(width > ROUNDING, width, np.inf)
    spills = width[:, -1] > ROUNDING
    assert (slope[:, -1] > slope[:, :-1].max(axis=1))[spills].all()
    dkk_per_kwh = CURTAILMENT_DKK_PER_KWH + outlook.export_dkk_per_kwh[0]
    np.testing.assert_allclose(slope[:, -1][spills], 0.25 * dkk_per_kwh)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
@pytest.mark.parametrize("curtails", [False, True])
def test_where_feeding_in_costs_only_who_may_gives_up_pv_of_its_own_accord(
    curtails, seed
):
    rules = PlanningRules(0.25, 8, 24, curtails_at_negative_price=curtails)
    sites = PvBatterySites(fleet_of(N), rules)
    rng = np.random.default_rng(seed)
    weather = outlook_of(rng, sun=np.full(STEPS, 0.9))
    weather = replace(weather, export_dkk_per_kwh=np.full(STEPS, -0.2))
    full = sites.fleet.high_kwh

    book = bid(sites, full, weather)

    # a full battery has nothing else to do with what its home does not take
    chosen = cheapest_kw(book, 0.25)
    surplus = weather.load_kw[:, 0] < sites.fleet.pv_kwp * 0.9
    assert ((chosen >= -ROUNDING) == curtails)[surplus].all()


@settings(deadline=None, max_examples=50)
@given(seed=seeds, dearer=st.floats(0, 3), earns_more=st.floats(0, 3))
def test_higher_prices_never_raise_what_a_home_takes(seed, dearer, earns_more):
    rng = np.random.default_rng(seed)
    sites, outlook = sites_of(seed=seed), outlook_of(rng)
    state, now = random_state(sites, rng), outlook.only(0, 1)
    plan = sites.plan(0, outlook, NO_SURCHARGE)
    higher = Outlook(
        now.ambient_c,
        now.global_w_m2,
        now.import_dkk_per_kwh + dearer,
        now.export_dkk_per_kwh + earns_more,
        now.pv_kw_per_kwp,
        now.load_kw,
    )

    at_price = cheapest_kw(sites.bids(state, plan, now, Moment(0)), 0.25)
    at_more = cheapest_kw(sites.bids(state, plan, higher, Moment(0)), 0.25)

    assert (at_more <= at_price + ROUNDING).all()


def test_a_step_is_billed_by_what_passes_the_meter_and_wears_by_what_is_discharged():
    sites = sites_of(2)
    fleet = sites.fleet
    state = (fleet.low_kwh + fleet.high_kwh) / 2
    now = Outlook(
        np.zeros(1),
        np.zeros(1),
        np.array([2.0]),
        np.array([0.5]),
        np.array([0.5]),
        np.array([[1.0], [0.2]]),
    )
    net = now.load_kw[:, 0] - 0.5 * fleet.pv_kwp
    power = net + np.array([2.0, -1.0])

    after, record = sites.apply(state, now, power)

    price = np.where(power > 0, 2.0, 0.5)
    np.testing.assert_allclose(record["bill_dkk"], 0.25 * power * price)
    np.testing.assert_allclose(record["wear_dkk"], [0, 0.25 * WEAR_DKK_PER_KWH])
    np.testing.assert_allclose(record["pv_kw"], 0.5 * fleet.pv_kwp)
    moved = np.array([2 * 0.25 * 0.94, -0.25 / 0.94])
    np.testing.assert_allclose(after, state + moved)
    assert not sites.reactive_kvar(power).any()


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_a_congestion_price_ahead_makes_stored_energy_worth_more(seed):
    rng = np.random.default_rng(seed)
    sites, outlook = sites_of(seed=seed), outlook_of(rng)
    ahead = np.zeros((AREAS, STEPS))
    ahead[1, 4:8] = 4.0

    calm = sites.plan(0, outlook, NO_SURCHARGE).values_dkk[:, 0]
    busy = sites.plan(0, outlook, ahead).values_dkk[:, 0]

    more = (calm[:, 0] - calm[:, -1]) - (busy[:, 0] - busy[:, -1])
    there = sites.fleet.area == 1
    assert (more[there] < 0).all()
    np.testing.assert_allclose(more[~there], 0, atol=ROUNDING)


def test_energy_at_the_end_is_worth_the_mean_price_less_losses_and_wear():
    rng = np.random.default_rng(0)
    sites = sites_of()
    outlook = outlook_of(rng).only(0, sites.rules.replan_steps)

    values = sites.plan(0, outlook, NO_SURCHARGE).values_dkk[:, -1]

    size = sites.fleet.high_kwh - sites.fleet.low_kwh
    worth = 0.94 * outlook.import_dkk_per_kwh.mean() - WEAR_DKK_PER_KWH
    np.testing.assert_allclose(values[:, 0] - values[:, -1], size * worth)


def test_energy_at_the_end_is_never_worth_less_than_nothing():
    rng = np.random.default_rng(0)
    sites = sites_of()
    outlook = outlook_of(rng).only(0, sites.rules.replan_steps)
    free = Outlook(
        outlook.ambient_c,
        outlook.global_w_m2,
        0.1 * outlook.import_dkk_per_kwh,
        outlook.export_dkk_per_kwh,
        outlook.pv_kw_per_kwp,
        outlook.load_kw,
    )

    assert not sites.plan(0, free, NO_SURCHARGE).values_dkk[:, -1].any()


@settings(deadline=None, max_examples=30)
@given(seed=seeds, part=st.floats(-1, 1))
def test_a_store_moves_as_the_batteries_it_stands_for(seed, part):
    rng = np.random.default_rng(seed)
    sites, outlook = sites_of(seed=seed), outlook_of(rng)
    fleet = sites.fleet
    state = fleet.low_kwh + rng.uniform(0.3, 0.7, N) * (fleet.high_kwh - fleet.low_kwh)
    store = sites.store(state, outlook, AREAS, Moment(0))
    net = outlook.load_kw[:, 0] - fleet.pv_kwp * outlook.pv_kw_per_kwp[0]

    power = net + part * fleet.power_max_kw
    after, record = sites.apply(state, outlook.only(0, 1), power)

    def by_area(values):
        return np.bincount(fleet.area, values, AREAS)

    charge = max(part, 0) * store.charge_max_kw[:, 0]
    discharge = max(-part, 0) * store.discharge_max_kw
    moved = store.charge_gain[:, 0] * charge - store.discharge_loss * discharge
    stored = store.keep * store.stored_kwh + 0.25 * moved - store.need_kwh[:, 0]
    np.testing.assert_allclose(stored, by_area(after - fleet.low_kwh))
    np.testing.assert_allclose(store.stored_kwh, by_area(state - fleet.low_kwh))
    met = store.fixed_kw[:, 0] + charge - discharge
    np.testing.assert_allclose(met, by_area(power), atol=ROUNDING)
    wear = 0.25 * store.wear_dkk_per_kwh * discharge
    np.testing.assert_allclose(wear, by_area(record["wear_dkk"]), atol=ROUNDING)
    np.testing.assert_allclose(store.curtailable_kw[:, 0], by_area(record["pv_kw"]))
    full = by_area(fleet.high_kwh - fleet.low_kwh)
    np.testing.assert_allclose(store.capacity_kwh, np.tile(full, (STEPS + 1, 1)).T)
    assert not store.reactive_kvar.any()


def test_a_store_s_efficiency_is_its_batteries_by_their_size():
    fleet = fleet_of(2)
    fleet = PvBatteryFleet(
        fleet.site,
        fleet.home,
        np.zeros(2, dtype=np.int64),
        fleet.pv_kwp,
        np.array([6.0, 12.0]),
        np.array([3.0, 3.0]),
        np.array([0.9, 0.96]),
    )
    sites = PvBatterySites(fleet, PlanningRules(0.25, 8, 24))
    outlook = outlook_of(np.random.default_rng(0), 2)

    store = sites.store(sites.start(0.0), outlook, AREAS, Moment(0))

    np.testing.assert_allclose(store.charge_gain[0], np.full(STEPS, 0.94))
    np.testing.assert_allclose(store.discharge_loss, [1 / 0.94, 1.0])
    assert store.stored_kwh[1] == store.capacity_kwh[1, 0] == 0


def test_five_minutes_three_times_do_what_a_quarter_of_an_hour_does():
    coarse, fine = sites_of(), sites_of(step_s=300)
    rng = np.random.default_rng(0)
    now = outlook_of(rng, steps=1)
    state = coarse.start(0.0)
    power = now.load_kw[:, 0] - coarse.fleet.pv_kwp * now.pv_kw_per_kwp[0]
    power = power + np.linspace(-1, 1, N)

    whole, record = coarse.apply(state, now, power)
    costs = 0.0
    for _ in range(3):
        state, part = fine.apply(state, now, power)
        costs = costs + part["bill_dkk"] + part["wear_dkk"]

    np.testing.assert_allclose(state, whole)
    np.testing.assert_allclose(costs, record["bill_dkk"] + record["wear_dkk"])


def test_batteries_start_in_the_middle_of_their_range():
    sites = sites_of()

    middle = (0.10 + 0.95) / 2 * sites.fleet.capacity_kwh

    np.testing.assert_allclose(sites.start(-5.0), middle)


def test_a_fleet_without_homes_bids_nothing():
    rules = PlanningRules(0.25, 8, 24)
    sites = PvBatterySites(take(fleet_of(2), np.zeros(0, dtype=np.int64)), rules)
    outlook = outlook_of(np.random.default_rng(0), 0)
    state = sites.start(0.0)

    book = bid(sites, state, outlook)
    after, record = sites.apply(state, outlook.only(0, 1), np.zeros(0))
    store = sites.store(state, outlook, AREAS, Moment(0))

    assert book.power_kw.shape == (0, 11)
    assert after.shape == record["bill_dkk"].shape == (0,)
    assert not store.capacity_kwh.any()
    assert not store.fixed_kw.any()
