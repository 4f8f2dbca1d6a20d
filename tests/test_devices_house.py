"""Houses store heat, lose it to the outside, and do so exactly whatever the step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from mosaik_bottomup.devices.house import (
    Houses,
    advance,
    discretise,
    rates,
    slow_mode,
)

ROUNDING_K = 1e-9
PARTS = 32
QUADRATURE_KWH = 1e-6  # Simpson's rule over so many parts of a step
UA, UA_FLOOR, AIR, FLOOR = 0.15, 0.6, 3.0, 6.0

steps_h = st.sampled_from([1 / 12, 0.25, 1.0])
seeds = st.integers(0, 2**32 - 1)


def one_house():
    return Houses(*(np.array([value]) for value in (UA, UA_FLOOR, AIR, FLOOR)))


def random_houses(rng, n):
    return Houses(
        rng.uniform(0.05, 0.4, n),
        rng.uniform(0.2, 1.0, n),
        rng.uniform(1.0, 6.0, n),
        rng.uniform(2.0, 12.0, n),
    )


def random_step(rng, n):
    """Return temperatures, ambient, gains and heat of a step."""
    return (
        rng.uniform(15, 35, (n, 2)),
        rng.uniform(-15, 30, n),
        rng.uniform(0, 3, n),
        rng.uniform(0, 10, n),
    )


@settings(deadline=None, max_examples=25)
@given(seed=seeds, step_h=steps_h)
def test_two_half_steps_are_one_step(seed, step_h):
    rng = np.random.default_rng(seed)
    houses = random_houses(rng, 3)
    start, *weather_and_heat = random_step(rng, 3)

    whole = advance(discretise(houses, step_h), start, *weather_and_heat)
    half = discretise(houses, step_h / 2)
    halves = advance(half, advance(half, start, *weather_and_heat), *weather_and_heat)

    np.testing.assert_allclose(halves, whole, atol=ROUNDING_K)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, step_h=steps_h)
def test_a_house_at_rest_stays_at_rest(seed, step_h):
    rng = np.random.default_rng(seed)
    houses = random_houses(rng, 3)
    _, ambient, gains, heat = random_step(rng, 3)
    air = ambient + (gains + heat) / houses.envelope_kw_per_k
    rest = np.stack([air, air + heat / houses.floor_kw_per_k], axis=1)

    after = advance(discretise(houses, step_h), rest, ambient, gains, heat)

    np.testing.assert_allclose(after, rest, atol=ROUNDING_K)


@settings(deadline=None, max_examples=25)
@given(seed=seeds, step_h=steps_h)
def test_heat_is_stored_or_lost_to_the_outside_and_nowhere_else(seed, step_h):
    rng = np.random.default_rng(seed)
    houses = random_houses(rng, 3)
    start, ambient, gains, heat = random_step(rng, 3)
    course = [start] + [
        advance(discretise(houses, step_h * part / PARTS), start, ambient, gains, heat)
        for part in range(1, PARTS + 1)
    ]

    air_c = np.array(course)[:, :, 0]
    simpson = np.array([1] + [4, 2] * (PARTS // 2 - 1) + [4, 1]) / (3 * PARTS)
    lost = houses.envelope_kw_per_k * (simpson @ air_c - ambient) * step_h
    rise = course[-1] - start
    stored = houses.air_kwh_per_k * rise[:, 0] + houses.floor_kwh_per_k * rise[:, 1]

    np.testing.assert_allclose(
        stored, (gains + heat) * step_h - lost, atol=QUADRATURE_KWH
    )


@settings(deadline=None, max_examples=25)
@given(seed=seeds, step_h=steps_h, which=st.integers(0, 3))
def test_more_warmth_anywhere_never_makes_a_house_colder(seed, step_h, which):
    rng = np.random.default_rng(seed)
    response = discretise(random_houses(rng, 3), step_h)
    less = random_step(rng, 3)
    more = list(less)
    more[which] = more[which] + rng.uniform(0.1, 5, more[which].shape)

    gain = advance(response, *more) - advance(response, *less)

    assert (gain > 0).all()


@settings(deadline=None, max_examples=25)
@given(seed=seeds, step_h=steps_h)
def test_the_slow_mode_moves_by_itself_as_it_does_in_the_full_model(seed, step_h):
    rng = np.random.default_rng(seed)
    houses = random_houses(rng, 3)
    start, ambient, gains, heat = random_step(rng, 3)
    slow = slow_mode(houses)
    z = (slow.weights * start).sum(axis=1)
    keep = np.exp(-slow.rate_per_h * step_h)
    rest = ambient + gains / houses.envelope_kw_per_k
    rest = rest + heat / (slow.rate_per_h * slow.heat_kwh_per_k)

    after = advance(discretise(houses, step_h), start, ambient, gains, heat)

    z_after = (slow.weights * after).sum(axis=1)
    np.testing.assert_allclose(z_after, keep * z + (1 - keep) * rest, atol=ROUNDING_K)
    np.testing.assert_allclose(slow.weights.sum(axis=1), 1)
    np.testing.assert_allclose(
        slow.rate_per_h,
        slow.weights[:, 0] * houses.envelope_kw_per_k / houses.air_kwh_per_k,
    )


@given(seed=seeds)
def test_the_slow_mode_is_the_slower_one(seed):
    houses = random_houses(np.random.default_rng(seed), 3)

    eigenvalues = np.linalg.eigvals(rates(houses))

    np.testing.assert_allclose(
        slow_mode(houses).rate_per_h, np.abs(eigenvalues).min(axis=1)
    )


def test_a_step_solves_the_differential_equations_of_air_and_floor():
    start, ambient, gains, heat, step_h = (20.5, 26.0), -3.0, 0.7, 4.5, 0.25

    def slope(_, temperature_c):
        air, floor = temperature_c
        through = UA_FLOOR * (floor - air)
        return (through + UA * (ambient - air) + gains) / AIR, (heat - through) / FLOOR

    solved = solve_ivp(slope, (0, step_h), start, rtol=1e-11, atol=1e-11).y[:, -1]
    after = advance(
        discretise(one_house(), step_h),
        np.array([start]),
        ambient,
        np.array([gains]),
        np.array([heat]),
    )

    np.testing.assert_allclose(after, [solved], atol=1e-8)


def test_in_the_end_a_heated_house_rests_where_its_loss_equals_its_heat():
    after = advance(
        discretise(one_house(), 1e4),
        np.array([[15.0, 15.0]]),
        -5.0,
        np.array([0.4]),
        np.array([3.5]),
    )

    air = -5.0 + (0.4 + 3.5) / UA
    np.testing.assert_allclose(after, [[air, air + 3.5 / UA_FLOOR]])


def test_alternatives_are_answered_as_each_would_be_alone():
    rng = np.random.default_rng(0)
    response = discretise(random_houses(rng, 3), 0.25)
    start, ambient, gains, _ = random_step(rng, 3)
    heat = rng.uniform(0, 10, (3, 4))

    together = advance(response, start, ambient, gains, heat)

    assert together.shape == (3, 4, 2)
    for j in range(4):
        alone = advance(response, start, ambient, gains, heat[:, j])
        np.testing.assert_allclose(together[:, j], alone, atol=ROUNDING_K)


def test_no_houses_are_no_trouble():
    none = np.zeros(0)
    houses = Houses(none, none, none, none)

    after = advance(discretise(houses, 0.25), np.zeros((0, 2)), 5.0, none, none)

    assert after.shape == (0, 2)
    assert slow_mode(houses).rate_per_h.size == 0


@pytest.mark.parametrize("field", range(4))
@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan])
def test_impossible_houses_are_refused_by_their_row(field, bad):
    values = [np.array([value] * 3) for value in (UA, UA_FLOOR, AIR, FLOOR)]
    values[field][1] = bad

    with pytest.raises(ValueError, match=r"rows \[1\]"):
        Houses(*values)
