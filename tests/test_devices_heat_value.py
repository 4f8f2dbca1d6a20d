"""Heat in a house is worth what the best course from it costs."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

from mosaik_bottomup.devices.chunks import CHUNK_SITES
from mosaik_bottomup.devices.heat_value import (
    AIR_POINTS,
    BEYOND_K,
    FLOOR_POINTS,
    OUTSIDE_DKK_PER_K_H,
    Stages,
    outside_dkk,
    stack,
    value_heat,
    values_at,
)
from mosaik_bottomup.devices.house import Houses, advance, discretise

ROUNDING_DKK = 1e-8
LOW_C, HIGH_C, REACH_K = 20.0, 22.0, 10.0
OPTIONS = np.array([0.0, 0.5, 1.0])

seeds = st.integers(0, 2**32 - 1)


def random_houses(rng, n):
    return Houses(
        rng.uniform(0.1, 0.25, n),
        rng.uniform(0.5, 0.7, n),
        rng.uniform(2, 4, n),
        rng.uniform(4, 8, n),
    )


def random_case(seed, n=2, lengths_h=(0.25, 0.25, 1.0)):
    """Return stages of random houses, and what they are valued by."""
    rng = np.random.default_rng(seed)
    houses, s = random_houses(rng, n), len(lengths_h)
    lengths, kind = np.unique(lengths_h, return_inverse=True)
    machine = np.array([[0, 0.5, 1], [0, 1, 1]])[np.arange(n) % 2]
    stages = stack(
        kind,
        lengths.tolist(),
        [discretise(houses, length_h) for length_h in lengths],
        np.stack([machine] * lengths.size),
        rng.uniform(-12, 10, s),
        rng.uniform(0.3, 1, (n, s)),
        rng.uniform(4, 8, n),
        rng.uniform(0.1, 3, (n, s)),
    )
    low = rng.uniform(20, 20.5, n)
    end_dkk_per_k = rng.uniform(0, 4, (n, 2))
    return stages, (low, low + 2, rng.uniform(8, 14, n), end_dkk_per_k)


def houses_of(stages, rules, rows):
    """Return the stages and rules of some of the houses."""
    some = replace(
        stages,
        transition=stages.transition[:, rows],
        lift_c=stages.lift_c[:, rows],
        parts=stages.parts[:, rows],
        drive_c=stages.drive_c[:, rows],
        cost_dkk=stages.cost_dkk[:, rows],
    )
    return some, tuple(each[rows] for each in rules)


def grid_of(value, i):
    low, high = value.low_c[i] - BEYOND_K, value.high_c[i] + BEYOND_K
    return (
        np.linspace(low, high, AIR_POINTS),
        np.arange(FLOOR_POINTS) * value.floor_spacing_k[i],
    )


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_a_state_is_worth_its_best_choice_and_what_that_leads_to(seed):
    stages, rules = random_case(seed)

    value = value_heat(stages, *rules, kept=3)

    for i, s in product(range(2), range(1, 3)):
        k = stages.kind[s]
        air_c, excess_k = grid_of(value, i)
        after = RegularGridInterpolator(
            (air_c, excess_k),
            value.values_dkk[i, s],
            bounds_error=False,
            fill_value=None,
        )
        air, excess = np.meshgrid(air_c, excess_k, indexing="ij")
        state = np.stack([air, air + excess], axis=-1)
        best = np.full(air.shape, np.inf)
        for part in stages.parts[k, i]:
            to = state @ stages.transition[k, i].T + stages.drive_c[s, i]
            to = to + part * stages.lift_c[k, i]
            outside = np.maximum(rules[0][i] - to[..., 0], to[..., 0] - rules[1][i])
            outside = np.maximum(outside, 0) * stages.length_h[k]
            cost = part * stages.cost_dkk[s, i] + OUTSIDE_DKK_PER_K_H * outside
            cost += after(np.stack([to[..., 0], to[..., 1] - to[..., 0]], axis=-1))
            best = np.minimum(best, cost)
        np.testing.assert_allclose(value.values_dkk[i, s - 1], best, atol=ROUNDING_DKK)


@settings(deadline=None, max_examples=20)
@given(
    costs=st.lists(st.floats(0.1, 1), min_size=4, max_size=4),
    end=st.floats(0, 5),
    start=st.integers(4, AIR_POINTS - 5),
    floor=st.integers(0, FLOOR_POINTS - 1),
    inverter=st.booleans(),
)
def test_a_state_is_worth_the_cheapest_of_all_courses_from_it(
    costs, end, start, floor, inverter
):
    # off lowers air and floor by a grid point, half power holds them, full lifts them
    stages_n, length_h = len(costs) + 1, 0.5
    spacing = (HIGH_C - LOW_C + 2 * BEYOND_K) / (AIR_POINTS - 1)
    options = OPTIONS if inverter else np.array([0.0, 1.0, 1.0])
    stages = Stages(
        np.zeros(stages_n, dtype=np.int64),
        np.array([length_h]),
        np.eye(2)[None, None],
        np.full((1, 1, 2), 2 * spacing),
        options[None, None],
        np.full((stages_n, 1, 2), -spacing),
        np.array([0.0, *costs])[:, None],
    )

    value = value_heat(
        stages,
        np.array([LOW_C]),
        np.array([HIGH_C]),
        np.array([REACH_K]),
        np.array([[end, 2 * end]]),
        kept=1,
    )

    air_c, excess_k = grid_of(value, 0)
    found = []
    for course in product(set(options), repeat=len(costs)):
        rise = np.cumsum(2 * np.array(course) - 1) * spacing
        air = air_c[start] + rise
        outside = np.maximum(LOW_C - air, 0) + np.maximum(air - HIGH_C, 0)
        worth = end * air[-1] + 2 * end * (air[-1] + excess_k[floor])
        price = OUTSIDE_DKK_PER_K_H * length_h
        found.append(np.dot(course, costs) + price * outside.sum() - worth)
    assert value.values_dkk[0, 0, start, floor] == pytest.approx(
        min(found), abs=ROUNDING_DKK
    )


@settings(deadline=None, max_examples=10)
@given(seed=seeds, higher=st.floats(0, 2))
def test_a_higher_price_never_makes_the_future_cheaper(seed, higher):
    stages, rules = random_case(seed)
    dearer = replace(stages, cost_dkk=stages.cost_dkk + higher)
    inside = np.linspace(rules[0] + 0.5, rules[1] - 0.5, 4).T
    states = np.stack([inside, inside + 4], axis=2)

    at_first = values_at(value_heat(stages, *rules, kept=1), 0, states)
    at_more = values_at(value_heat(dearer, *rules, kept=1), 0, states)

    assert (at_more >= at_first - ROUNDING_DKK).all()


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_stages_move_as_the_houses_do(seed):
    rng = np.random.default_rng(seed)
    n, lengths_h = 3, [0.25, 1.0]
    houses, kind = random_houses(rng, n), np.array([0, 1])
    responses = [discretise(houses, length_h) for length_h in lengths_h]
    ambient, gains = rng.uniform(-10, 10, 2), rng.uniform(0, 2, (n, 2))
    heat, cost = rng.uniform(4, 8, n), rng.uniform(0, 1, (n, 2))
    state = rng.uniform(19, 30, (n, 2))

    it = stack(
        kind, lengths_h, responses, np.ones((2, n, 1)), ambient, gains, heat, cost
    )

    for s, k in enumerate(kind):
        moved = np.einsum("nij,nj->ni", it.transition[k], state)
        moved += it.drive_c[s] + 0.5 * it.lift_c[k]
        alone = advance(responses[k], state, ambient[s], gains[:, s], 0.5 * heat)
        np.testing.assert_allclose(moved, alone)
        np.testing.assert_array_equal(it.cost_dkk[s], cost[:, s])
        assert it.length_h[k] == lengths_h[k]


@settings(deadline=None, max_examples=5)
@given(seed=seeds)
def test_only_values_that_are_asked_for_are_kept_and_they_are_the_same(seed):
    stages, rules = random_case(seed)

    few, all_of_them = (value_heat(stages, *rules, kept=kept) for kept in (1, 3))

    assert few.values_dkk.shape == (2, 1, AIR_POINTS, FLOOR_POINTS)
    np.testing.assert_array_equal(few.values_dkk, all_of_them.values_dkk[:, :1])


def test_a_fleet_of_many_chunks_is_valued_as_each_house_alone():
    n = 2 * CHUNK_SITES + 3
    stages, rules = random_case(0, n, lengths_h=(0.25, 1.0))

    together = value_heat(stages, *rules, kept=1)

    for row in (0, CHUNK_SITES - 1, CHUNK_SITES, 2 * CHUNK_SITES, n - 1):
        alone, its_rules = houses_of(stages, rules, [row])
        value = value_heat(alone, *its_rules, kept=1)
        np.testing.assert_array_equal(value.values_dkk[0], together.values_dkk[row])


def test_between_grid_points_values_are_interpolated_and_beyond_them_go_on_straight():
    stages, rules = random_case(0, lengths_h=(0.25,))
    value = value_heat(stages, *rules, kept=1)
    air = rules[0][:, None] + np.array([0.33, 1.11, -1.0, 5.0])
    floor = air + np.array([3.1, 7.7, -2.0, 30.0])

    worth = values_at(value, 0, np.stack([air, floor], axis=2))

    # at the end of the horizon the values are linear in both temperatures
    end = rules[3]
    expected = -(end[:, :1] * air + end[:, 1:] * floor)
    np.testing.assert_allclose(worth, expected)


def test_leaving_the_band_costs_by_the_kelvin_and_the_hour():
    stages, rules = random_case(0, lengths_h=(0.25,))
    value = value_heat(stages, *rules, kept=1)
    air = np.array([rules[0] - 0.5, rules[0], rules[1], rules[1] + 0.25]).T

    price = outside_dkk(value, np.stack([air, air + 3], axis=2), 0.5)

    expected = OUTSIDE_DKK_PER_K_H * 0.5 * np.array([0.5, 0, 0, 0.25])
    np.testing.assert_allclose(price, [expected] * 2)


def test_no_houses_have_no_values():
    stages, rules = random_case(0, n=0)

    value = value_heat(stages, *rules, kept=1)

    assert value.values_dkk.shape == (0, 1, AIR_POINTS, FLOOR_POINTS)
    assert values_at(value, 0, np.zeros((0, 3, 2))).shape == (0, 3)
