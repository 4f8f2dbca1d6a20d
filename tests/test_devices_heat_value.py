"""Heat in a house is worth what the best course from it costs."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RegularGridInterpolator

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
    stages = stack(
        [discretise(houses, length_h) for length_h in lengths_h],
        list(lengths_h),
        rng.uniform(-12, 10, (n, s)),
        rng.uniform(0.3, 1, (n, s)),
        rng.uniform(4, 8, n),
        rng.uniform(0.1, 3, (n, s)),
        np.array([[[0, 0.5, 1], [0, 1, 1]][i % 2] for i in range(n)] * s).reshape(
            s, n, 3
        ),
    )
    low = rng.uniform(20, 20.5, n)
    end_dkk_per_k = rng.uniform(0, 4, (n, 2))
    return stages, (low, low + 2, rng.uniform(8, 14, n), end_dkk_per_k)


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

    value = value_heat(stages, *rules)

    for i, s in product(range(2), range(3)):
        air_c, excess_k = grid_of(value, i)
        after = RegularGridInterpolator(
            (air_c, excess_k),
            value.values_dkk[i, s + 1],
            bounds_error=False,
            fill_value=None,
        )
        air, excess = np.meshgrid(air_c, excess_k, indexing="ij")
        state = np.stack([air, air + excess], axis=-1)
        best = np.full(air.shape, np.inf)
        for part in stages.parts[s, i]:
            to = state @ stages.transition[s, i].T + stages.drive_c[s, i]
            to = to + part * stages.lift_c[s, i]
            outside = np.maximum(rules[0][i] - to[..., 0], to[..., 0] - rules[1][i])
            outside = np.maximum(outside, 0) * stages.length_h[s]
            cost = part * stages.cost_dkk[s, i] + OUTSIDE_DKK_PER_K_H * outside
            cost += after(np.stack([to[..., 0], to[..., 1] - to[..., 0]], axis=-1))
            best = np.minimum(best, cost)
        np.testing.assert_allclose(value.values_dkk[i, s], best, atol=ROUNDING_DKK)


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
    stages_n, length_h = len(costs), 0.5
    spacing = (HIGH_C - LOW_C + 2 * BEYOND_K) / (AIR_POINTS - 1)
    options = OPTIONS if inverter else np.array([0.0, 1.0, 1.0])
    stages = Stages(
        np.full(stages_n, length_h),
        np.broadcast_to(np.eye(2), (stages_n, 1, 2, 2)).copy(),
        np.full((stages_n, 1, 2), -spacing),
        np.full((stages_n, 1, 2), 2 * spacing),
        np.array(costs)[:, None],
        np.broadcast_to(options, (stages_n, 1, 3)).copy(),
    )

    value = value_heat(
        stages,
        np.array([LOW_C]),
        np.array([HIGH_C]),
        np.array([REACH_K]),
        np.array([[end, 2 * end]]),
    )

    air_c, excess_k = grid_of(value, 0)
    found = []
    for course in product(set(options), repeat=stages_n):
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
    dearer = Stages(
        stages.length_h,
        stages.transition,
        stages.drive_c,
        stages.lift_c,
        stages.cost_dkk + higher,
        stages.parts,
    )
    inside = np.linspace(rules[0] + 0.5, rules[1] - 0.5, 4).T
    states = np.stack([inside, inside + 4], axis=2)

    at_first = values_at(value_heat(stages, *rules), 0, states)
    at_more = values_at(value_heat(dearer, *rules), 0, states)

    assert (at_more >= at_first - ROUNDING_DKK).all()


@settings(deadline=None, max_examples=10)
@given(seed=seeds)
def test_stages_move_as_the_houses_do(seed):
    rng = np.random.default_rng(seed)
    n, length_h = 3, 0.25
    response = discretise(random_houses(rng, n), length_h)
    ambient, gains = rng.uniform(-10, 10, (n, 2)), rng.uniform(0, 2, (n, 2))
    heat, cost = rng.uniform(4, 8, n), rng.uniform(0, 1, (n, 2))
    state = rng.uniform(19, 30, (n, 2))

    it = stack(
        [response] * 2, [length_h] * 2, ambient, gains, heat, cost, np.ones((2, n, 1))
    )

    for s in range(2):
        moved = np.einsum("nij,nj->ni", it.transition[s], state)
        moved += it.drive_c[s] + 0.5 * it.lift_c[s]
        alone = advance(response, state, ambient[:, s], gains[:, s], 0.5 * heat)
        np.testing.assert_allclose(moved, alone)
        np.testing.assert_array_equal(it.cost_dkk[s], cost[:, s])
        assert it.length_h[s] == length_h


def test_between_grid_points_values_are_interpolated_and_beyond_them_go_on_straight():
    stages, rules = random_case(0, lengths_h=(0.25,))
    value = value_heat(stages, *rules)
    air = rules[0][:, None] + np.array([0.33, 1.11, -1.0, 5.0])
    floor = air + np.array([3.1, 7.7, -2.0, 30.0])

    worth = values_at(value, 1, np.stack([air, floor], axis=2))

    # at the end of the horizon the values are linear in both temperatures
    end = rules[3]
    expected = -(end[:, :1] * air + end[:, 1:] * floor)
    np.testing.assert_allclose(worth, expected)


def test_leaving_the_band_costs_by_the_kelvin_and_the_hour():
    stages, rules = random_case(0, lengths_h=(0.25,))
    value = value_heat(stages, *rules)
    air = np.array([rules[0] - 0.5, rules[0], rules[1], rules[1] + 0.25]).T

    price = outside_dkk(value, np.stack([air, air + 3], axis=2), 0.5)

    expected = OUTSIDE_DKK_PER_K_H * 0.5 * np.array([0.5, 0, 0, 0.25])
    np.testing.assert_allclose(price, [expected] * 2)


def test_no_houses_have_no_values():
    stages, rules = random_case(0, n=0)

    value = value_heat(stages, *rules)

    assert value.values_dkk.shape == (0, 4, AIR_POINTS, FLOOR_POINTS)
    assert values_at(value, 0, np.zeros((0, 3, 2))).shape == (0, 3)
