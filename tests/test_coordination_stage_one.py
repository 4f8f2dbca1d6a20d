"""Stage 1 finds the cheapest power per area, whatever is sold and granted."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.coordination.solver import Solver
from mosaik_bottomup.coordination.stage_one import Imbalance, clear
from mosaik_bottomup.messages import INDIFFERENCE_DKK_PER_KWH

STEP_H = 0.25
IMBALANCE = Imbalance(above_dkk_per_kwh=0.4, below_dkk_per_kwh=0.9)
SOLVED_KW = 1e-6
SOLVED_DKK = 1e-7

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=60)
unbound = np.full(2, np.inf)


def draw_curves(rng, most=5):
    sizes = rng.integers(0, most, 2)
    slopes = [np.sort(rng.normal(0, 1, m)) for m in sizes]
    # none so near to nothing that it makes no difference
    slopes = [slope + 0.01 * np.sign(slope) for slope in slopes]
    return [(slope, rng.uniform(0.5, 3, slope.size)) for slope in slopes]


def draw_envelope(rng, base, top):
    """Draw one, partly beyond what sites can do, sometimes a single point."""
    ends = np.sort(rng.uniform(base - 1, top + 1, (2, 2)), axis=0)
    return ends[0], np.where(rng.random(2) < 0.2, ends[0], ends[1])


def tops(curves, base):
    return base + np.array([width.sum() for _, width in curves])


def cost_dkk(curves, base, power, target):
    total = 0.0
    for (slope, width), start, at in zip(curves, base, power, strict=True):
        ends = np.concatenate([[0.0], width.cumsum()])
        total += np.interp(at - start, ends, np.append(0.0, (slope * width).cumsum()))
    if target is not None:
        off = sum(power) - target
        total += IMBALANCE.above_dkk_per_kwh * max(off, 0)
        total += IMBALANCE.below_dkk_per_kwh * max(-off, 0)
    return STEP_H * total


def cheapest_dkk(curves, base, low, high, target):
    """Try all corners: breakpoints, bounds, and where the schedule is met."""
    corners = []
    for (_, width), start, lo, hi in zip(curves, base, low, high, strict=True):
        ends = start + np.concatenate([[0.0], width.cumsum()])
        corners.append([*np.clip(ends, lo, hi), lo, hi])
    points = list(product(*corners))
    if target is not None:
        points += [(at, np.clip(target - at, low[1], high[1])) for at in corners[0]]
        points += [(np.clip(target - at, low[0], high[0]), at) for at in corners[1]]
    return min(cost_dkk(curves, base, point, target) for point in points)


def solve(curves, base, low, high, target, imbalance=IMBALANCE):
    return clear(curves, base, low, high, target, imbalance, STEP_H, 7, Solver())


@law
@given(seeds, st.booleans())
def test_no_corner_is_cheaper(seed, sold):
    rng = np.random.default_rng(seed)
    curves, base = draw_curves(rng), rng.normal(0, 3, 2)
    top = tops(curves, base)
    target = rng.uniform(base.sum() - 3, top.sum() + 3) if sold else None
    low, high = draw_envelope(rng, base, top)

    power = solve(curves, base, low, high, target)

    low, high = np.clip(low, base, top), np.clip(high, base, top)
    assert (power >= low).all()
    assert (power <= high).all()
    best = cheapest_dkk(curves, base, low, high, target)
    assert np.isclose(
        cost_dkk(curves, base, power, target), best, rtol=0, atol=SOLVED_DKK
    )


@law
@given(seeds)
def test_no_kw_can_be_moved_at_a_gain(seed):
    rng = np.random.default_rng(seed)
    curves, base = draw_curves(rng), rng.normal(0, 3, 2)
    top = tops(curves, base)
    target = rng.uniform(base.sum() - 3, top.sum() + 3)

    power = solve(curves, base, -unbound, unbound, target)

    cost = cost_dkk(curves, base, power, target)
    step = 1e-3
    for move in ([1, 0], [-1, 0], [0, 1], [0, -1], [1, -1], [-1, 1]):
        moved = power + step * np.array(move)
        if (moved >= base).all() and (moved <= top).all():
            assert cost_dkk(curves, base, moved, target) >= cost - SOLVED_DKK


@law
@given(seeds)
def test_without_a_schedule_the_closed_form_is_the_linear_program(seed):
    rng = np.random.default_rng(seed)
    curves, base = draw_curves(rng), rng.normal(0, 3, 2)
    low, high = draw_envelope(rng, base, tops(curves, base))

    closed = solve(curves, base, low, high, None)

    no_price = solve(curves, base, low, high, 0.0, Imbalance(0.0, 0.0))
    np.testing.assert_allclose(closed, no_price, atol=SOLVED_KW)


@law
@given(seeds)
def test_a_dear_imbalance_makes_it_follow_the_schedule_as_far_as_it_can(seed):
    rng = np.random.default_rng(seed)
    curves, base = draw_curves(rng), rng.normal(0, 3, 2)
    top = tops(curves, base)
    low, high = np.clip(draw_envelope(rng, base, top), base, top)
    target = rng.uniform(base.sum() - 3, top.sum() + 3)

    power = solve(curves, base, low, high, target, Imbalance(1e3, 1e3))

    expected = np.clip(target, low.sum(), high.sum())
    assert np.isclose(power.sum(), expected, atol=SOLVED_KW)


def test_it_stays_below_the_schedule_while_the_next_kwh_costs_more_than_imbalance():
    curves = [(np.array([0.8, 1.0]), np.array([2.0, 2.0])), (np.empty(0), np.empty(0))]

    power = solve(curves, np.array([1.0, 0.0]), -unbound, unbound, 10.0)

    np.testing.assert_allclose(power, [3.0, 0.0])  # 0.8 < 0.9 < 1.0


def test_it_goes_beyond_the_schedule_while_the_next_kwh_earns_more_than_imbalance():
    curves = [(np.array([-0.5, -0.3]), np.array([2.0, 2.0]))] * 2

    power = solve(curves, np.zeros(2), -unbound, unbound, 0.0)

    np.testing.assert_allclose(power, [2.0, 2.0])  # 0.5 > 0.4 > 0.3


def test_power_moves_to_the_other_area_when_an_envelope_takes_it_away():
    curves = [(np.array([0.1]), np.array([5.0])), (np.array([0.2]), np.array([5.0]))]
    high = np.array([1.0, np.inf])

    power = solve(curves, np.zeros(2), -unbound, high, 4.0)

    np.testing.assert_allclose(power, [1.0, 3.0])


def test_an_envelope_beyond_the_offers_is_cut_to_them():
    curves = [(np.array([1.0]), np.array([2.0]))] * 2

    power = solve(curves, np.ones(2), np.full(2, 5.0), np.full(2, 6.0), None)

    np.testing.assert_allclose(power, [3.0, 3.0])


def test_what_makes_next_to_no_difference_is_taken_now():
    few = INDIFFERENCE_DKK_PER_KWH
    curves = [(np.array([-1.0, 0.9 * few, 1.1 * few]), np.ones(3))] * 2

    power = solve(curves, np.zeros(2), -unbound, unbound, None)

    assert power.tolist() == [2.0, 2.0]


def test_how_much_makes_no_difference_can_be_said():
    curves = [(np.array([-1.0, 0.001, 0.1]), np.ones(3))] * 2
    rest = (np.zeros(2), -unbound, unbound, None, Imbalance(1, 1), 0.25, 0, Solver())

    power = {few: clear(curves, *rest, few).tolist() for few in (0.0, 0.01, 1.0)}

    assert power == {0.0: [1.0, 1.0], 0.01: [2.0, 2.0], 1.0: [3.0, 3.0]}


@pytest.mark.parametrize("target", [None, 4.0])
def test_without_flexible_sites_the_must_run_is_the_plan(target):
    curves = [(np.empty(0), np.empty(0))] * 2

    power = solve(curves, np.array([1.0, -2.0]), -unbound, unbound, target)

    assert power.tolist() == [1.0, -2.0]


def test_an_envelope_turned_round_by_rounding_is_no_error():
    curves = [(np.array([-1.0]), np.array([2.0]))] * 2
    high = np.full(2, 0.7)

    power = solve(curves, np.zeros(2), high + 1e-12, high, 1.0)

    np.testing.assert_allclose(power, 0.7)
