"""Stage 2 grants envelopes that are secure, used up, and cut as cheaply as possible."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mosaik_bottomup.coordination import least_cost
from mosaik_bottomup.coordination.congestion_points import Room, share_headroom
from mosaik_bottomup.coordination.least_cost import OVERLOAD_DKK_PER_KWH
from mosaik_bottomup.coordination.solver import Solver, solve
from mosaik_bottomup.coordination.stage_one import Imbalance, clear
from mosaik_bottomup.coordination.stage_two import secure
from mosaik_bottomup.errors import StageError
from mosaik_bottomup.messages import AreaOffer, Moment

STEP_H = 0.25
IMBALANCE = Imbalance(above_dkk_per_kwh=0.4, below_dkk_per_kwh=0.9)
TOLERANCE_KW = 1e-5
TOLERANCE_DKK_PER_KWH = 1e-6
ALLOCATIONS = ("least-cost", "proportional")

seeds = st.integers(0, 2**32 - 1)
law = settings(deadline=None, max_examples=60)
both = pytest.mark.parametrize("allocation", ALLOCATIONS)


def make_offer(base, slopes, widths, plan=None, target=None, step=4):
    base = np.array(base, float)
    slopes = [np.array(each, float) for each in slopes]
    widths = [np.array(each, float) for each in widths]
    if plan is None:
        unbound = np.full(base.size, np.inf)
        plan = clear_within(base, slopes, widths, -unbound, unbound, target)
    return AreaOffer(
        np.array(plan, float),
        base,
        slopes,
        widths,
        target,
        np.zeros(base.size),
        Moment(step),
    )


def clear_within(base, slopes, widths, low, high, target):
    curves = list(zip(slopes, widths, strict=True))
    return clear(curves, base, low, high, target, IMBALANCE, STEP_H, 0, Solver())


def clear_again(offers, secured):
    """Let every aggregator clear inside its envelope, as the protocol wants."""
    return np.stack(
        [
            clear_within(
                it.base_kw, it.slopes_dkk_per_kwh, it.widths_kw, lo, hi, it.target_kw
            )
            for it, lo, hi in zip(offers, secured.low_kw, secured.high_kw, strict=True)
        ]
    )


def draw_offers(rng, areas, sold=None):
    offers = []
    for _ in range(rng.integers(1, 4)):
        sizes = rng.integers(0, 5, areas)
        base = rng.normal(0, 3, areas)
        slopes = [np.sort(rng.normal(0, 1, m)) for m in sizes]
        # none so near to nothing that it makes no difference
        slopes = [slope + 0.01 * np.sign(slope) for slope in slopes]
        widths = [rng.uniform(0.5, 3, m) for m in sizes]
        top = base.sum() + sum(w.sum() for w in widths)
        is_sold = rng.random() < 0.5 if sold is None else sold
        target = rng.uniform(base.sum() - 2, top + 2) if is_sold else None
        offers.append(make_offer(base, slopes, widths, None, target))
    return offers


def draw_case(seed, sold=None):
    rng = np.random.default_rng(seed)
    areas = rng.integers(1, 4)
    offers = draw_offers(rng, areas, sold)
    room = Room(
        rng.normal(0, 6, areas), rng.uniform(0, 10, areas), rng.uniform(0, 10, areas)
    )
    return offers, room


def ranges(offers):
    base = np.stack([it.base_kw for it in offers])
    wide = np.array([[w.sum() for w in it.widths_kw] for it in offers])
    return base, base + wide


def least_overload_kw(offers, room):
    base, top = ranges(offers)
    over = room.uncontrolled_kw + base.sum(axis=0) - room.import_kw
    under = -room.export_kw - room.uncontrolled_kw - top.sum(axis=0)
    return np.maximum(over, 0) + np.maximum(under, 0)


def grant(offers, room, allocation="least-cost", imbalance=IMBALANCE):
    return secure(offers, room, imbalance, allocation, STEP_H, Solver())


def cost_dkk(offers, power):
    """Cost of all bids and imbalances at a power per aggregator and area."""
    total = 0.0
    for it, row in zip(offers, power, strict=True):
        for slope, width, start, at in zip(
            it.slopes_dkk_per_kwh, it.widths_kw, it.base_kw, row, strict=True
        ):
            ends = np.concatenate([[0.0], width.cumsum()])
            costs = np.append(0.0, (slope * width).cumsum())
            total += np.interp(at - start, ends, costs)
        if it.target_kw is not None:
            off = row.sum() - it.target_kw
            total += IMBALANCE.above_dkk_per_kwh * max(off, 0)
            total += IMBALANCE.below_dkk_per_kwh * max(-off, 0)
    return STEP_H * total


@both
@law
@given(seed=seeds)
def test_the_sum_of_envelopes_keeps_both_limits_as_far_as_anybody_can(allocation, seed):
    offers, room = draw_case(seed)

    secured = grant(offers, room, allocation)

    least = least_overload_kw(offers, room)
    np.testing.assert_allclose(secured.overload_kw, least, atol=TOLERANCE_KW)
    high = room.uncontrolled_kw + secured.high_kw.sum(axis=0)
    low = room.uncontrolled_kw + secured.low_kw.sum(axis=0)
    held = least == 0
    assert (high[held] <= room.import_kw[held] + TOLERANCE_KW).all()
    assert (low[held] >= -room.export_kw[held] - TOLERANCE_KW).all()
    over = np.maximum(high - room.import_kw, -room.export_kw - low)
    assert (over[~held] <= least[~held] + TOLERANCE_KW).all()


@both
@law
@given(seed=seeds)
def test_envelopes_lie_within_what_was_offered(allocation, seed):
    offers, room = draw_case(seed)

    secured = grant(offers, room, allocation)

    base, top = ranges(offers)
    assert (base <= secured.low_kw + TOLERANCE_KW).all()
    assert (secured.low_kw <= secured.high_kw).all()
    assert (secured.high_kw <= top + TOLERANCE_KW).all()


@both
@law
@given(seed=seeds)
def test_all_headroom_is_shared_out(allocation, seed):
    offers, room = draw_case(seed)

    secured = grant(offers, room, allocation)

    base, top = ranges(offers)
    high = room.uncontrolled_kw + secured.high_kw.sum(axis=0)
    low = room.uncontrolled_kw + secured.low_kw.sum(axis=0)
    held = least_overload_kw(offers, room) == 0
    most = np.minimum(room.import_kw, room.uncontrolled_kw + top.sum(axis=0))
    least = np.maximum(-room.export_kw, room.uncontrolled_kw + base.sum(axis=0))
    np.testing.assert_allclose(high[held], most[held], atol=TOLERANCE_KW)
    np.testing.assert_allclose(low[held], least[held], atol=TOLERANCE_KW)


@law
@given(seed=seeds)
def test_headroom_goes_to_each_in_proportion_to_what_it_could_use(seed):
    rng = np.random.default_rng(seed)
    base, point, top = np.sort(rng.normal(0, 3, (3, 4, 2)), axis=0)
    uncontrolled = rng.normal(0, 3, 2)
    total = uncontrolled + point.sum(axis=0)
    room = Room(
        uncontrolled, total + rng.uniform(0, 5, 2), rng.uniform(0, 5, 2) - total
    )

    low, high = share_headroom(point, base, top, room)

    for part in ((high - point) / (top - point), (point - low) / (point - base)):
        np.testing.assert_allclose(part, np.broadcast_to(part[0], part.shape))
        assert ((part >= 0) & (part <= 1)).all()


@both
@law
@given(seed=seeds)
def test_plans_that_fit_stand_and_cost_nothing(allocation, seed):
    offers, room = draw_case(seed)
    plan = np.stack([it.plan_kw for it in offers])
    total = room.uncontrolled_kw + plan.sum(axis=0)
    wide = Room(room.uncontrolled_kw, np.maximum(total, 0), np.maximum(-total, 0))

    secured = grant(offers, wide, allocation)

    assert (secured.low_kw <= plan + TOLERANCE_KW).all()
    assert (secured.high_kw >= plan - TOLERANCE_KW).all()
    assert not secured.price_dkk_per_kwh.any()
    assert not secured.overload_kw.any()


@law
@given(seed=seeds)
def test_what_is_cleared_inside_is_the_cheapest_among_all_secure_points(seed):
    offers, room = draw_case(seed)
    if least_overload_kw(offers, room).any():
        return
    secured = grant(offers, room)

    power = clear_again(offers, secured)

    cost = cost_dkk(offers, power)
    rng = np.random.default_rng(seed)
    base, top = ranges(offers)
    for size in (1.0, 0.1, 0.01):
        for _ in range(20):
            move = rng.normal(0, size, power.shape) * (rng.random(power.shape) < 0.5)
            other = np.clip(power + move, base, top)
            total = room.uncontrolled_kw + other.sum(axis=0)
            if (total <= room.import_kw).all() and (total >= -room.export_kw).all():
                assert cost_dkk(offers, other) >= cost - TOLERANCE_KW


@law
@given(seed=seeds)
def test_without_presolve_as_in_large_fleets_the_optimum_costs_the_same(seed):
    offers, room = draw_case(seed)
    asked = []

    def watched(problem, stage, step, solver):
        asked.append(solver.presolve)
        solve(problem, stage, step, solver)

    small = grant(offers, room)
    with (
        mock.patch.object(least_cost, "PRESOLVED_VARIABLES", 0),
        mock.patch.object(least_cost, "solve", watched),
    ):
        large = grant(offers, room)

    assert not any(asked)
    assert large.overload_kw == pytest.approx(small.overload_kw, abs=TOLERANCE_KW)
    costs = [cost_dkk(offers, clear_again(offers, it)) for it in (small, large)]
    assert costs[1] == pytest.approx(costs[0], abs=TOLERANCE_KW)


@law
@given(seed=seeds)
def test_a_price_has_the_sign_of_the_limit_that_binds_and_none_without(seed):
    offers, room = draw_case(seed)

    secured = grant(offers, room)

    power = room.uncontrolled_kw + clear_again(offers, secured).sum(axis=0)
    price, little = secured.price_dkk_per_kwh, TOLERANCE_DKK_PER_KWH
    assert (price[power < room.import_kw - TOLERANCE_KW] <= little).all()
    assert (price[power > -room.export_kw + TOLERANCE_KW] >= -little).all()


@law
@given(seed=seeds)
def test_a_proportional_price_has_the_sign_of_the_limit_the_plans_break(seed):
    offers, room = draw_case(seed)

    price = grant(offers, room, "proportional").price_dkk_per_kwh

    total = room.uncontrolled_kw + np.stack([it.plan_kw for it in offers]).sum(axis=0)
    assert (price[total <= room.import_kw] <= 0).all()
    assert (price[total >= -room.export_kw] >= 0).all()


@law
@given(seed=seeds)
def test_the_price_is_what_one_more_kwh_of_room_would_save(seed):
    offers, room = draw_case(seed)
    if least_overload_kw(offers, room).any():
        return
    secured = grant(offers, room)
    cost = cost_dkk(offers, clear_again(offers, secured))
    step = 1e-4

    for area in np.flatnonzero(secured.price_dkk_per_kwh):
        widened = [
            Room(
                room.uncontrolled_kw,
                room.import_kw + way * step * (np.arange(room.import_kw.size) == area),
                room.export_kw + way * step * (np.arange(room.import_kw.size) == area),
            )
            for way in (1, -1)
        ]
        if any(least_overload_kw(offers, it).any() for it in widened):
            continue
        if any((it.import_kw < -it.export_kw).any() for it in widened):
            continue
        more, less = (
            cost_dkk(offers, clear_again(offers, grant(offers, it))) for it in widened
        )
        price = abs(secured.price_dkk_per_kwh[area])
        gain, loss = (cost - more) / step / STEP_H, (less - cost) / step / STEP_H
        assert gain - 0.01 <= price <= loss + 0.01  # a corner has many prices


@law
@given(seed=seeds)
def test_proportional_gives_the_same_share_to_everybody_where_a_limit_binds(seed):
    offers, room = draw_case(seed)
    total = room.uncontrolled_kw + np.stack([it.plan_kw for it in offers]).sum(axis=0)
    binds = (total > room.import_kw) | (total < -room.export_kw)

    secured = grant(offers, room, "proportional")

    base, top = ranges(offers)
    for area in np.flatnonzero(binds):
        can = top[:, area] > base[:, area]
        wide = (top - base)[can, area]
        for end in (secured.low_kw, secured.high_kw):
            share = (end - base)[can, area] / wide
            np.testing.assert_allclose(share, share[:1].repeat(share.size), atol=1e-5)


def test_proportional_leaves_alone_an_area_whose_plans_fit():
    first = make_offer([0, 0], [[-1], [-1]], [[4], [4]], plan=[4, 4])
    second = make_offer([0, 0], [[1], [1]], [[4], [4]], plan=[0, 0])
    room = Room(np.zeros(2), np.array([2.0, 4.0]), np.zeros(2))

    secured = grant([first, second], room, "proportional")

    np.testing.assert_allclose(secured.high_kw, [[1, 4], [1, 0]], atol=TOLERANCE_KW)


def test_least_cost_takes_from_whoever_loses_least():
    dear = make_offer([0], [[-2]], [[4]])
    cheap = make_offer([0], [[-1]], [[4]])
    room = Room(np.array([1.0]), np.array([6.0]), np.zeros(1))

    secured = grant([dear, cheap], room)

    np.testing.assert_allclose(secured.high_kw, [[4], [1]])
    np.testing.assert_allclose(secured.price_dkk_per_kwh, [1])
    np.testing.assert_allclose(secured.overload_kw, [0], atol=1e-9)


def test_proportional_takes_the_same_share_and_asks_what_the_dearest_lost():
    dear = make_offer([0], [[-2]], [[4]])
    cheap = make_offer([0], [[-1]], [[8]])
    room = Room(np.array([1.0]), np.array([7.0]), np.zeros(1))

    secured = grant([dear, cheap], room, "proportional")

    np.testing.assert_allclose(secured.high_kw, [[2], [4]])
    np.testing.assert_allclose(secured.price_dkk_per_kwh, [2])


@both
def test_scarce_export_has_a_negative_price_and_a_low_end(allocation):
    offer = make_offer([-5], [[0.5, 3]], [[3, 2]])
    room = Room(np.array([-1.0]), np.array([9.0]), np.array([2.0]))

    secured = grant([offer], room, allocation)

    np.testing.assert_allclose(secured.low_kw, [[-1]])
    np.testing.assert_allclose(secured.high_kw, [[0]])
    np.testing.assert_allclose(secured.price_dkk_per_kwh, [-3])


def test_a_schedule_counts_into_the_price_of_room():
    offer = make_offer([0], [[0.1]], [[4]], target=4.0)
    room = Room(np.zeros(1), np.array([3.0]), np.zeros(1))

    secured = grant([offer], room)

    below = IMBALANCE.below_dkk_per_kwh
    np.testing.assert_allclose(secured.price_dkk_per_kwh, [below - 0.1])


def test_a_schedule_moves_power_to_the_area_with_room():
    offer = make_offer([0, 0], [[0.1], [0.2]], [[4], [4]], target=4.0)
    room = Room(np.zeros(2), np.array([1.0, 8.0]), np.zeros(2))

    secured = grant([offer], room)

    np.testing.assert_allclose(clear_again([offer], secured), [[1, 3]])
    np.testing.assert_allclose(secured.price_dkk_per_kwh, [0.1, 0], atol=1e-9)


@both
@pytest.mark.parametrize("slope", [-1e3, -1e5, -1e7])
def test_no_bid_however_urgent_outweighs_the_limit(allocation, slope):
    offer = make_offer([0], [[slope]], [[4]])
    room = Room(np.zeros(1), np.array([3.0]), np.zeros(1))

    secured = grant([offer], room, allocation)

    assert secured.high_kw.sum() <= 3.0 + TOLERANCE_KW
    assert np.isclose(secured.overload_kw[0], 0.0, atol=1e-9)


@both
def test_neither_does_an_imbalance(allocation):
    offer = make_offer([0], [[-1]], [[4]], target=9.0)
    room = Room(np.zeros(1), np.array([3.0]), np.zeros(1))

    secured = grant([offer], room, allocation, Imbalance(1e6, 1e6))

    assert secured.high_kw.sum() <= 3.0 + TOLERANCE_KW


@both
def test_must_run_above_the_limit_is_granted_alone_and_recorded(allocation):
    offer = make_offer([2], [[-1]], [[4]])
    room = Room(np.array([7.0]), np.array([5.0]), np.zeros(1))

    secured = grant([offer], room, allocation)

    np.testing.assert_allclose(secured.high_kw, [[2]])
    np.testing.assert_allclose(secured.overload_kw, [4])
    assert secured.price_dkk_per_kwh[0] > 0


def test_an_overload_nobody_can_avoid_has_the_price_of_overload():
    offer = make_offer([2], [[-1]], [[4]])
    room = Room(np.array([7.0]), np.array([5.0]), np.zeros(1))

    secured = grant([offer], room)

    np.testing.assert_allclose(secured.price_dkk_per_kwh, [OVERLOAD_DKK_PER_KWH])


def test_a_proportional_price_is_that_of_the_share_the_limit_leaves():
    offer = make_offer([-10], [[-2, -1]], [[12, 8]], plan=[10])
    room = Room(np.zeros(1), np.array([5.0]), np.zeros(1))

    secured = grant([offer], room, "proportional")

    np.testing.assert_allclose(secured.price_dkk_per_kwh, [1])


@pytest.mark.parametrize(
    ("base", "slopes", "export_kw", "price"),
    [(0, [-3, -1], 9.0, 1), (-8, [1, 3], 4.0, -1)],
)
def test_at_a_corner_the_proportional_price_is_that_of_the_next_kwh_of_room(
    base, slopes, export_kw, price
):
    offer = make_offer([base], [slopes], [[4, 4]])
    room = Room(np.zeros(1), np.array([4.0]), np.array([export_kw]))

    secured = grant([offer], room, "proportional")

    np.testing.assert_allclose(secured.price_dkk_per_kwh, [price])


@both
def test_feed_in_nobody_can_use_leaves_only_the_highest_power(allocation):
    offer = make_offer([-2], [[1]], [[3]])
    room = Room(np.array([-7.0]), np.array([5.0]), np.array([4.0]))

    secured = grant([offer], room, allocation)

    np.testing.assert_allclose(secured.low_kw, [[1]])
    np.testing.assert_allclose(secured.overload_kw, [2])
    assert secured.price_dkk_per_kwh[0] < 0


@both
def test_without_any_room_must_run_is_all_there_is(allocation):
    offers = [make_offer([0, 1], [[-1], [-1]], [[4], [4]])] * 10
    room = Room(np.array([0.0, -10.0]), np.zeros(2), np.zeros(2))

    secured = grant(offers, room, allocation)

    np.testing.assert_allclose(secured.high_kw, np.tile([0, 1], (10, 1)), atol=1e-9)


@both
def test_areas_without_flexible_sites_keep_what_they_have(allocation):
    offers = [make_offer([0, 0], [[], [-1]], [[], [4]])] * 10
    room = Room(np.array([3.0, 3.0]), np.array([1.0, 5.0]), np.zeros(2))

    secured = grant(offers, room, allocation)

    assert not secured.high_kw[:, 0].any()
    np.testing.assert_allclose(secured.overload_kw, [2, 0], atol=1e-9)
    assert np.isclose(secured.high_kw[:, 1].sum(), 2.0)


@both
@law
@given(seed=seeds)
def test_a_tighter_limit_never_raises_what_an_area_may_draw(allocation, seed):
    offers, room = draw_case(seed, sold=False if allocation == "proportional" else None)
    tighter = Room(room.uncontrolled_kw, 0.7 * room.import_kw, room.export_kw)

    loose, tight = (grant(offers, it, allocation) for it in (room, tighter))

    high = np.array([it.high_kw.sum(axis=0) for it in (loose, tight)])
    assert (high[1] <= high[0] + TOLERANCE_KW).all()


@pytest.mark.parametrize("bad", ["uncontrolled", "limit", "crossed"])
def test_what_is_no_number_is_refused(bad):
    offer = make_offer([0], [[-1]], [[4]])
    rooms = {
        "uncontrolled": Room(np.array([np.nan]), np.array([1.0]), np.zeros(1)),
        "limit": Room(np.zeros(1), np.array([np.nan]), np.zeros(1)),
        "crossed": Room(np.zeros(1), np.array([1.0]), np.array([-2.0])),
    }

    with pytest.raises(ValueError, match="area 0"):
        grant([offer], rooms[bad])


def test_infinite_limits_leave_everybody_free():
    offer = make_offer([1], [[-1, 1]], [[4, 4]])
    unbound = np.full(1, np.inf)

    secured = grant([offer], Room(np.zeros(1), unbound, unbound))

    np.testing.assert_allclose([secured.low_kw, secured.high_kw], [[[1]], [[9]]])


@both
def test_a_stage_that_fails_says_which_step(allocation, monkeypatch, tmp_path):
    offer = make_offer([0], [[-1]], [[np.nan]], plan=[2.0], step=41)
    room = Room(np.zeros(1), np.array([1.0]), np.zeros(1))
    solver = Solver(lp_folder=tmp_path)

    with pytest.raises((StageError, ValueError)) as caught:
        secure([offer], room, IMBALANCE, allocation, STEP_H, solver)

    assert "41" in str(caught.value) or "area 0" in str(caught.value)


@both
def test_its_problem_reads_like_the_formula(allocation, tmp_path):
    offer = make_offer([0], [[-1]], [[4]], target=4.0)
    room = Room(np.zeros(1), np.array([1.0]), np.zeros(1))

    secure([offer], room, IMBALANCE, allocation, STEP_H, Solver(lp_folder=tmp_path))

    text = next(tmp_path.iterdir()).read_text()
    names = {"least-cost": ("power_0_0_0", "schedule_0", "imbalance_below_0")}
    names["proportional"] = ("share_0", "above_plan_0", "from_plan_0")
    for name in (*names[allocation], "import_0", "export_0", "overload_import_0"):
        assert name in text
