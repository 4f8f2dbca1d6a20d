"""Dispatch hands out what was granted, cheapest first, and only what was offered."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.coordination.clearing import join
from mosaik_bottomup.coordination.dispatch import dispatch
from mosaik_bottomup.coordination.merit_order import merit_orders
from mosaik_bottomup.devices.agent import distance_kw
from mosaik_bottomup.messages import BidBook, Moment

STEP_H = 0.25
TOLERANCE_KW = 1e-6
NEVER_TOO_DEAR = 1e9  # DKK/kWh

seeds = st.integers(0, 2**32 - 1)
parts = st.floats(0, 1)
law = settings(deadline=None)


def make_book(power_kw, cost_dkk, divisible):
    power_kw, cost_dkk = np.array(power_kw, float), np.array(cost_dkk, float)
    n, j = power_kw.shape
    divisible = np.broadcast_to(np.array(divisible, np.bool_), (n, j - 1)).copy()
    area = np.zeros(n, np.int64)
    return BidBook(area, power_kw, cost_dkk, divisible, np.zeros(n), Moment(0))


def draw_book(seed, divisible=0.5):
    rng = np.random.default_rng(seed)
    n, j = rng.integers(1, 9), rng.integers(1, 5)
    power = np.sort(rng.choice(np.arange(-8, 9) / 2, (n, j)), axis=1)
    cost = rng.normal(0, 1, (n, j))
    return make_book(power, cost, rng.random((n, j - 1)) < divisible)


def draw_envelope(order, low_part, width_part):
    """Return one with room for something; its low end no higher than its target."""
    wide = order.top_kw - order.base_kw
    low = order.base_kw + low_part * wide
    return low, low + width_part * (order.top_kw - low)


def hand_out(book, target, low=-np.inf, high=np.inf, worth=NEVER_TOO_DEAR):
    orders = merit_orders(book, 1, STEP_H)
    ends = (np.atleast_1d(it) for it in (target, low, high))
    return dispatch(orders, book.power_kw[:, 0], *ends, worth)


@law
@given(seeds, parts, parts, parts, st.floats(-10, 10))
def test_nobody_gets_what_was_not_offered_and_no_envelope_is_left_upward(
    seed, low_part, width_part, target_part, worth
):
    book = draw_book(seed)
    order = merit_orders(book, 1, STEP_H)
    low, high = draw_envelope(order, low_part, width_part)
    target = low + target_part * (high - low)

    power = hand_out(book, target, low, high, worth)

    assert (distance_kw(book, power) <= TOLERANCE_KW).all()
    assert power.sum() <= high + TOLERANCE_KW


@law
@given(seeds, parts)
def test_the_sum_misses_the_target_by_less_than_one_segment(seed, part):
    book = draw_book(seed)
    order = merit_orders(book, 1, STEP_H)
    target = order.base_kw + part * (order.top_kw - order.base_kw)

    power = hand_out(book, target)

    missed = target - power.sum()
    assert missed >= -TOLERANCE_KW
    assert missed <= max(order.width_kw[~order.divisible], default=0) + TOLERANCE_KW


@law
@given(seeds, parts)
def test_where_everything_is_divisible_the_target_is_met(seed, part):
    book = draw_book(seed, divisible=1.0)
    order = merit_orders(book, 1, STEP_H)
    target = order.base_kw + part * (order.top_kw - order.base_kw)

    power = hand_out(book, target, worth=-NEVER_TOO_DEAR)

    assert np.isclose(power.sum(), target, atol=TOLERANCE_KW)


@law
@given(seeds, parts)
def test_divisible_power_goes_to_whoever_pays_most(seed, part):
    book = draw_book(seed, divisible=1.0)
    order = merit_orders(book, 1, STEP_H)
    target = order.base_kw + part * (order.top_kw - order.base_kw)

    power = hand_out(book, target)

    taken = power - book.power_kw[:, 0]
    dearest_taken, cheapest_left = -np.inf, np.inf
    for site in range(taken.size):
        mine = order.site == site
        ends = np.concatenate([[0.0], order.width_kw[mine].cumsum()])
        slope = order.slope_dkk_per_kwh[mine]
        dearest_taken = max([dearest_taken, *slope[taken[site] > ends[:-1] + 1e-9]])
        cheapest_left = min([cheapest_left, *slope[taken[site] < ends[1:] - 1e-9]])
    assert dearest_taken <= cheapest_left


@law
@given(seeds, parts, parts)
def test_a_lower_end_is_reached_whenever_divisible_power_can(seed, part, worth):
    book = draw_book(seed, divisible=1.0)
    order = merit_orders(book, 1, STEP_H)
    low = order.base_kw + part * (order.top_kw - order.base_kw)

    power = hand_out(book, low, low, low + 1, worth - 10)

    assert power.sum() >= low - TOLERANCE_KW


def test_the_whole_range_runs_everybody_at_the_top():
    book = draw_book(3)

    power = hand_out(book, merit_orders(book, 1, STEP_H).top_kw)

    np.testing.assert_allclose(power, book.power_kw[:, -1])


def test_must_run_alone_leaves_everybody_at_the_first_option():
    book = draw_book(4)

    power = hand_out(book, merit_orders(book, 1, STEP_H).base_kw)

    assert power.tolist() == book.power_kw[:, 0].tolist()


def test_what_cannot_be_divided_is_left_out_for_the_next_that_can():
    book = make_book(
        [[0, 1], [0, 5], [0, 3]], [[0, 1], [0, 10], [0, 9]], [[1], [0], [1]]
    )

    power = hand_out(book, 3.0)

    assert power.tolist() == [1, 0, 2]


def test_after_one_is_left_out_no_other_indivisible_one_runs():
    book = make_book([[0, 5], [0, 1]], [[0, 1], [0, 9]], False)

    assert hand_out(book, 3.0).tolist() == [0, 0]


def test_a_site_that_was_left_out_gets_none_of_its_later_segments():
    book = make_book([[0, 2, 4]], [[0, 1, 5]], [[False, True]])

    assert hand_out(book, 1.0).tolist() == [0]


def test_a_site_that_runs_in_part_gets_none_of_its_later_segments():
    book = make_book([[0, 2, 3]], [[0, 1, 5]], [[True, False]])

    assert hand_out(book, 1.5).tolist() == [1.5]


def test_nothing_is_filled_up_with_what_is_too_dear():
    # slopes 1, 2 and 8 DKK/kWh at 0.25 h
    book = make_book(
        [[0, 4], [0, 1], [0, 9]], [[0, 1], [0, 0.5], [0, 18]], [[0], [1], [1]]
    )

    assert hand_out(book, 3.0, worth=3.0).tolist() == [0, 1, 0]
    assert hand_out(book, 3.0, worth=8.0).tolist() == [0, 1, 2]


def test_too_dear_or_not_it_is_taken_up_to_the_lower_end():
    book = make_book([[0, 4], [0, 9]], [[0, 1], [0, 18]], [[0], [1]])

    assert hand_out(book, 3.0, 2.5, 5.0, worth=0.0).tolist() == [0, 2.5]


def test_what_is_worth_it_is_not_too_dear_before_anything_was_left_out():
    book = make_book([[0, 4]], [[0, 9]], True)

    assert hand_out(book, 3.0, worth=0.0).tolist() == [3]


def test_what_was_left_out_runs_if_the_lower_end_were_missed_without():
    book = make_book([[0, 4], [0, 3]], [[0, 1], [0, 9]], False)

    assert hand_out(book, 3.0, 2.0, 5.0).tolist() == [4, 0]


def test_but_not_beyond_the_upper_end():
    book = make_book([[0, 4], [0, 3]], [[0, 1], [0, 9]], False)

    assert hand_out(book, 2.5, 2.0, 3.5).tolist() == [0, 3]
    assert hand_out(book, 2.0, 2.0, 2.5).tolist() == [0, 0]


def test_a_rounding_short_of_a_segment_still_runs_it():
    book = make_book([[0, 0.1], [0, 0.2]], [[0, 1], [0, 3]], False)

    assert hand_out(book, 0.3 - 1e-12).tolist() == [0.1, 0.2]


@law
@given(seeds, parts)
def test_each_area_is_dispatched_as_if_it_were_alone(seed, part):
    books = [draw_book(seed), draw_book(seed + 1)]
    alone = [merit_orders(book, 1, STEP_H) for book in books]
    target = [it.base_kw + part * (it.top_kw - it.base_kw) for it in alone]
    together = join([replace(book, area=book.area + a) for a, book in enumerate(books)])
    unbound = np.full(2, np.inf)

    power = dispatch(
        merit_orders(together, 2, STEP_H),
        together.power_kw[:, 0],
        np.concatenate(target),
        -unbound,
        unbound,
        NEVER_TOO_DEAR,
    )

    apart = [hand_out(book, at) for book, at in zip(books, target, strict=True)]
    assert power.tolist() == np.concatenate(apart).tolist()
