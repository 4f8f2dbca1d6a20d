"""A merit order is the true convex hull of the bids, however it is merged."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from mosaik_bottomup.coordination.merit_order import (
    hull_segments,
    merit_orders,
    simplify,
)
from mosaik_bottomup.messages import BidBook, Moment

STEP_H = 0.25
AREAS = 3

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None)  # the first call compiles


def make_book(power_kw, cost_dkk, divisible=True, area=0):
    power_kw, cost_dkk = np.array(power_kw, float), np.array(cost_dkk, float)
    n, j = power_kw.shape
    return BidBook(
        np.broadcast_to(np.array(area, np.int64), n),
        power_kw,
        cost_dkk,
        np.broadcast_to(np.array(divisible, np.bool_), (n, j - 1)).copy(),
        np.zeros(n),
        Moment(0),
    )


def draw_book(seed, most_sites=8):
    rng = np.random.default_rng(seed)
    n, j = rng.integers(1, most_sites + 1), rng.integers(1, 7)
    power = np.sort(rng.choice(np.arange(-8, 9) / 2, (n, j)), axis=1)
    cost = rng.normal(0, 1, (n, j)) * 10 ** rng.uniform(-2, 2)
    return make_book(
        power, cost, rng.random((n, j - 1)) < 0.5, rng.integers(0, AREAS, n)
    )


def draw_curve(seed, most=30):
    rng = np.random.default_rng(seed)
    m = rng.integers(0, most)
    slope = np.sort(rng.normal(0, 2, m))
    width = rng.uniform(0.1, 3, m)
    return slope, width


def cost_at(slope, width, power_kw):
    """Integral of the slopes from 0 to a power, in DKK per hour."""
    ends = np.concatenate([[0.0], width.cumsum()])
    costs = np.concatenate([[0.0], (slope * width).cumsum()])
    return np.interp(power_kw, ends, costs)


def lowest_chord_dkk(power_kw, cost_dkk, at_kw):
    """Least cost of any mix of two options that comes to a power."""
    best = np.inf
    for a in range(power_kw.size):
        for b in range(power_kw.size):
            low, high = power_kw[a], power_kw[b]
            if low <= at_kw <= high:
                part = (at_kw - low) / (high - low) if high > low else 0.0
                best = min(best, (1 - part) * cost_dkk[a] + part * cost_dkk[b])
    return best


@law
@given(seeds, st.floats(0, 1))
def test_no_mix_of_two_options_is_cheaper_than_the_hull(seed, part):
    book = draw_book(seed, most_sites=1)
    power, cost = book.power_kw[0], book.cost_dkk[0]
    at = power[0] + part * (power[-1] - power[0])

    slope, width, _, _ = hull_segments(book.power_kw, book.cost_dkk, book.divisible, 1)

    start = cost[power == power[0]].min()
    found = start + cost_at(slope, width, at - power[0])
    assert np.isclose(found, lowest_chord_dkk(power, cost, at), atol=1e-9)


@law
@given(seeds)
def test_the_corners_are_those_of_the_lower_hull_of_scipy(seed):
    rng = np.random.default_rng(seed)
    power, cost = np.sort(rng.normal(0, 3, 7)), rng.normal(0, 1, 7)

    slope, width, _, _ = hull_segments(
        power[None], cost[None], np.ones((1, 6), np.bool_), STEP_H
    )

    hull = ConvexHull(np.column_stack([power, cost]))
    down = hull.equations[:, 1] < 0
    corners = power[np.unique(hull.simplices[down])]
    np.testing.assert_allclose(power[0] + width.cumsum(), np.sort(corners)[1:])
    expected = -hull.equations[down, 0] / hull.equations[down, 1] / STEP_H
    np.testing.assert_allclose(slope, np.sort(expected), atol=1e-9)


@law
@given(seeds)
def test_each_area_holds_its_sites_range_in_ascending_slopes(seed):
    book = draw_book(seed)

    orders = merit_orders(book, AREAS, STEP_H)

    assert (orders.width_kw > 0).all()
    assert (orders.first[0], orders.first[-1]) == (0, orders.width_kw.size)
    for area, (slope, width) in enumerate(orders.curves):
        mine = book.area == area
        site = orders.site[orders.first[area] : orders.first[area + 1]]
        assert np.isclose(orders.base_kw[area], book.power_kw[mine, 0].sum())
        assert np.isclose(orders.top_kw[area], book.power_kw[mine, -1].sum())
        assert slope.size == width.size == site.size
        assert (np.diff(slope) >= 0).all()
        assert set(site) <= set(np.flatnonzero(mine))
        for each in site:
            assert (np.diff(slope[site == each]) > 0).all()


@law
@given(seeds)
def test_an_areas_merit_order_is_what_it_would_be_alone(seed):
    book = draw_book(seed)

    orders = merit_orders(book, AREAS, STEP_H)

    for area in range(AREAS):
        mine = np.flatnonzero(book.area == area)
        part = slice(orders.first[area], orders.first[area + 1])
        alone = make_book(
            book.power_kw[mine], book.cost_dkk[mine], book.divisible[mine]
        )
        expected = merit_orders(alone, 1, STEP_H)
        for field in ("slope_dkk_per_kwh", "width_kw", "divisible"):
            of_all = getattr(orders, field)[part]
            assert of_all.tolist() == getattr(expected, field).tolist()
        assert orders.site[part].tolist() == mine[expected.site].tolist()
        assert orders.base_kw[area] == expected.base_kw[0]


def test_ties_are_broken_by_row():
    book = make_book([[0, 1]] * 4, [[0, 2]] * 4)

    order = merit_orders(book, 1, STEP_H)

    assert order.site.tolist() == [0, 1, 2, 3]


def test_a_slope_is_cost_per_energy_of_the_step():
    book = make_book([[1, 3]], [[5, 6]])

    order = merit_orders(book, 1, 0.5)

    assert order.slope_dkk_per_kwh.tolist() == [1.0]  # 1 DKK for 2 kW * 0.5 h
    assert (order.base_kw.tolist(), order.width_kw.tolist()) == ([1.0], [2.0])


def test_of_options_with_the_same_power_the_cheapest_counts():
    book = make_book([[0, 0, 2, 2, 2]], [[3, 1, 9, 5, 7]])

    order = merit_orders(book, 1, 1.0)

    assert order.slope_dkk_per_kwh.tolist() == [2.0]


def test_options_a_rounding_apart_are_one():
    book = make_book([[0, 1, 1 + 1e-15, 2]], [[0, 1, 1 + 1e-13, 2.5]])

    order = merit_orders(book, 1, 1.0)

    np.testing.assert_allclose(order.width_kw, [1, 1])
    np.testing.assert_allclose(order.slope_dkk_per_kwh, [1, 1.5])


def test_an_option_on_the_chord_is_no_corner():
    book = make_book([[0, 1, 2]], [[0, 1, 2]])

    order = merit_orders(book, 1, 1.0)

    assert order.width_kw.tolist() == [2.0]


def test_a_segment_over_an_indivisible_step_is_indivisible():
    book = make_book(
        [[0, 1, 2], [0, 1, 2], [0, 0, 2]],
        [[0, 5, 1], [0, 5, 1], [0, 0, 1]],
        [[True, False], [True, True], [False, True]],
    )

    order = merit_orders(book, 1, 1.0)

    # the third site's indivisible step is between two options of one power
    assert order.divisible.tolist() == [False, True, True]


def test_a_site_with_one_option_adds_to_the_base_only():
    order = merit_orders(make_book([[2], [-3]], [[1], [1]]), 1, STEP_H)

    assert order.base_kw == order.top_kw == -1.0
    assert order.slope_dkk_per_kwh.size == 0


def test_an_area_without_sites_has_an_empty_merit_order():
    orders = merit_orders(make_book([[0, 1]], [[0, 1]]), 2, STEP_H)

    assert (orders.base_kw[1], orders.top_kw[1]) == (0.0, 0.0)
    assert [part.size for part in simplify(orders.curves[1], 5)] == [0, 0]


@law
@given(seeds, st.integers(1, 12))
def test_merging_keeps_ends_and_convexity_and_never_goes_below(seed, most):
    full = draw_curve(seed)

    slope, width = simplify(full, most)

    assert slope.size == min(most, full[0].size)
    assert np.isclose(width.sum(), full[1].sum())
    assert np.isclose((slope * width).sum(), (full[0] * full[1]).sum())
    assert (np.diff(slope) >= -1e-12).all()
    for corner in np.concatenate([full[1].cumsum(), width.cumsum()]):
        assert cost_at(slope, width, corner) >= cost_at(*full, corner) - 1e-9


@law
@given(seeds)
def test_one_merger_lifts_the_curve_by_the_least_of_its_bounds(seed):
    s, w = draw_curve(seed)
    if s.size < 2:
        return

    slope, width = simplify((s, w), s.size - 1)

    bound = np.diff(s) * w[:-1] * w[1:] / (w[:-1] + w[1:])
    lift = [cost_at(slope, width, at) - cost_at(s, w, at) for at in w.cumsum()]
    assert np.isclose(max(lift), bound.min(), atol=1e-9)


def test_few_enough_segments_stay_as_they_are():
    curve = draw_curve(3)

    assert simplify(curve, curve[0].size) is curve
