"""Homes that know themselves wrong learn of their floor and nearly keep their band."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup import scenario
from mosaik_bottomup.case.fleets import draw_all_fleets
from mosaik_bottomup.devices import house
from mosaik_bottomup.devices.agent import cheapest_kw
from mosaik_bottomup.devices.draw import Population, draw_fleets
from mosaik_bottomup.devices.estimate import (
    PARAMETERS,
    guarded,
    mistaken,
    observe_floor_c,
    observer_gain,
    scaled,
    step_spread_k,
)
from mosaik_bottomup.devices.heat_pump import HeatPumpState, cop
from mosaik_bottomup.devices.heat_pump_site import HeatPumpSites
from mosaik_bottomup.devices.outlook import Outlook, PlanningRules
from mosaik_bottomup.errors import InputError
from mosaik_bottomup.messages import Moment

RULES = PlanningRules(step_h=0.25, replan_steps=8, guard_steps=24)
ROUNDING_K = 1e-9
NO_SURCHARGE = np.zeros((2, 1))
seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=30)


def fleet_of(n, seed=0):
    population = Population(
        n, 0, 0.5, (100, 250), (20, 20.5), 2.0, (4, 8), (6, 12), (0.4, 0.5)
    )
    return draw_fleets(population, np.arange(n) % 2, np.random.default_rng(seed))[0]


def outlook_of(steps, ambient_c=-4.0, n=0):
    hours = np.arange(steps) * RULES.step_h
    return Outlook(
        ambient_c + 3 * np.sin(hours / 4),
        np.maximum(100 * np.sin(hours / 4), 0),
        1 + 0.5 * np.cos(hours / 2),
        np.zeros(steps),
        np.zeros(steps),
        np.zeros((n, steps)),
    )


def live(sites, steps):
    """Return air and powers of homes that take their cheapest options."""
    outlook = outlook_of(steps + 104)
    state, air, power = sites.start(-4.0), [], []
    for step in range(steps):
        if step % RULES.replan_steps == 0:
            plan = sites.plan(step, outlook.only(step, 104), NO_SURCHARGE)
        now = outlook.only(step, 1)
        book = sites.bids(state, plan, now, Moment(step))
        power.append(cheapest_kw(book, RULES.step_h))
        state, record = sites.apply(state, now, power[-1])
        air.append(record["air_c"])
    return np.array(air), np.array(power), state


def outside_kh(sites, air):
    low, high = sites.fleet.comfort_low_c, sites.fleet.comfort_high_c
    return RULES.step_h * np.maximum(np.maximum(low - air, air - high), 0).sum()


@law
@given(seed=seeds, error=st.floats(0.01, 0.3))
def test_errors_are_never_beyond_twice_their_deviation(seed, error):
    fleet = fleet_of(5)

    believed = mistaken(fleet, error, np.random.default_rng(seed))

    for one, other in (
        *((believed.houses, fleet.houses),),
        *((believed, fleet),),
    ):
        for name in (field.name for field in fields(one)):
            values = getattr(one, name)
            if name in ("houses", "site", "home", "area", "inverter"):
                continue
            off = np.abs(values / getattr(other, name) - 1)
            assert (off <= 2 * error + ROUNDING_K).all(), name


def test_errors_have_the_deviation_asked_for_and_each_parameter_its_own():
    fleet = fleet_of(2000)

    believed = mistaken(fleet, 0.1, np.random.default_rng(1))

    errors = np.array(
        [
            believed.houses.envelope_kw_per_k / fleet.houses.envelope_kw_per_k,
            believed.houses.floor_kw_per_k / fleet.houses.floor_kw_per_k,
            believed.houses.air_kwh_per_k / fleet.houses.air_kwh_per_k,
            believed.houses.floor_kwh_per_k / fleet.houses.floor_kwh_per_k,
            believed.heat_kw / fleet.heat_kw,
            believed.gains_kw / fleet.gains_kw,
            believed.aperture_m2 / fleet.aperture_m2,
        ]
    )
    # a normal distribution cut at two deviations has 0.88 of its deviation
    assert errors.std(axis=1) == pytest.approx(0.088, abs=0.005)
    assert errors.mean(axis=1) == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.corrcoef(errors) - np.eye(len(PARAMETERS))).max() < 0.1


def test_homes_that_know_themselves_do_bit_for_bit_what_homes_without_estimate_do():
    fleet = fleet_of(6)
    exact = scaled(fleet, np.ones((len(PARAMETERS), 6)))
    plain = HeatPumpSites(fleet, RULES, 0.98)
    knowing = HeatPumpSites(fleet, RULES, 0.98, guarded(exact, np.zeros(6)))

    one, other = live(plain, 32), live(knowing, 32)

    assert (one[0] == other[0]).all()
    assert (one[1] == other[1]).all()
    assert (other[2].floor_error_k == 0).all()
    assert outside_kh(plain, one[0]) == 0


@law
@given(seed=seeds, wrong_k=st.floats(-5, 5))
def test_a_wrong_floor_is_found_in_hours_where_the_house_is_known(seed, wrong_k):
    fleet = fleet_of(4, seed)
    sites = HeatPumpSites(fleet, RULES, 0.98)
    state = replace(sites.start(-4.0), floor_error_k=np.full(4, wrong_k))
    now = outlook_of(1)

    for _ in range(4):
        state, _ = sites.apply(state, now, np.zeros(4))

    # the observer's time constant is an hour
    assert state.floor_error_k == pytest.approx(wrong_k * np.exp(-1), abs=1e-9)


def test_the_observer_corrects_the_floor_by_its_gain_times_the_airs_surprise():
    gain = np.array([4.0, 2.0])
    foretold = np.array([[20.0, 25.0], [21.0, 26.0]])

    floor = observe_floor_c(gain, foretold, np.array([20.1, 20.5]))

    assert floor == pytest.approx([25.4, 25.0])


@pytest.mark.parametrize("step_h", [1 / 60, 0.25, 1.0])
def test_the_observers_gain_is_positive_in_all_steps(step_h):
    response = house.discretise(fleet_of(20).houses, step_h)

    assert (observer_gain(response, step_h) > 0).all()


def test_what_is_foreseen_goes_by_the_estimate_and_what_happens_by_the_truth():
    fleet = fleet_of(3)
    factors = np.ones((len(PARAMETERS), 3))
    factors[PARAMETERS.index("heat")] = 1.1
    sites = HeatPumpSites(fleet, RULES, 0.98, scaled(fleet, factors))
    plain = HeatPumpSites(fleet, RULES, 0.98)
    now, state = outlook_of(1), sites.start(-4.0)
    full_kw = fleet.heat_kw / cop(float(now.ambient_c[0]), fleet.inverter)

    real, _ = sites.apply(state, now, full_kw)
    foreseen = sites.foresee(state, now, full_kw)

    truth, _ = plain.apply(state, now, full_kw)
    per_heat = house.discretise(fleet.houses, RULES.step_h).per_heat_kw
    assert (real.temperature_c == truth.temperature_c).all()
    assert foreseen.temperature_c - real.temperature_c == pytest.approx(
        0.1 * fleet.heat_kw[:, None] * per_heat
    )
    book = sites.bids(
        state, sites.plan(0, outlook_of(104), NO_SURCHARGE), now, Moment(0)
    )
    known_kw = np.array([0, 0.5, 1.0]) * full_kw[:, None]
    away = np.abs(book.power_kw[:, :, None] - known_kw[:, None]).min(axis=2)
    assert away.max() < ROUNDING_K


@law
@given(error=st.floats(0.001, 0.1), seed=seeds)
def test_the_spread_of_a_step_grows_with_the_error_and_with_the_step(error, seed):
    fleet = fleet_of(5, seed)

    spread = step_spread_k(fleet, error, 0.25)

    assert (spread > 0).all()
    assert (step_spread_k(fleet, 2 * error, 0.25) > spread).all()
    assert (step_spread_k(fleet, error, 0.5) > spread).all()
    assert (step_spread_k(fleet, 0.0, 0.25) == 0).all()


def test_the_spread_of_a_step_is_that_of_many_mistaken_houses():
    fleet, n = fleet_of(1), 4000
    many = replace(
        HeatPumpSites(fleet, RULES, 0.98).fleet,
        **{
            field.name: np.repeat(getattr(fleet, field.name), n)
            for field in fields(fleet)
            if field.name not in ("site", "houses")
        },
        site=("x",) * n,
        houses=house.Houses(
            *(np.repeat(getattr(fleet.houses, f.name), n) for f in fields(fleet.houses))
        ),
    )
    wrong = mistaken(many, 0.05, np.random.default_rng(0))
    ua, floor = fleet.houses.envelope_kw_per_k, fleet.houses.floor_kw_per_k
    state = np.stack([np.full(n, 21.0), np.full(n, 21 + 33 * (ua / floor)[0])], axis=1)

    response = house.discretise(wrong.houses, 0.25)
    gains = wrong.gains_kw + 0.2 * wrong.aperture_m2
    air = house.advance(response, state, -12.0, gains, wrong.heat_kw)[:, 0]

    # errors cut at two deviations have 0.88 of the deviation
    assert step_spread_k(fleet, 0.05, 0.25) == pytest.approx(air.std() / 0.88, rel=0.05)


def test_more_margin_never_leaves_the_band_more_and_ten_percent_stay_within_a_tenth():
    fleet = fleet_of(12, seed=3)
    believed = mistaken(fleet, 0.1, np.random.default_rng(5))
    spread = step_spread_k(believed, 0.1, RULES.step_h)

    outside = []
    for spreads in (0.0, 1.0, 3.0):
        sites = HeatPumpSites(fleet, RULES, 0.98, guarded(believed, spreads * spread))
        air, _, state = live(sites, 96)
        assert (state.floor_error_k != 0).any()
        outside.append(outside_kh(sites, air))

    assert outside == sorted(outside, reverse=True)
    assert outside[0] > outside[2]
    assert outside[1] / 12 <= 0.1


def test_a_scenario_draws_the_errors_apart_from_all_else():
    text = "[sites]\nparameter_error_percent = 10.0\n"
    exact = draw_all_fleets(scenario.parse(""), np.arange(205) % 2)
    wrong = draw_all_fleets(scenario.parse(text), np.arange(205) % 2)

    for one, other in zip(exact, wrong, strict=True):
        assert one.sites.fleet.site == other.sites.fleet.site
        if isinstance(one.sites, HeatPumpSites):
            assert (one.sites.fleet.heat_kw == other.sites.fleet.heat_kw).all()
            assert (one.sites.believed.heat_kw == one.sites.fleet.heat_kw).all()
            assert (other.sites.believed.heat_kw != other.sites.fleet.heat_kw).all()
            narrow = (
                other.sites.believed.comfort_low_c - other.sites.fleet.comfort_low_c
            )
            assert narrow == pytest.approx(
                1.5 * step_spread_k(other.sites.believed, 0.1, 0.25)
            )


def test_a_margin_in_kelvin_narrows_the_guards_band_at_both_edges_only():
    text = "[planning]\nguard_margin_k = 0.1\n"
    fleets = draw_all_fleets(scenario.parse(text), np.arange(205) % 2)

    sites = next(f.sites for f in fleets if isinstance(f.sites, HeatPumpSites))

    low, high = sites.believed.comfort_low_c, sites.believed.comfort_high_c
    assert low - sites.fleet.comfort_low_c == pytest.approx(0.1)
    assert sites.fleet.comfort_high_c - high == pytest.approx(0.1)


def test_a_margin_that_leaves_no_band_is_refused_with_a_remedy():
    text = "[planning]\nguard_margin_k = 1.0\n"

    with pytest.raises(InputError, match="lower guard_margin_k"):
        draw_all_fleets(scenario.parse(text), np.arange(205) % 2)


def test_a_state_without_error_is_believed_as_it_is():
    state = HeatPumpState(np.array([[20.0, 25.0]]), np.zeros(1, bool), np.ones(1, int))

    assert (state.believed_c == state.temperature_c).all()
